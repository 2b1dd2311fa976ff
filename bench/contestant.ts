/** What is measured: an elector in front of a command, however it is started and whatever it says. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { durations, flagsOf } from "../test/interop/durations.ts";
import type { Profile } from "./profile.ts";

export interface Contestant {
  readonly name: string;
  readonly kind: "entry point" | "library" | "client-go" | "yardstick";
  /** What one file of it is called and where it lies, where its size says anything. */
  readonly file?: string;
  /** Its leader leaves without a release, so that every hand-over takes an expiry. */
  readonly isSlow?: true;
  /** What starts it in front of a command. */
  launch(place: Place, command: readonly string[]): Launch;
  /** What starts one process that competes for so many Leases, where there can be such a one. */
  launchMany?(place: Place, count: number): Launch;
  /** The line of its log by which a replica tells that it knows who leads. */
  follows(leader: string): RegExp;
}

/** Where a replica stands, and whom it competes with. */
export interface Place {
  readonly server: { readonly host: string; readonly port: number };
  readonly kubeconfig: string;
  /** The folder of its ServiceAccount, as a pod has it. */
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly lock: string;
  readonly identity: string;
  readonly profile: Profile;
}

export interface Launch {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

// Found from where this module runs, which is dist/bench.
const nodeFile = fileURLToPath(new URL("../src/cli.js", import.meta.url));
const arch = process.arch === "arm64" ? "arm64" : "amd64";
const nativeFile = fileURLToPath(
  new URL(`../native/k8s-await-election-linux-${arch}`, import.meta.url),
);

export const node: Contestant = entryPoint("ours, Node", [process.execPath, nodeFile]);

/** Nothing where `npm run build:native` was not run. */
export const native: Contestant | undefined = existsSync(nativeFile)
  ? { ...entryPoint("ours, native", [nativeFile]), file: nativeFile }
  : undefined;

const library = fileURLToPath(new URL("./contestants/library-worker.js", import.meta.url));
const libraryMany = fileURLToPath(new URL("./contestants/library-many.js", import.meta.url));

export const ourLibrary: Contestant = {
  name: "ours, library",
  kind: "library",
  launch: (place, command) => ({
    argv: [process.execPath, library, ...command],
    env: ourVariables(place),
  }),
  launchMany: (place, count) => ({
    argv: [process.execPath, libraryMany, String(count)],
    env: ourVariables(place),
  }),
  follows: (leader) => new RegExp(`^follows ${leader}$`),
};

/** The command alone: what no elector can be faster than. */
export const bare: Contestant = {
  name: "no wrapper",
  kind: "yardstick",
  launch: (_place, command) => ({ argv: command }),
  follows: () => /$^/,
};

export function clientGo(program: string, releases: boolean): Contestant {
  return {
    name: releases ? "client-go, release" : "client-go, none",
    kind: "client-go",
    file: program,
    ...(releases ? {} : { isSlow: true }),
    launch: ({ kubeconfig, namespace, lock, identity, profile }, command) => ({
      argv: [
        program,
        `-kubeconfig=${kubeconfig}`,
        `-namespace=${namespace}`,
        `-lock=${lock}`,
        `-identity=${identity}`,
        `-release-on-cancel=${releases}`,
        ...flagsOf(profile.name),
        "--",
        ...command,
      ],
    }),
    follows: (leader) => new RegExp(`"event":"observed-leader".*"leader":"${leader}"`),
  };
}

function entryPoint(name: string, words: readonly string[]): Contestant {
  return {
    name,
    kind: "entry point",
    launch: (place, command) => ({
      argv: [...words, ...command],
      env: {
        ...ourVariables(place),
        K8S_AWAIT_ELECTION_ENABLED: "1",
        K8S_AWAIT_ELECTION_NAME: "bench",
      },
    }),
    follows: (leader) => new RegExp(`the leader is "${leader}"`),
  };
}

/** The same names as the entry point's, for every program of ours. */
export function ourVariables(place: Place): Readonly<Record<string, string>> {
  return {
    KUBERNETES_SERVICE_HOST: place.server.host,
    KUBERNETES_SERVICE_PORT: String(place.server.port),
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: place.serviceAccount,
    K8S_AWAIT_ELECTION_LOCK_NAMESPACE: place.namespace,
    K8S_AWAIT_ELECTION_LOCK_NAME: place.lock,
    K8S_AWAIT_ELECTION_IDENTITY: place.identity,
    ...durations(place.profile.name),
  };
}
