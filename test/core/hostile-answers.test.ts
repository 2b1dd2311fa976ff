/** Single answers and events that are wrong in one known way, and what each may do at most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Order } from "../../src/core/protocol.ts";
import { bodyOf, confirmed, Elector } from "./elector.ts";
import { Judge } from "./hostile-judge.ts";
import { settings } from "./hostile-lives.ts";
import { pickBy } from "./hostile-texts.ts";
import { HostileWorld, type Scene } from "./hostile-world.ts";
import { leaseText, timeText } from "./leases.ts";

const mebibyte = 1024 * 1024;
const others = leaseText({
  holder: "b",
  version: "90",
  acquireTime: timeText(1),
  renewTime: timeText(2),
});
const ours = "k8s-await-election/term";

/** A process whose command runs, at the instant 0 of its term; the judge has seen all of it. */
class Leader {
  readonly world: HostileWorld;
  readonly judge = new Judge();
  scene: Scene;

  constructor(more: Readonly<Record<string, string>> = {}) {
    this.world = new HostileWorld(settings(0, { EVENTS: "0", ...more }), pickBy(1));
    this.scene = this.world.opening;
    this.judge.see(this.scene);
    this.answer(404, "");
    this.confirm("7");
    const at = this.#order("guard").at;
    assert.ok(at !== undefined);
    this.see(this.world.take({ type: "guardReady", at }));
    this.#order("start");
    this.see(this.world.take({ type: "started", pid: 7 }));
  }

  /** Until it asks for something. */
  next(): this {
    for (let ticks = 0; ticks < 9; ticks++) {
      this.see(this.world.tick());
      if (this.scene.orders.some(({ type }) => type === "request")) return this;
    }
    return assert.fail("no request after 9 ticks");
  }

  answer(status: number, body: string): this {
    const { id } = this.#order("request");
    return this.see(this.world.take({ type: "answered", id, status, body }));
  }

