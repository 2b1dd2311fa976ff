/** Open watches: what has happened since a version, then what happens, as lines of JSON. */

import { isJsonObject } from "./json.ts";
import { apiVersionOf } from "./kind.ts";
import { type Change, type Objects, withVersion } from "./objects.ts";
import { presented } from "./presentation.ts";
import { expired, type Target } from "./replies.ts";
import type { Selection } from "./selection.ts";
import { decode } from "./shapes.ts";

/** An answer that goes on: status 200 and lines until either side ends it. */
export interface Stream {
  readonly type: "stream";
  readonly status: 200;
  readonly headers: Readonly<Record<string, string>>;
  /** How long the client wants it; whoever serves the stream has the clock and ends it. */
  readonly timeoutMs?: number;
  /** Hands over what waits, and then every line at once. To be called once. */
  start(listener: StreamListener): void;
  close(): void;
}

export interface StreamListener {
  /** One event, without the newline. */
  onLine(text: string): void;
  /** The server has no more to say. */
  onEnd(): void;
}

export interface WatchOptions {
  readonly selection: Selection;
  /** Changes after this version; 0 for the present state as `ADDED` events and all that follows. */
  readonly from: number;
  readonly wantsBookmarks: boolean;
  readonly timeoutMs?: number;
}

export function openWatch(objects: Objects, target: Target, options: WatchOptions): Stream {
  const { selection, from, wantsBookmarks, timeoutMs } = options;
  const output = new Output();
  const missed = from === 0 ? [] : objects.changesAfter(from);
  if (missed === undefined) {
    // A real server has sent its headers by now, so that the refusal is an event, not a status.
    output.line(event("ERROR", JSON.stringify(expired(from, objects.oldestVersion))));
    output.end();
  } else {
    if (from === 0) {
      const present = objects.list(target.kind).filter(selection);
      for (const object of present) output.line(event("ADDED", presented(target.kind, object)));
    }
    const unsubscribe = objects.subscribe({
      changed: (change) => tell(change),
      bookmark: (version) => {
        if (wantsBookmarks) output.line(bookmark(target, Math.max(version, from)));
      },
      end: () => output.end(),
    });
    output.atClose(unsubscribe);
    for (const change of missed) tell(change);
  }
  return {
    type: "stream",
    status: 200,
    headers: { "content-type": "application/json", "cache-control": "no-cache, private" },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    start: (listener) => output.start(listener),
    close: () => output.close(),
  };

  function tell(change: Change): void {
    // A client may name a version of the future; until then it hears nothing.
    if (change.kind !== target.kind || change.version <= from) return;
    const line = changeLine(target, selection, change);
    if (line !== undefined) output.line(line);
  }
}

/** Holds lines back until somebody listens. */
class Output {
  #waiting: string[] = [];
  #listener: StreamListener | undefined;
  #isEnded = false;
  #undo: () => void = () => undefined;

  atClose(undo: () => void): void {
    this.#undo = undo;
  }

  line(text: string): void {
    if (this.#listener === undefined) this.#waiting.push(text);
    else this.#listener.onLine(text);
  }

  end(): void {
    this.#undo();
    this.#isEnded = true;
    this.#listener?.onEnd();
  }

  start(listener: StreamListener): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#listener = listener;
    for (const text of waiting) listener.onLine(text);
    if (this.#isEnded) listener.onEnd();
  }

  close(): void {
    this.#undo();
    this.#listener = { onLine: () => undefined, onEnd: () => undefined };
  }
}

/** An object that comes into the selection is added to it, one that leaves it is deleted from it. */
function changeLine(target: Target, selection: Selection, change: Change): string | undefined {
  const { before, after, version } = change;
  const wasIn = before !== undefined && selection(before);
  if (after !== undefined && selection(after)) {
    return event(wasIn ? "MODIFIED" : "ADDED", presented(target.kind, after));
  }
  if (!wasIn) return undefined;
  // The last state of the object under the version of its deletion.
  return event("DELETED", presented(target.kind, withVersion(before, version)));
}

function bookmark(target: Target, version: number): string {
  const { kind } = target;
  // The empty object of the kind: a Lease has its empty spec even here.
  const empty = decode(kind.shape, {});
  const rest = "value" in empty && isJsonObject(empty.value) ? empty.value : {};
  const metadata = { resourceVersion: String(version) };
  const object = { kind: kind.kind, apiVersion: apiVersionOf(kind), ...rest, metadata };
  return event("BOOKMARK", JSON.stringify(object));
}

function event(type: string, text: string): string {
  return `{"type":"${type}","object":${text}}`;
}
