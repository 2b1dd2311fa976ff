/** Which permission is missing: asked after a 403, or at start, of a server that knows what is denied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect, Note } from "../../src/core/notes.ts";
import * as preflights from "../../src/core/preflight.ts";
import { instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";
import { type Presence, rightsOf } from "../../src/core/rights.ts";
import { readSettings, type Settings } from "../../src/core/settings.ts";

type Request = Extract<Order, { type: "request" }>;

const forbidden: Report = { type: "answered", id: "lease-2", status: 403, body: "{}" };

class Desk {
  preflight: preflights.Preflight;
  effects: readonly Effect[] = [];
  ms = 0;
  asked: Record<string, string>[] = [];
  readonly #settings: Settings;

  constructor(variables: Readonly<Record<string, string>> = {}) {
    this.#settings = settingsOf(variables);
    const [preflight, ...effects] = preflights.begin(
      this.#settings.preflight === "strict",
      () => rightsOf(this.#settings, "unknown"),
      this.#now(),
    );
    this.preflight = preflight;
    this.effects = effects;
  }

  report(report: Report, lease: Presence = "there"): this {
    const rights = () => rightsOf(this.#settings, lease);
    const [next, ...effects] = preflights.step(this.preflight, report, rights, this.#now());
    this.preflight = next;
    this.effects = effects;
    return this;
  }

  /** Answers every question of a round: `denied` are verbs and resources, such as `update leases`. */
  judge(...denied: readonly string[]): this {
    this.asked = [];
    for (let request = this.request; request !== undefined; request = this.request) {
      const { spec } = JSON.parse(request.body ?? "") as {
        spec: { resourceAttributes: Record<string, string> };
      };
      const attributes = spec.resourceAttributes;
      this.asked.push(attributes);
      const isDenied = denied.includes(`${attributes["verb"]} ${attributes["resource"]}`);
      const body = JSON.stringify({ status: { allowed: !isDenied } });
      this.report({ type: "answered", id: request.id, status: 201, body });
    }
    return this;
  }

  get request(): Request | undefined {
    return this.effects.find((effect) => effect.type === "request");
  }

  get notes(): readonly Note[] {
    return this.effects.filter((effect) => effect.type === "note");
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: this.ms };
  }
}

function settingsOf(variables: Readonly<Record<string, string>>): Settings {
  const all = {
    ENABLED: "1",
    NAME: "web",
    LOCK_NAME: "web",
    LOCK_NAMESPACE: "back",
    IDENTITY: "a",
    ...variables,
  };
  const { settings, misfits } = readSettings(
    Object.fromEntries(
      Object.entries(all).map(([name, value]) => [`K8S_AWAIT_ELECTION_${name}`, value]),
    ),
  );
  return settings ?? assert.fail(misfits.join());
}

const service = {
  SERVICE_NAME: "front",
  SERVICE_NAMESPACE: "shop",
  POD_IP: "10.1.2.3",
  SERVICE_PORTS_JSON: '[{"port":80}]',
};

test("it asks nothing before something was forbidden", () => {
  const desk = new Desk();
  assert.deepEqual(desk.effects, []);
  for (const status of [200, 401, 404, 409, 500]) {
    desk.report({ type: "answered", id: "lease-1", status, body: "{}" });
    assert.deepEqual(desk.effects, []);
  }
  assert.equal(desk.report(forbidden).request?.id, "can-1");
});

test("it asks for what the settings need, and for no more", () => {
  const told = (desk: Desk) =>
    desk.asked.map(({ verb, resource, namespace, name = "*" }) =>
      [verb, resource, namespace, name].join(" "),
    );
  assert.deepEqual(told(new Desk({ EVENTS: "0" }).report(forbidden).judge()), [
    "get leases back web",
    "update leases back web",
    "watch leases back web",
  ]);
  const leases = ["get", "update", "watch"].map((verb) => `${verb} leases back web`);
  const slices = ["get", "update", "watch"].map(
    (verb) => `${verb} endpointslices shop front-await-election-ipv4`,
  );
  const endpoints = ["get", "update", "watch"].map((verb) => `${verb} endpoints shop front`);
  const asked = (kind: string) =>
    told(new Desk({ ...service, SERVICE_KIND: kind }).report(forbidden, "absent").judge());
  assert.deepEqual(asked("auto"), [
    ...leases,
    "create leases back *",
    "get services shop front",
    ...slices,
    "create endpointslices shop *",
    ...endpoints,
    "create endpoints shop *",
    "create events back *",
  ]);
  assert.ok(!asked("endpoints").some((it) => it.includes("endpointslices")));
  assert.ok(!asked("endpointslice").some((it) => it.includes("endpoints ")));
});

