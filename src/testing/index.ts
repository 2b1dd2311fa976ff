/** For tests of programs that lead: electors without a cluster, and without waiting. */
export {
  EmbeddedApiServer,
  type EmbeddedApiServerOptions,
  type LeaseSpec,
  type Listening,
} from "./embedded-api-server.ts";
export type { TestReplica } from "./replica.ts";
export { VirtualTime } from "./virtual-time.ts";
