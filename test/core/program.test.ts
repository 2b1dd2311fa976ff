/** What no sequence of reports may lead to: the safety rules that one process keeps by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Order } from "../../src/core/protocol.ts";
import { forEveryLife, forEveryStep } from "./lives.ts";

interface LeaseBody {
  readonly metadata: { readonly uid?: string; readonly resourceVersion?: string };
  readonly spec: { readonly holderIdentity: string; readonly renewTime: string };
}

const numRuns = 200;

test("step() starts the command only behind a guard that is ready, and before G (S2, S3)", () => {
  forEveryStep(() => {
    return ({ before, report, now, puppet: { orders, program } }) => {
      if (!orders.some(({ type }) => type === "start")) return;
      assert.ok(before.name === "running" && program.name === "running");
      assert.equal(report.type, "guardReady");
      assert.equal(before.command.name, "arming");
      const { phase, settings } = program.election;
      assert.ok(phase.name === "leading");
      assert.ok(now.instant < phase.confirmedAt + settings.timing.stopMs - 1000);
    };
  }, numRuns);
});

test("step() leaves no command alive without the lease, or from H on (S3, S4)", () => {
  forEveryStep(() => {
    return ({ now, puppet: { program } }) => {
      if (program.name !== "running") return;
      const { command, election } = program;
      if (!["starting", "running", "draining"].includes(command.name)) return;
      assert.ok(election.phase.name === "leading", `alive while ${election.phase.name}`);
      const { phase, settings } = election;
      assert.ok(now.instant < phase.confirmedAt + settings.timing.killMs, "alive at H");
    };
  }, numRuns);
});

test("step() keeps the guard at H of the write confirmed last, while a command may live (S3)", () => {
  forEveryStep(() => {
    let guardAt: number | undefined;
    return ({ puppet: { program, orders } }) => {
      for (const order of orders) if (order.type === "guard") guardAt = order.at;
      if (program.name !== "running" || program.election.phase.name !== "leading") return;
      if (["idle", "over"].includes(program.command.name)) return;
      const { phase, settings } = program.election;
      assert.equal(guardAt, phase.confirmedAt + settings.timing.killMs);
    };
  }, numRuns);
});

test("step() claims and releases only with a tree that is verified empty (S2, S5)", () => {
  forEveryStep(() => {
    let isEmpty = true;
    return ({ before, report, puppet: { orders } }) => {
      if (report.type === "emptied" || report.type === "startFailed") isEmpty = true;
      for (const order of orders) {
        if (order.type === "start") isEmpty = false;
        const body = leaseBodyOf(order);
        if (body === undefined || before.name !== "running") continue;
        const isRenewal = before.election.phase.name === "leading" && isHeld(body);
        assert.ok(isRenewal || isEmpty, `${JSON.stringify(order)} with a tree that may live`);
      }
    };
  }, numRuns);
});

test("step() releases only when its traffic is gone or given up (S5)", () => {
  forEveryStep(() => {
    return ({ puppet: { orders, program } }) => {
      if (program.name !== "running" || program.routing === undefined) return;
      const releases = orders.map(leaseBodyOf).some((body) => body && !isHeld(body));
      if (releases) assert.equal(program.routing.phase.name, "idle");
    };
  }, numRuns);
});

test("step() writes by compare-and-swap only, each write a second after the last (S6, S8)", () => {
  forEveryStep(() => {
    let wroteMs = Number.NEGATIVE_INFINITY;
    return ({ puppet: { orders } }) => {
      for (const order of orders) {
        const body = leaseBodyOf(order);
        if (body === undefined || order.type !== "request") continue;
        const { uid, resourceVersion } = body.metadata;
        assert.equal(order.method, uid === undefined ? "POST" : "PUT");
        assert.equal(uid === undefined, resourceVersion === undefined);
        const timeMs = Date.parse(body.spec.renewTime);
        assert.ok(timeMs >= wroteMs + 1000);
        wroteMs = timeMs;
      }
    };
  }, numRuns);
});

test("step() has one exchange with the lease under way at a time", () => {
  forEveryStep(() => {
    const open = new Set<string>();
    return ({ report, puppet: { orders } }) => {
      if (report.type === "answered" || report.type === "unanswered") open.delete(report.id);
      for (const order of orders) {
        if (order.type === "abandon") open.delete(order.id);
        if (order.type === "request" && order.id.startsWith("lease-")) open.add(order.id);
      }
      assert.ok(open.size <= 1, [...open].join(" "));
    };
  }, numRuns);
});

test("step() probes a command that runs and nothing else, one probe at a time", () => {
  forEveryStep(() => {
    let open: string | undefined;
    return ({ report, puppet: { orders, program } }) => {
      if (report.type === "probed" && report.id === open) open = undefined;
      for (const order of orders) {
        if (order.type === "abandon" && order.id === open) open = undefined;
        if (order.type !== "probe") continue;
        assert.equal(open, undefined, "the one before has not ended");
        open = order.id;
      }
      if (program.name !== "running" || open === undefined) return;
      assert.equal(program.command.name, "running");
      assert.equal(program.ending, undefined);
    };
  }, numRuns);
});

test("step() orders nothing after the exit, which comes last", () => {
  forEveryStep(() => {
    return ({ puppet: { orders, program } }) => {
      const at = orders.findIndex(({ type }) => type === "exit");
      assert.ok(at === -1 || at === orders.length - 1, JSON.stringify(orders));
      assert.equal(program.name === "finished", at !== -1);
    };
  }, numRuns);
});

test("step() exits with no command left but where the watchdog's end forces it (S5, S14)", () => {
  forEveryStep(() => {
    let mayLive = false;
    return ({ report, puppet: { orders } }) => {
      if (report.type === "emptied" || report.type === "startFailed") mayLive = false;
      for (const order of orders) {
        if (order.type === "start") mayLive = true;
        if (order.type === "exit") assert.ok(!mayLive, "the tree was not verified empty");
      }
    };
  }, numRuns);
});

test("step() comes to an end after SIGTERM, wherever it is, in a world that is kind again", () => {
  forEveryLife((puppet) => {
    const { program } = puppet;
    puppet.calm({ type: "signalled", signal: "SIGTERM" });
    for (let steps = 0; puppet.program.name !== "finished"; steps++) {
      assert.ok(steps < 60, `no end from ${JSON.stringify(program)}`);
      puppet.calm();
    }
  }, numRuns);
});

function leaseBodyOf(order: Order): LeaseBody | undefined {
  const isWrite = order.type === "request" && order.id.startsWith("lease-");
  return isWrite && order.body !== undefined ? (JSON.parse(order.body) as LeaseBody) : undefined;
}

function isHeld({ spec }: LeaseBody): boolean {
  return spec.holderIdentity !== "";
}
