/** A Deployment in which replicas of ours and client-go's elector share one Lease. */
import type { TestContext } from "node:test";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { type PeerOptions, quickFlags, startPeer } from "../cluster/go-peer.ts";
import { deploy, type Deployment, type DeploymentOptions } from "../cluster/replicas.ts";
import { originalRole } from "../cluster/roles.ts";
import { openProxy, type Proxy } from "../support/proxy.ts";
import { buildElector } from "../support/go-program.ts";
import type { RunningElector } from "./elector.ts";

const built = await buildElector();

/** Why there is no client-go here. */
export const skip: string | false = built.path === undefined && built.reason;

export interface Mixed {
  readonly deployment: Deployment;
  /** Starts client-go's elector as a replica; `go`, with the durations of ours, unless told. */
  readonly peer: (options?: Partial<PeerOptions>) => Promise<RunningElector>;
  /** A way to the API server that one replica has to itself. */
  readonly way: () => Promise<Proxy>;
}

export async function mix(
  t: TestContext,
  plane: ControlPlane,
  options: Partial<DeploymentOptions> = {},
): Promise<Mixed> {
  const deployment = await deploy(t, plane, { rules: originalRole, ...options });
  const program = built.path ?? "";
  const { access } = plane;
  return {
    deployment,
    peer: (own = {}) =>
      startPeer(deployment, { program, access, identity: "go", flags: quickFlags, ...own }),
    way: async () => {
      const proxy = await openProxy(plane);
      deployment.onClose(async () => proxy.close());
      return proxy;
    },
  };
}

/** The variables that lead a replica that way. */
export function byWay({ host, port }: Proxy): Readonly<Record<string, string>> {
  return { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: String(port) };
}
