/**
 * `node:diagnostics_channel`: what happens to terms, for tracing and tests. Subscribing costs nothing
 * else; messages are plain objects and may gain fields.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { LeaseName } from "./settings.ts";

/** What every message says. */
export interface ChannelMessage {
  /** Which Lease it is about. */
  readonly lease: LeaseName;
  /** Of the elector. */
  readonly identity: string;
  /** The fencing token of the term. */
  readonly token?: string;
  /** What `term.signal` was aborted with. */
  readonly reason?: unknown;
  /** Why the elector has ended. */
  readonly error?: unknown;
}

/** What to subscribe to with `node:diagnostics_channel`; each message is a `ChannelMessage`. */
export const channelNames = {
  /** A function is called. */
  start: "k8s-await-election:term:start",
  /** The signal of a term was aborted, with this `reason`. */
  abort: "k8s-await-election:term:abort",
  /** A function is over; the lease may be held for a moment yet. */
  end: "k8s-await-election:term:end",
  /** A function outlived the hard deadline of its term. */
  overrun: "k8s-await-election:term:overrun",
  /** A bug of ours, or a clock that cannot be read: this `error` ended the elector. */
  failure: "k8s-await-election:failure",
} as const;

export const channels: Readonly<Record<keyof typeof channelNames, Channel>> = {
  start: channel(channelNames.start),
  abort: channel(channelNames.abort),
  end: channel(channelNames.end),
  overrun: channel(channelNames.overrun),
  failure: channel(channelNames.failure),
};
