/** What a run was made on: figures of two machines, or of two versions, are not the same figures. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** Programs and libraries by name. */
  readonly versions: Readonly<Record<string, string>>;
}

// Found from where this module runs, which is dist/bench.
const root = fileURLToPath(new URL("../..", import.meta.url));

export function describeMachine(nativeFile: string | undefined, hasGo: boolean): Machine {
  const [first] = cpus();
  const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  const goModules = readFileSync(join(root, "test/interop/client-go-elector/go.mod"), "utf8");
  const ofClientGo = /k8s\.io\/client-go (\S+)/.exec(goModules)?.[1] ?? "unknown";
  return {
    processor: first?.model.trim() ?? "unknown",
    processors: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    versions: {
      "k8s-await-election": firstLine("git", ["-C", root, "describe", "--always", "--dirty"]),
      Node: process.version,
      ...(nativeFile === undefined ? {} : { "native file": `sha256 ${digestOf(nativeFile)}` }),
      ...(hasGo ? { "client-go": ofClientGo } : {}),
      "kube-apiserver": firstLine(join(assets, "kube-apiserver"), ["--version"]),
      etcd: firstLine(join(assets, "etcd"), ["--version"]),
    },
  };
}

function digestOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 12);
}

function firstLine(program: string, words: readonly string[]): string {
  const text = execFileSync(program, words, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return text.split("\n", 1)[0] ?? "";
}
