/** What the status endpoint says, of whole programs in simulated lives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf } from "../../src/core/pages.ts";
import type { Now } from "../../src/core/protocol.ts";
import type { Running } from "../../src/core/term.ts";
import { run } from "../world/run.ts";
import type { Process, Step, Witness } from "../world/witness.ts";

/** Leaves every strike out. */
const calm: ReadonlySet<number> = new Set(Array.from({ length: 1000 }, (_, number) => number));

test("pageOf() says that it leads to one at a time, and only with time left", () => {
  let leaders = 0;
  for (let seed = 1; seed <= 20; seed++) {
    follow(seed, calm, (all) => {
      const leading = all.filter(
        ([running, now]) => pageOf("/leaderz", running, now).status === 200,
      );
      assert.ok(leading.length <= 1, `${leading.length} lead`);
      for (const [running, now] of leading) {
        leaders += 1;
        const { role, term } = statusOf(running, now);
        assert.ok(role === "leader" || role === "stopping", role);
        assert.ok(term !== null && term.stopInMs >= 0 && term.killInMs > term.stopInMs);
      }
    });
  }
  assert.ok(leaders > 1000, `${leaders} answers of leaders`);
});

test("pageOf() keeps the original's answer on every other path", () => {
  const seen = new Set<string>();
  for (let seed = 7; seed <= 12; seed++) {
    follow(seed, undefined, (all) => {
      for (const [running, now] of all) {
        for (const path of ["/", "/healthz", "/livez/", "//", "/metrics/x"]) {
          const { status, body, contentType } = pageOf(path, running, now);
          assert.equal(contentType, "text/plain; charset=utf-8");
          seen.add(`${status} ${body}`);
        }
      }
    });
  }
  assert.deepEqual([...seen].sort(), ['200 {"status": "ok"}', '500 {"status": "expired"}']);
});

test("pageOf() finds a standby ready once it has seen the Lease", () => {
  const seen = new Set<string>();
  follow(3, calm, (all) => {
    for (const [running, now] of all) {
      const { role } = statusOf(running, now);
      const isKnown = running.election.memory.sighting !== undefined;
      const { status } = pageOf("/readyz", running, now);
      if (role === "standby") assert.equal(status === 200, isKnown);
      seen.add(`${role} ${status}`);
    }
  });
  assert.ok(seen.has("standby 503") && seen.has("standby 200") && seen.has("leader 200"));
});

test("pageOf() measures hand-overs, takeovers, renewals, kills and losses", () => {
  const sums = new Map<string, number>();
  for (let seed = 1; seed <= 30; seed++) {
    const last = new Map<string, Moment>();
    follow(seed, undefined, (all) => {
      for (const moment of all) last.set(moment[0].election.settings.self.mark.incarnation, moment);
    });
    for (const [running, now] of last.values()) {
      const samples = samplesOf(pageOf("/metrics", running, now).body);
      for (const [name, value] of samples) sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  for (const name of [
    "await_election_handover_seconds_count",
    "await_election_takeover_seconds_count",
    "await_election_renew_seconds_count",
    "await_election_kill_seconds_count",
    "await_election_guard_lateness_seconds_count",
    "await_election_terms_total",
    'leader_election_slowpath_total{name="sim"}',
    'await_election_losses_total{reason="expired"}',
    'await_election_losses_total{reason="deleted"}',
    'await_election_api_errors_total{kind="unanswered"}',
    'await_election_api_errors_total{kind="5xx"}',
  ]) {
    assert.ok((sums.get(name) ?? 0) > 0, `${name} is never counted`);
  }
});

interface Status {
  readonly role: string;
  readonly term: { readonly stopInMs: number; readonly killInMs: number } | null;
}

function statusOf(running: Running, now: Now): Status {
  return JSON.parse(pageOf("/status", running, now).body) as Status;
}

/** Every sample, each with its type before it. */
function samplesOf(text: string): [string, number][] {
  const types = new Map<string, string>();
  const samples: [string, number][] = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, typed = "", type = ""] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
    if (typed !== "") types.set(typed, type);
    if (line.startsWith("#")) continue;
    const [, name = "", labels = "", value = ""] =
      /^(\w+)(\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? (\S+)$/.exec(line) ?? [];
    assert.ok(types.has(name.replace(/_(bucket|sum|count)$/, "")) || types.has(name), line);
    assert.ok(Number.isFinite(Number(value)), line);
    samples.push([`${name}${labels}`, Number(value)]);
  }
  return samples;
}

type Moment = readonly [Running, Now];

/** Calls back after every step, with all programs that run then, each at its own time. */
function follow(
  seed: number,
  without: ReadonlySet<number> | undefined,
  look: (all: readonly Moment[]) => void,
): void {
  const alive = new Set<Process>();
  const witness: Witness = {
    stepped({ process }: Step) {
      alive.add(process);
      look(
        [...alive].flatMap(({ program, machine, isStalled }): Moment[] =>
          program?.name === "running" && !isStalled ? [[program, machine.now()]] : [],
        ),
      );
    },
    ended: (process) => void alive.delete(process),
  };
  run({ seed, ...(without && { without }), watch: () => [witness] });
}
