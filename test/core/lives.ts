/** Arbitrary lives of one process, from its facts on, for checks that hold after every step. */
import * as fc from "fast-check";
import type { Program } from "../../src/core/program.ts";
import type { Facts, Now, Report } from "../../src/core/protocol.ts";
import { Puppet } from "./puppet.ts";

const variables: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_ENABLED: "1",
  K8S_AWAIT_ELECTION_NAME: "demo",
  K8S_AWAIT_ELECTION_LOCK_NAME: "demo",
  K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
  K8S_AWAIT_ELECTION_IDENTITY: "a",
};
const withService = {
  ...variables,
  K8S_AWAIT_ELECTION_SERVICE_NAME: "web",
  K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
  K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
  K8S_AWAIT_ELECTION_STATUS_ENDPOINT: ":9999",
  K8S_AWAIT_ELECTION_TAKEOVER_DELAY: "0",
  K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
};
const withProbe = {
  ...withService,
  K8S_AWAIT_ELECTION_READY_PROBE: "http://127.0.0.1:8080/healthz",
  K8S_AWAIT_ELECTION_START_TIMEOUT: "3",
};

export const facts: fc.Arbitrary<Facts> = fc.record({
  seed: fc.nat(),
  incarnation: fc.constant("a".repeat(32)),
  variables: fc.constantFrom(variables, withService, withProbe, {
    ...variables,
    K8S_AWAIT_ELECTION_ON_LOSS: "exit",
    K8S_AWAIT_ELECTION_LOG_FORMAT: "json",
  }),
  hasCommand: fc.constant(true),
  podUid: fc.constant("pod-1"),
  hostName: fc.constant("host"),
  isPid1: fc.boolean(),
  abilities: fc.constant({ treeDiesWithHost: true, reapsOrphans: false, soleHolder: true }),
});
const numbers = fc.array(fc.nat(), { minLength: 20, maxLength: 250 });

export interface Scene {
  readonly before: Program;
  readonly report: Report;
  readonly now: Now;
  readonly puppet: Puppet;
}

/** Plays arbitrary sequences, and checks what is so after every step; each life has its own check. */
export function forEveryStep(beginCheck: () => (scene: Scene) => void, numRuns: number): void {
  fc.assert(
    fc.property(facts, numbers, (some, choices) => {
      live(new Puppet(some), choices, beginCheck());
    }),
    { numRuns },
  );
}

/** Plays arbitrary sequences, and checks where they lead to. */
export function forEveryLife(check: (puppet: Puppet) => void, numRuns: number): void {
  fc.assert(
    fc.property(facts, numbers, (some, choices) => {
      const puppet = new Puppet(some);
      live(puppet, choices, () => {});
      check(puppet);
    }),
    { numRuns },
  );
}

function live(puppet: Puppet, choices: readonly number[], check: (scene: Scene) => void): void {
  let used = 0;
  const pick = (most: number): number => (choices[used++] ?? 0) % most;
  while (used < choices.length && puppet.program.name !== "finished") {
    check({ ...puppet.move(pick), puppet });
  }
}
