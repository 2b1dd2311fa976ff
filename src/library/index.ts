/**
 * Leader election by a Kubernetes Lease, for Node: one process leads, the next one takes over as soon as
 * that is safe. The same election as the entry point's, with a function in place of a command.
 */
export type { CampaignOptions } from "./campaign.ts";
export { channelNames, type ChannelMessage } from "./channels.ts";
export { type ElectorOptions, LeaderElector } from "./elector.ts";
export { ApiError, SettingsError, TermEndedError } from "./errors.ts";
export type { Host } from "./host.ts";
export type { Logger } from "./logger.ts";
export type { MetricsRegistry } from "./metrics.ts";
export type { Leader, ObserveOptions } from "./observers.ts";
export type { ClusterLike, KubeConfigLike } from "./real-host.ts";
export type { ElectionDurations, LeaseName } from "./settings.ts";
export type { Term } from "./term.ts";
