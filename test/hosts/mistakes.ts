/** What an operator's mistake looks like from outside: the lines that complain. */
import type { Bin } from "./bin.ts";

const complaint = /^(\S+ (WARN|ERROR) |k8s-await-election: )/;

/** Every warning and error, but the one that any run outside a container has. */
export function complaints({ log }: Bin): readonly string[] {
  return log.all.filter((line) => complaint.test(line) && !line.includes("not PID 1"));
}

/** The line that names what is missing, and the rule that grants it. */
export function lacking(verbs: string, resource = "leases"): RegExp {
  const rule = `rule="- {.*resources: \\['${resource}'\\], .*verbs: \\[${verbs}\\]}"`;
  return new RegExp(`missing permission to ${verbs} ${resource}: .* ${rule}`);
}

/** A manifest without mistakes, but for the API server. */
export const rightSettings: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_ENABLED: "1",
  K8S_AWAIT_ELECTION_NAME: "my-server",
  K8S_AWAIT_ELECTION_LOCK_NAME: "my-server",
  K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
  K8S_AWAIT_ELECTION_IDENTITY: "my-server-1",
};
