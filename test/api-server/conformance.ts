/**
 * What a Kubernetes API server does with Leases, what routes a Service, Events and access reviews, as
 * far as this project depends on it. The same tests run against the embedded server and against a real
 * kube-apiserver: they hold facts, and where the embedded server differs it is wrong.
 */

import { after, before, describe } from "node:test";
import { coordinatedTests } from "./conformance-coordinated.ts";
import { createTests } from "./conformance-create.ts";
import { endpointSliceTests } from "./conformance-endpoint-slices.ts";
import { endpointsFieldTests } from "./conformance-endpoints-fields.ts";
import { eventTests } from "./conformance-events.ts";
import { leaseFieldTests } from "./conformance-lease-fields.ts";
import { readTests } from "./conformance-read.ts";
import { removeTests } from "./conformance-remove.ts";
import { reviewTests } from "./conformance-reviews.ts";
import { serviceTests } from "./conformance-services.ts";
import { updateTests } from "./conformance-update.ts";
import { watchTests } from "./conformance-watch.ts";
import { type OpenServer, Room } from "./room.ts";

/** Registers the tests for the server that `open` starts. */
export function conformance(name: string, open: () => Promise<OpenServer>): void {
  withRoom(name, open, [
    createTests,
    updateTests,
    removeTests,
    readTests,
    leaseFieldTests,
    endpointsFieldTests,
    endpointSliceTests,
    serviceTests,
    eventTests,
    reviewTests,
    watchTests,
  ]);
}

/** The same for a server with the feature gate CoordinatedLeaderElection switched on. */
export function coordinatedConformance(name: string, open: () => Promise<OpenServer>): void {
  withRoom(name, open, [coordinatedTests]);
}

function withRoom(
  name: string,
  open: () => Promise<OpenServer>,
  suites: readonly ((open: () => Room) => void)[],
): void {
  describe(name, () => {
    let room: Room | undefined;
    before(async () => {
      room = new Room(await open());
    });
    after(() => room?.server.close());
    const opened = (): Room => {
      if (room === undefined) throw new Error("Cannot test: the server has not been opened");
      return room;
    };
    for (const suite of suites) suite(opened);
  });
}
