/**
 * Reports and orders as lines for a human: in the stories of the tests, and where a recording is
 * played again. Time counts from `startedAt`.
 */
import { asObject, parseJson } from "./json.ts";
import { type Instant, instant, type Order, type Report } from "./protocol.ts";

const zero = instant(0);

/** What others call the members of a Lease's spec, and we for short. */
const short: Readonly<Record<string, string>> = {
  holderIdentity: "holder",
  leaseDurationSeconds: "duration",
  acquireTime: "acquire",
  renewTime: "renew",
  leaseTransitions: "transitions",
};

/** A report in one line; a Lease is shown by what it says. */
export function describeReport(report: Report, startedAt: Instant = zero): string {
  switch (report.type) {
    case "answered": {
      const { type, id, status, body } = report;
      const lease = leaseIn(parseJson(body));
      const isPlain = report.retryAfterMs === undefined && (body === "" || lease !== undefined);
      return isPlain ? words(type, id, status, lease) : JSON.stringify(report);
    }
    case "line": {
      const event = asObject(parseJson(report.text));
      const lease = leaseIn(event?.["object"]);
      return lease === undefined || typeof event?.["type"] !== "string"
        ? JSON.stringify(report)
        : words("line", report.id, event["type"], lease);
    }
    case "unanswered":
      return words(report.type, report.id, report.error);
    case "opened":
      return words(report.type, report.id);
    case "ended":
      return report.error === undefined ? words("ended", report.id) : JSON.stringify(report);
    case "signalled":
      return words(report.type, report.signal);
    case "guardReady":
      return words(report.type, Math.round(report.at - startedAt));
    case "started":
      return words(report.type, report.pid);
    case "tick":
    case "emptied":
    case "guardFired":
      return report.type;
    default:
      return JSON.stringify(report);
  }
}

/** An order in one line; a body is shown by what it says. */
export function describeOrder(order: Order, now: Instant, startedAt: Instant = zero): string {
  switch (order.type) {
    case "request": {
      const fresh = order.fresh ? " fresh" : "";
      const path = order.path.replace(
        /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/[^/]*\//,
        "",
      );
      return `request ${order.id} ${order.method} ${path}${fresh}${bodyOf(order.body)}`;
    }
    case "watch": {
      const query = order.path.split("?")[1] ?? "";
      return `watch ${order.id} ${query.replace(/^.*allowWatchBookmarks=true&?/, "")}`.trim();
    }
    case "guard": {
      if (order.at === undefined) return "guard off";
      return `guard at ${Math.round(order.at - startedAt)} (+${Math.round(order.at - now)})`;
    }
    case "start":
      return `start ${JSON.stringify(order.addEnv)}`;
    case "print":
      // Each line says beside it when it was.
      return `print ${order.line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, "")}`;
    default:
      return JSON.stringify(order);
  }
}

function words(...all: readonly (string | number | undefined)[]): string {
  return all.filter((word) => word !== undefined).join(" ");
}

function leaseIn(value: unknown): string | undefined {
  const object = asObject(value);
  if (object?.["kind"] !== "Lease") return undefined;
  const { resourceVersion, uid, annotations } = asObject(object["metadata"]) ?? {};
  const marks = asObject(annotations) ?? {};
  const spec = Object.entries(asObject(object["spec"]) ?? {}).map(
    ([name, value]) => [short[name] ?? name, value] as const,
  );
  return JSON.stringify({
    rv: resourceVersion,
    uid,
    ...Object.fromEntries(spec),
    term: marks["k8s-await-election/term"],
    released: marks["k8s-await-election/released"],
  });
}

function bodyOf(body: string | undefined): string {
  const object = body === undefined ? undefined : asObject(parseJson(body));
  if (object === undefined) return "";
  const { resourceVersion, annotations } = asObject(object["metadata"]) ?? {};
  const { subsets, endpoints, reason, note } = object;
  const shown = {
    rv: resourceVersion,
    ...asObject(object["spec"]),
    ...(subsets !== undefined && { subsets }),
    ...(endpoints !== undefined && { endpoints }),
    ...(note !== undefined && { reason, note }),
    annotations,
  };
  return ` ${JSON.stringify(shown)}`;
}
