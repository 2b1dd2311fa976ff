/**
 * The status endpoint of the original, byte for byte, on every path and for every method: 200 while
 * this process may go on as it is, 500 from G on or without its watchdog.
 *
 * It is served as well as it goes: a port in use never stops a leader.
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

type Effects = readonly [Status, ...Effect[]];

const retryMs = 5000;
const contentType = "text/plain; charset=utf-8";

export function begin(address: Address): Effects {
  return [{ address, wasRefused: false }, listen(address)];
}

export function step(status: Status, report: Report, isWell: boolean, now: Now): Effects {
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
      return [status, answer(report.id, isWell)];
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

function answer(id: string, isWell: boolean): Order {
  return isWell
    ? { type: "reply", id, status: 200, contentType, body: '{"status": "ok"}' }
    : { type: "reply", id, status: 500, contentType, body: '{"status": "expired"}' };
}
