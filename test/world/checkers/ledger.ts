/**
 * What each process wrote and what came of it, kept from its traffic alone: the checkers' own idea of
 * whose term it is and until when, owed to nothing that the program computed.
 */
import { isNewer } from "../../../src/core/json.ts";
import { type Lease, leaseOf, recordKey } from "../../../src/core/lease.ts";
import type { Instant, Order, Report } from "../../../src/core/protocol.ts";
import { parsed } from "../parsed.ts";
import { leases } from "../server.ts";
import type { Process, Step } from "../witness.ts";

export interface Sent {
  readonly id: string;
  readonly kind: "claim" | "renewal" | "release";
  readonly method: string;
  readonly lease: Lease;
  readonly sentAt: Instant;
}

export interface Book {
  /** Every write to the Lease, by the id of its request. */
  readonly writes: Map<string, Sent>;
  /** Those of them that have not ended. */
  readonly open: Set<string>;
  readonly reads: Set<string>;
  /** When the last confirmed write of the term was sent: S6. */
  confirmedAt: Instant | undefined;
  /** The claim that opened the term, and the version that its own answer gave. */
  opened: { readonly claim: Sent; readonly token: string } | undefined;
  /** The newest version that is known to be ours. */
  ownVersion: string;
  /** The first record with a holder that it saw, in real time. */
  sawHolderAtMs: number | undefined;
  /** The record that it saw last, or the absence of any, and since when, in real time. */
  seen: { readonly key: string; readonly sinceMs: number } | undefined;
  /** The newest version that it saw, be it ours or not. */
  newestVersion: string;
}

/** What a report shows of the Lease, if it is about the Lease at all. */
export interface Sight {
  readonly by: "write" | "read" | "watch";
  readonly lease: Lease | "missing";
  /** The version of a deletion; a missing Lease has none. */
  readonly version: string | undefined;
}

/** The key of no record at all. */
const absent = "absent";

export class Ledger {
  readonly #books = new Map<string, Book>();
  /** What the last report showed, for the checkers that come after. */
  sight: Sight | undefined;
  /** What the last step sent to the Lease. */
  sent: Sent | undefined;

  of({ id }: Pick<Process, "id">): Book {
    const known = this.#books.get(id);
    if (known !== undefined) return known;
    const book: Book = {
      writes: new Map(),
      open: new Set(),
      reads: new Set(),
      confirmedAt: undefined,
      opened: undefined,
      ownVersion: "0",
      sawHolderAtMs: undefined,
      seen: undefined,
      newestVersion: "0",
    };
    this.#books.set(id, book);
    return book;
  }

  stepped({ process, report, orders, now }: Step, nowMs: number): void {
    const book = this.of(process);
    this.sent = undefined;
    this.sight = report === undefined ? undefined : sightOf(book, report);
    if (report?.type === "answered" || report?.type === "unanswered") {
      book.open.delete(report.id);
      if (report.type === "answered") confirm(book, report.id, this.sight);
    }
    if (this.sight !== undefined) note(book, this.sight, nowMs);
    for (const order of orders) {
      if (order.type === "abandon") book.open.delete(order.id);
      if (order.type !== "request" || !order.path.startsWith(leases)) continue;
      if (order.method === "GET") book.reads.add(order.id);
      else this.sent = take(book, order, now.instant);
    }
  }
}

function sightOf(book: Book, report: Report): Sight | undefined {
  if (report.type === "line") {
    const event = parsed(report.text) as { type?: string; object?: unknown } | undefined;
    const lease = leaseOf(event?.object);
    if (typeof lease === "string" || event?.type === "BOOKMARK") return undefined;
    const isGone = event?.type === "DELETED";
    return { by: "watch", lease: isGone ? "missing" : lease, version: lease.version };
  }
  if (report.type !== "answered") return undefined;
  const by = book.writes.has(report.id) ? "write" : book.reads.has(report.id) ? "read" : undefined;
  if (by === undefined) return undefined;
  if (by === "read" && report.status === 404) return { by, lease: "missing", version: undefined };
  if (report.status !== 200 && report.status !== 201) return undefined;
  const lease = leaseOf(parsed(report.body));
  return typeof lease === "string" ? undefined : { by, lease, version: lease.version };
}

/** Streams repeat what is old: only what is newer tells anything, and a 404, which has no version. */
function note(book: Book, { lease, version }: Sight, nowMs: number): void {
  if (lease !== "missing" && lease.holder !== "") book.sawHolderAtMs ??= nowMs;
  if (version !== undefined && !isNewer(version, book.newestVersion)) return;
  book.newestVersion = version ?? book.newestVersion;
  const key = lease === "missing" ? absent : recordKey(lease);
  if (book.seen?.key !== key) book.seen = { key, sinceMs: nowMs };
}

/** A write is confirmed by its own answer, or by a read that shows its very time (S6). */
function confirm(book: Book, id: string, sight: Sight | undefined): void {
  if (sight === undefined || sight.lease === "missing") return;
  const { lease } = sight;
  const shown = [...book.writes.values()].find(
    (write) =>
      write.lease.renewTime === lease.renewTime &&
      write.lease.termMark === lease.termMark &&
      write.lease.holder === lease.holder &&
      write.kind !== "release",
  );
  if (shown === undefined) return;
  const own = sight.by === "write" && shown.id === id;
  if (own && shown.kind === "claim") {
    book.opened = { claim: shown, token: lease.version };
    book.confirmedAt = shown.sentAt;
  } else if (isOfTerm(book, shown) && (own || sight.by === "read")) {
    book.confirmedAt = later(book.confirmedAt, shown.sentAt);
  }
  if (isOfTerm(book, shown)) book.ownVersion = lease.version;
}

function isOfTerm({ opened }: Book, { lease }: Sent): boolean {
  return opened !== undefined && opened.claim.lease.termMark === lease.termMark;
}

function later(a: Instant | undefined, b: Instant): Instant {
  return a !== undefined && a > b ? a : b;
}

function take(
  book: Book,
  order: Extract<Order, { type: "request" }>,
  sentAt: Instant,
): Sent | undefined {
  const body = JSON.parse(order.body ?? "null") as { metadata: Record<string, unknown> };
  const { uid = "none", resourceVersion = "0" } = body.metadata;
  const lease = leaseOf({ ...body, metadata: { ...body.metadata, uid, resourceVersion } });
  if (typeof lease === "string") return undefined;
  const isRenewal = book.opened?.claim.lease.termMark === lease.termMark;
  const kind = lease.holder === "" ? "release" : isRenewal ? "renewal" : "claim";
  const sent: Sent = { id: order.id, kind, method: order.method, lease, sentAt };
  if (kind === "claim") {
    book.opened = undefined;
    book.confirmedAt = undefined;
    for (const [id, write] of book.writes) if (write.kind !== "claim") book.writes.delete(id);
  }
  if (book.writes.size > 40) {
    const [oldest] = book.writes.keys();
    if (oldest !== undefined) book.writes.delete(oldest);
  }
  book.writes.set(order.id, sent);
  book.open.add(order.id);
  return sent;
}
