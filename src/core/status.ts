/**
 * The status endpoint: what it says is in `pages.ts`. It is served as well as it goes: a port in use
 * never stops a leader.
 */
import type { Address } from "./forms.ts";
import { type Effect, note } from "./notes.ts";
import { type Instant, later, type Now, type Order, type Report } from "./protocol.ts";

export interface Status {
  readonly address: Address;
  /** When to try again to listen. */
  readonly retryAt?: Instant;
  readonly wasRefused: boolean;
}

/** What is answered, to any method. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type Effects = readonly [Status, ...Effect[]];

const retryMs = 5000;

export function begin(address: Address): Effects {
  return [{ address, wasRefused: false }, listen(address)];
}

/** Takes any report; `pageOf` is asked for the page of a path. */
export function step(
  status: Status,
  report: Report,
  pageOf: (path: string) => Page,
  now: Now,
): Effects {
  switch (report.type) {
    case "listening":
      return [status, note("debug", "the status endpoint is served")];
    case "listenFailed": {
      const retryAt = later(now.instant, retryMs);
      const problem = note("warn", "the status endpoint cannot be served: trying again", {
        problem: report.message,
      });
      return [{ ...status, retryAt, wasRefused: true }, ...(status.wasRefused ? [] : [problem])];
    }
    case "asked":
      return [status, { type: "reply", id: report.id, ...pageOf(report.path) }];
    default: {
      if (status.retryAt === undefined || now.instant < status.retryAt) return [status];
      const { retryAt: _, ...trying } = status;
      return [trying, listen(status.address)];
    }
  }
}

export function wakeAt(status: Status): Instant | undefined {
  return status.retryAt;
}

function listen({ host, port }: Address): Order {
  return { type: "listen", port, ...(host === undefined ? {} : { host }) };
}