test("it names what is missing, a rule each, as an error only where it cannot do without", () => {
  const kind = { SERVICE_KIND: "endpoints" };
  const desk = new Desk({ ...service, ...kind }).report(forbidden, "absent");
  desk.judge("get leases", "update leases", "watch leases", "update endpoints", "create events");
  assert.deepEqual(
    desk.notes.map(({ level, message, values }) => [level, message, values]),
    [
      [
        "error",
        "missing permission to get, update, watch leases: add the rule to the Role",
        {
          namespace: "back",
          rule: "- {apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: ['web'], verbs: [get, update, watch]}",
        },
      ],
      [
        "error",
        "missing permission to update endpoints: add the rule to the Role",
        {
          namespace: "shop",
          rule: "- {apiGroups: [''], resources: ['endpoints'], resourceNames: ['front'], verbs: [update]}",
        },
      ],
      [
        "warn",
        "missing permission to create events: add the rule to the Role",
        {
          namespace: "back",
          rule: "- {apiGroups: ['events.k8s.io'], resources: ['events'], verbs: [create]}",
        },
      ],
    ],
  );
});

test("where the choice is ours, being without slices is no lack", () => {
  const levels = (...denied: string[]) => {
    const { notes } = new Desk(service).report(forbidden).judge(...denied);
    return notes.map(({ level }) => level);
  };
  const slices = ["get", "update", "watch", "create"].map((verb) => `${verb} endpointslices`);
  assert.deepEqual(levels("get services", ...slices), ["info", "info", "info"]);
  assert.deepEqual(levels("update endpoints"), ["warn"]);
  const strict = { ...service, PREFLIGHT: "strict" };
  const denied = [...slices, "update endpoints"];
  assert.ok(!preflights.isHopeless(new Desk(strict).judge(...denied).preflight));
  const chosen = { ...strict, SERVICE_KIND: "endpointslice" };
  assert.ok(preflights.isHopeless(new Desk(chosen).judge(...denied).preflight));
});

test("a round a minute at most, and what was told before is told no more", () => {
  const desk = new Desk().report(forbidden).judge("update leases");
  assert.equal(desk.notes.length, 1);
  desk.ms = 59_999;
  assert.deepEqual(desk.report(forbidden).effects, []);
  desk.ms = 60_000;
  assert.deepEqual(desk.report(forbidden).judge("update leases").notes, []);
  assert.equal(desk.preflight.verdict?.atMs, 60_000);
  desk.ms = 120_000;
  const mended = desk.report(forbidden).judge().notes;
  assert.deepEqual(
    mended.map(({ message }) => message),
    ["no permission is missing any more"],
  );
});

test("a question that is not answered is asked again, ever later", () => {
  const desk = new Desk().report(forbidden);
  const pauses: (number | undefined)[] = [];
  for (let i = 0; i < 7; i++) {
    const { id } = desk.request!;
    desk.report({ type: "unanswered", id, error: "timeout" });
    const at = preflights.wakeAt(desk.preflight)!;
    pauses.push(at - desk.ms);
    desk.ms = at;
    desk.report({ type: "tick" });
  }
  assert.deepEqual(pauses, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(desk.judge("get leases").notes.length, 1);
});

test("an answer that says nothing counts as none", () => {
  for (const body of ["", "{}", '{"status":{"allowed":"yes"}}', '{"status":"Success"}']) {
    const desk = new Desk().report(forbidden);
    desk.report({ type: "answered", id: "can-1", status: 201, body });
    assert.notEqual(preflights.wakeAt(desk.preflight), undefined);
    assert.equal(desk.preflight.verdict, undefined);
  }
});

test("who may not even ask goes on without", () => {
  const desk = new Desk().report(forbidden);
  desk.report({ type: "answered", id: "can-1", status: 403, body: "{}" });
  assert.deepEqual(
    desk.notes.map(({ level }) => level),
    ["debug"],
  );
  assert.equal(preflights.wakeAt(desk.preflight), undefined);
});

test("strict asks at once, and is hopeless without what it needs", () => {
  const strict = { PREFLIGHT: "strict" };
  assert.equal(new Desk(strict).request?.id, "can-1");
  assert.ok(preflights.isHopeless(new Desk(strict).judge("update leases").preflight));
  assert.ok(!preflights.isHopeless(new Desk(strict).judge("create events").preflight));
  assert.ok(!preflights.isHopeless(new Desk().report(forbidden).judge("get leases").preflight));
  // Nobody knows yet whether the Lease is there; once it is known to be absent, it has to be created.
  const desk = new Desk(strict).judge("create leases");
  assert.ok(!preflights.isHopeless(desk.preflight));
  assert.ok(
    preflights.isHopeless(desk.report(forbidden, "absent").judge("create leases").preflight),
  );
});
