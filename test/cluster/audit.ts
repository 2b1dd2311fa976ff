/** The audit log of kube-apiserver: who asked what about Leases and Endpoints, as the server saw it. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Audit {
  /** What kube-apiserver is started with, so that it writes the log. */
  readonly flags: readonly string[];
  /** All requests about this namespace that were answered so far; a watch once its answer began. */
  requests(namespace: string): Promise<readonly AuditedRequest[]>;
  remove(): Promise<void>;
}

export interface AuditedRequest {
  /** `get`, `update`, `create`, `watch`, ... */
  readonly verb: string;
  readonly resource: string;
  /** The pod to which the token was bound; none where the token was refused. */
  readonly pod?: string;
  readonly status: number;
  /** Wall time. */
  readonly atMs: number;
}

const policy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  rules: [
    {
      level: "Metadata",
      omitStages: ["RequestReceived"],
      resources: [
        { group: "coordination.k8s.io", resources: ["leases"] },
        { group: "", resources: ["endpoints"] },
      ],
    },
    { level: "None" },
  ],
};

/** `audit.k8s.io/v1`, as far as it is read here. */
interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: { readonly resource?: string; readonly namespace?: string };
}

/** Before the control plane is started: it reads the policy at its start. */
export async function openAudit(): Promise<Audit> {
  const folder = await mkdtemp(join(tmpdir(), "audit-"));
  const [policyFile, logFile] = [join(folder, "policy.json"), join(folder, "audit.log")];
  await writeFile(policyFile, JSON.stringify(policy));
  return {
    flags: [`--audit-policy-file=${policyFile}`, `--audit-log-path=${logFile}`],
    async requests(namespace) {
      const lines = (await readFile(logFile, "utf8")).split("\n").slice(0, -1);
      return lines
        .map((line) => JSON.parse(line) as AuditEvent)
        .filter((event) => event.objectRef?.namespace === namespace && isFirst(event))
        .map(requestOf);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A watch is told twice, when its answer begins and when it ends; a refused token only at first. */
function isFirst({ verb, stage, responseStatus }: AuditEvent): boolean {
  const isToldAtFirst = verb === "watch" || responseStatus?.code === 401;
  return stage === (isToldAtFirst ? "ResponseStarted" : "ResponseComplete");
}

function requestOf(event: AuditEvent): AuditedRequest {
  const pod = event.user.extra?.["authentication.kubernetes.io/pod-name"]?.[0];
  return {
    verb: event.verb,
    resource: event.objectRef?.resource ?? "",
    ...(pod === undefined ? {} : { pod }),
    status: event.responseStatus?.code ?? 0,
    atMs: Date.parse(event.requestReceivedTimestamp),
  };
}
