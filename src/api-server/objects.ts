/**
 * The objects, their versions, and the history from which watches begin.
 *
 * One counter numbers the changes of all kinds, as etcd's revision does. Objects are never changed,
 * only replaced, so that a snapshot is a copy of the map alone.
 */

import type { Kind } from "./kind.ts";
import type { Draft, StoredMetadata, StoredObject } from "./json.ts";

/** The place of one object. */
export interface Key {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

/** What happened to one object: created (no `before`), replaced, or removed (no `after`). */
export interface Change {
  readonly kind: Kind;
  readonly version: number;
  readonly before?: StoredObject | undefined;
  readonly after?: StoredObject | undefined;
}

/** Told of everything from the moment of subscribing on, synchronously and in order. */
export interface Subscriber {
  changed(change: Change): void;
  bookmark(version: number): void;
  /** The history is not continuous any more; nothing follows. */
  end(): void;
}

/** A state to return to; see `restore`. */
export interface Snapshot {
  readonly version: number;
  readonly objects: ReadonlyMap<string, Entry>;
}

interface Entry {
  readonly kind: Kind;
  readonly object: StoredObject;
}

export class Objects {
  readonly #historyLimit: number;
  readonly #subscribers = new Set<Subscriber>();
  #entries = new Map<string, Entry>();
  #version = 0;
  /** Every change after `#compactedAt`, oldest first. */
  #history: Change[] = [];
  #compactedAt = 0;

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  /** The version of the last change. */
  get version(): number {
    return this.#version;
  }

  /** The oldest version that the history still holds. */
  get oldestVersion(): number {
    return this.#compactedAt + 1;
  }

  get(key: Key): StoredObject | undefined {
    return this.#entries.get(textOf(key))?.object;
  }

  /** In the order of namespaces and names. */
  list(kind: Kind): readonly StoredObject[] {
    return [...this.#entries]
      .filter(([, entry]) => entry.kind === kind)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry.object);
  }

  /** Creates or replaces an object under the next version. */
  write(kind: Kind, draft: Draft & { readonly metadata: StoredMetadata }): StoredObject {
    const { namespace, name } = draft.metadata;
    const key = { kind, namespace, name };
    const before = this.get(key);
    const after = withVersion(draft, this.#version + 1);
    this.#entries.set(textOf(key), { kind, object: after });
    this.#record({ kind, version: this.#version + 1, before, after });
    return after;
  }

  /** Removes an object; the removal has a version of its own. */
  remove(key: Key): void {
    const before = this.get(key);
    if (before === undefined) return;
    this.#entries.delete(textOf(key));
    this.#record({ kind: key.kind, version: this.#version + 1, before });
  }

  /** The changes after a version, or `undefined` where the history no longer reaches back so far. */
  changesAfter(version: number): readonly Change[] | undefined {
    if (version < this.#compactedAt) return undefined;
    return this.#history.filter((change) => change.version > version);
  }

  /** Returns the way to unsubscribe. */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  bookmark(): void {
    for (const subscriber of this.#subscribers) subscriber.bookmark(this.#version);
  }

  /** Forgets the history: a watch from any earlier version is too old. */
  compact(): void {
    this.#history = [];
    this.#compactedAt = this.#version;
  }

  snapshot(): Snapshot {
    return { version: this.#version, objects: new Map(this.#entries) };
  }

  /** Returns to an old state as an etcd restored from its backup does: versions go backwards. */
  restore(snapshot: Snapshot): void {
    this.#entries = new Map(snapshot.objects);
    this.#version = snapshot.version;
    this.compact();
    const ended = [...this.#subscribers];
    this.#subscribers.clear();
    for (const subscriber of ended) subscriber.end();
  }

  #record(change: Change): void {
    this.#version = change.version;
    this.#history.push(change);
    // Cut to half at a time, so that a write costs the same whatever the limit is.
    if (this.#history.length > this.#historyLimit) {
      const kept = this.#history.slice(-Math.ceil(this.#historyLimit / 2));
      this.#compactedAt = change.version - kept.length;
      this.#history = kept;
    }
    for (const subscriber of this.#subscribers) subscriber.changed(change);
  }
}

/** The same object under another version. */
export function withVersion(
  object: Draft & { readonly metadata: StoredMetadata },
  version: number,
): StoredObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

function textOf(key: Key): string {
  // A slash is in no namespace and no name, so that two keys never meet.
  return `${key.kind.group}/${key.kind.resource}/${key.namespace}/${key.name}`;
}
