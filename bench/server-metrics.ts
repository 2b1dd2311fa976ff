/** What kube-apiserver counts of itself. */
import { type ApiAccess, callApi } from "../test/support/api-client.ts";

export interface ServerMetrics {
  /** About Leases, answered so far; a watch counts when it ends. */
  readonly requests: number;
  /** Of Leases, open now. */
  readonly watches: number;
}

/** @throws where it does not tell. */
export async function readMetrics(access: ApiAccess): Promise<ServerMetrics> {
  const { status, text } = await callApi(access, "GET", "/metrics");
  if (status !== 200) throw new Error(`Cannot read the metrics of kube-apiserver: ${status}`);
  return parseMetrics(text);
}

/** Sums over all verbs, codes and scopes. */
export function parseMetrics(text: string): ServerMetrics {
  const sum = (metric: string): number => {
    const lines = text.split("\n").filter((line) => line.startsWith(`${metric}{`));
    const ofLeases = lines.filter((line) => line.includes('resource="leases"'));
    return ofLeases.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };
  return {
    requests: sum("apiserver_request_total"),
    watches: sum("apiserver_longrunning_requests"),
  };
}