  confirm(version: string): this {
    return this.answer(200, confirmed(this.#order("request"), version));
  }

  see(scene: Scene): this {
    this.scene = scene;
    this.judge.see(scene);
    return this;
  }

  get types(): string[] {
    return this.scene.orders.map(({ type }) => type);
  }

  #order<T extends Order["type"]>(type: T): Extract<Order, { type: T }> {
    const found = this.scene.orders.find((order) => order.type === type);
    return (found ?? assert.fail(`no ${type} in ${this.types.join()}`)) as never;
  }
}

test("N21 step() kills in the very step in which a renewal's 200 names another", () => {
  assert.ok(new Leader().next().answer(200, others).types.includes("kill"));
});

test("N21 step() kills in the very step in which a read's 200 names another", () => {
  const leader = new Leader().next().answer(409, "");
  assert.ok(leader.answer(200, others).types.includes("kill"));
});

const otherClaims: Readonly<Record<string, (claim: string) => string>> = {
  another: () => others,
  "another holder": (claim) => claim.replace('"holderIdentity":"a"', '"holderIdentity":"b"'),
  "another incarnation": (claim) => claim.replace(`"${ours}":"me/`, `"${ours}":"you/`),
  "another time": (claim) => claim.replace(/"renewTime":"\d{4}/, '"renewTime":"1999'),
  nobody: () => "{}",
  nothing: () => "",
};

for (const [what, change] of Object.entries(otherClaims)) {
  test(`N21 step() opens no term where the claim's 200 names ${what}`, () => {
    const elector = new Elector().answer(404);
    const claim = confirmed(elector.request, "7");
    assert.notEqual(change(claim), claim);
    assert.equal(elector.answer(200, change(claim)).phase, "candidate");
  });
}

test("N21 step() ends a release whose 200 names another without another write", () => {
  const elector = new Elector().lead().resign().answer(200, others);
  assert.equal(elector.request.method, "GET");
  elector.answer(200, others);
  assert.equal(elector.phase, "candidate");
  assert.ok(elector.effects.every(({ type }) => type !== "request"));
});

test("O10 step() opens no term by a claim whose token is not newer than all that was seen", () => {
  for (const version of ["6", "99", "100"]) {
    const free = { version: "100", acquireTime: timeText(1), renewTime: timeText(1) };
    const elector = new Elector().answer(200, leaseText({ ...free, released: `m/${timeText(1)}` }));
    assert.equal(elector.phase, "claiming");
    elector.confirm(version);
    assert.notEqual(elector.phase, "leading", `with the token ${version} after 100`);
  }
});

test("O10 step() takes the answer to its own claim after the watch has shown that claim", () => {
  const free = { version: "100", acquireTime: timeText(1), renewTime: timeText(1) };
  const elector = new Elector().answer(200, leaseText({ ...free, released: `m/${timeText(1)}` }));
  const { request } = elector;
  elector.report({ type: "tick" }).event("MODIFIED", confirmed(request, "101"));
  assert.equal(elector.confirm("101", request).phase, "leading");
});

test("O10 step() loses the term to a renewal's answer that is older than what it renewed", () => {
  const leader = new Leader().next().confirm("6");
  assert.ok(leader.types.includes("kill"));
});

const durations: readonly (readonly [json: string, seconds: number])[] = [
  ["1", 1],
  ["60", 60],
  ["2147483647", 2_147_483_647],
  ...["0", "-1", "15.5", "2147483648", "1e308", '"60"', "true", "[60]", "null"].map(
    (json) => [json, 15] as const,
  ),
];

for (const [json, seconds] of durations) {
  test(`O6 step() waits ${seconds} s, and what a Go elector may overstay, for leaseDurationSeconds ${json}`, () => {
    const text = others.replace(
      '"holderIdentity"',
      `"leaseDurationSeconds":${json},"holderIdentity"`,
    );
    const elector = new Elector().answer(200, text);
    const endMs = seconds * 1000 + 12_000 + Math.max(0, seconds - 15) * 800;
    elector.tickAt(endMs).answer(200, text).tickAt(endMs);
    assert.equal(elector.phase, "candidate");
    // Beyond the wait, and the spread of 100 ms.
    assert.equal(elector.tickAt(endMs + 101).phase, "claiming");
  });
}

for (const [json, taken] of [
  ["0", 1],
  ["6", 7],
  ["-1", 1],
  ["2147483646", 2_147_483_647],
  ["2147483647", 2_147_483_647],
  ["2147483648", 1],
  ["1e308", 1],
  ['"6"', 1],
] as const) {
  test(`O6 step() takes over with leaseTransitions ${taken} after ${json}`, () => {
    const released = { renewTime: timeText(1), released: `m/${timeText(1)}` };
    const text = leaseText({ ...released, spec: { leaseTransitions: "?" } });
    const elector = new Elector().answer(200, text.replace('"?"', json));
    assert.equal(bodyOf(elector.request).spec["leaseTransitions"], taken);
  });
}

/** Cheap for whoever sends them; each has the size of the longest body, and none may cost much. */
const costly: Readonly<Record<string, string>> = {
  "a string without an end": `"${"a".repeat(mebibyte)}`,
  quotes: '"'.repeat(mebibyte),
  openings: "[".repeat(mebibyte),
  "openings and closings": "[]".repeat(mebibyte / 2),
  "escapes without an end": `"${"\\".repeat(mebibyte)}`,
  // A sixteenth of the longest, so that a test that has to fail ends.
  "escaped quotes outside of a string": `${'\\"'.repeat(mebibyte / 32)}${"[".repeat(200)}`,
  "a backslash at the end": `${'"\\'.repeat(mebibyte / 32)}${"{".repeat(200)}\\`,
  "line ends after backslashes": `${'\\"\\\n'.repeat(mebibyte / 64)}${"{".repeat(200)}`,
};

for (const [what, text] of Object.entries(costly)) {
  test(`N20 step() takes little time over ${what}`, () => {
    const spent = process.cpuUsage();
    new Elector().answer(200, text).retry().answer(500, text);
    new Elector().lead().report({ type: "line", id: "watch-1", text });
    const { user, system } = process.cpuUsage(spent);
    assert.ok(user + system < 500_000, `${(user + system) / 1000} ms of the processor`);
  });
}

const holders = { letters: "x", quotes: '"', "control characters": "\u0001", bidi: "\u202e" };

for (const [what, character] of Object.entries(holders)) {
  for (const format of ["text", "json"]) {
    test(`N20 step() prints a short line for a holder of 100 000 ${what} (${format})`, () => {
      const long = { holder: character.repeat(100_000), version: "90", renewTime: timeText(2) };
      const leader = new Leader({ LOG_FORMAT: format }).next().answer(200, leaseText(long));
      assert.ok(leader.types.includes("kill") && leader.types.includes("print"));
      const candidate = new HostileWorld(settings(0, { LOG_FORMAT: format }), pickBy(1));
      const judge = new Judge();
      const id = "lease-1";
      judge.see(candidate.opening);
      judge.see(candidate.take({ type: "answered", id, status: 200, body: leaseText(long) }));
    });
  }
}

for (const identity of ["a", "x".repeat(253), "名前 🦊", 'a"b\\c', "%41/../?#", "\u202eab"]) {
  test(`X8 step() writes the identity ${JSON.stringify(identity.slice(0, 12))} byte for byte`, () => {
    const world = new HostileWorld(settings(0, { IDENTITY: identity }), pickBy(1));
    const { orders } = world.take({ type: "answered", id: "lease-1", status: 404, body: "" });
    const claim = orders.find((order) => order.type === "request");
    assert.ok(claim !== undefined);
    assert.equal(bodyOf(claim).spec["holderIdentity"], identity);
    const judge = new Judge();
    judge.see(world.opening);
  });
}
