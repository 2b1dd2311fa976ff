/** Replicas that serve, the Service in front of them, and a client that never rests. */
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { callApi } from "../support/api-client.ts";
import type { ControlPlane } from "./control-plane.ts";
import { deploy, type Deployment, lockName, type Replica } from "./replicas.ts";
import { sliceRole } from "./roles.ts";
import { freePort } from "./server-processes.ts";
import { type ServiceProxy, startServiceProxy } from "./service-proxy.ts";
import { until } from "./until.ts";

export const serviceName = "web";

export interface Served {
  readonly deployment: Deployment;
  readonly proxy: ServiceProxy;
  /** Starts one more replica, whose address is the next of 10.1.0.0/24. */
  start(env?: Readonly<Record<string, string>>): Promise<Replica>;
  addressOf(replica: Replica): string;
}

/** A Service without selector, a stand-in for kube-proxy, and no replica yet. */
export async function serve(t: TestContext, plane: ControlPlane): Promise<Served> {
  const command = fileURLToPath(new URL("./serving-command.js", import.meta.url));
  const rules = sliceRole(lockName, serviceName);
  const deployment = await deploy(t, plane, { rules, argv: [process.execPath, command] });
  const { namespace } = deployment;
  await putService(plane, namespace, { ports: [{ name: "tcp", port: 80 }] });
  const ports = new Map<string, number>();
  const proxy = await startServiceProxy(plane, namespace, serviceName, (ip) => ports.get(ip));
  t.after(() => proxy.close());
  const addresses = new Map<string, string>();
  return {
    deployment,
    proxy,
    async start(env = {}) {
      const ip = `10.1.0.${ports.size + 1}`;
      const port = await freePort();
      ports.set(ip, port);
      const replica = await deployment.start({
        K8S_AWAIT_ELECTION_SERVICE_NAME: serviceName,
        K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: `[{"name":"tcp","port":${port}}]`,
        K8S_AWAIT_ELECTION_POD_IP: ip,
        SERVING_PORT: String(port),
        ...env,
      });
      addresses.set(replica.identity, ip);
      return replica;
    },
    addressOf: ({ identity }) => addresses.get(identity) ?? "",
  };
}

export async function putService(
  plane: ControlPlane,
  namespace: string,
  spec: Readonly<Record<string, unknown>>,
): Promise<void> {
  const body = { apiVersion: "v1", kind: "Service", metadata: { name: serviceName }, spec };
  const path = `/api/v1/namespaces/${namespace}/services`;
  const { status, text } = await callApi(plane.access, "POST", path, body);
  if (status !== 201) throw new Error(`Cannot create the Service: ${status} ${text}`);
}

/** The wall time of the line that a replica's command printed. */
export async function printedAtMs({ bin }: Replica, what: string): Promise<number> {
  const line = await bin.output.first(new RegExp(`^${what} \\d+$`));
  return Number(line.split(" ")[1]);
}

export interface Answer {
  readonly atMs: number;
  /** Who answered; nobody where the connection was refused or broken. */
  readonly by: string | undefined;
}

export interface Client {
  stop(): Promise<readonly Answer[]>;
  /** Once this replica has answered. */
  stopAfter(identity: string): Promise<readonly Answer[]>;
}

/** Asks again and again, one connection after another, until it is told to stop. */
export function startClient(port: number): Client {
  const answers: Answer[] = [];
  const stopping = new AbortController();
  const asking = (async () => {
    while (!stopping.signal.aborted) {
      const by = await ask(port);
      answers.push({ atMs: Date.now(), by });
      await pause(by === undefined ? 3 : 1);
    }
  })();
  const stop = async (): Promise<readonly Answer[]> => {
    stopping.abort();
    await asking;
    return answers;
  };
  return {
    stop,
    async stopAfter(identity) {
      await until(`an answer of ${identity}`, () =>
        answers.some(({ by }) => by === identity) ? true : undefined,
      );
      return stop();
    },
  };
}

function ask(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(text.trim() || undefined));
  });
}
