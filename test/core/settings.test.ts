/** Every variable, by every text that people and templates have put into one (X8, X11). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isEnabled, type Reading, readSettings } from "../../src/core/settings.ts";

const prefix = "K8S_AWAIT_ELECTION_";

const needed: Readonly<Record<string, string>> = {
  NAME: "demo",
  LOCK_NAME: "demo",
  LOCK_NAMESPACE: "default",
  IDENTITY: "a",
};

const withService: Readonly<Record<string, string>> = {
  SERVICE_NAME: "web",
  POD_IP: "10.1.2.3",
  SERVICE_PORTS_JSON: '[{"port":80}]',
};

/** What nothing is idle beside. */
const withAll: Readonly<Record<string, string>> = {
  ...withService,
  READY_PROBE: "tcp://127.0.0.1:5432",
};

/** The texts of X11, each of which every variable gets; `unset`, `empty` and `valid` come apart. */
const texts: Readonly<Record<string, string>> = {
  "a space": " ",
  "15s": "15s",
  "1e1": "1e1",
  "-1": "-1",
  "+15": "+15",
  "015": "015",
  "1.5": "1.5",
  "a huge number": "999999999999",
  "a control character": "\u0001",
  "an escape in an address": "\u001b:80",
  "a line end": "15\n",
  Unicode: "ﬁ１５",
};

interface Row {
  readonly valid: string;
  /** Which of `texts` it takes, as they are. */
  readonly takes?: readonly string[];
  /** Which of `texts` it warns of, and goes on with the default. */
  readonly warnsOf?: readonly string[];
}

const malformedNumbers = Object.keys(texts).filter(
  (name) => !["-1", "+15", "015", "a huge number"].includes(name),
);
const lenient = { takes: ["+15", "015"], warnsOf: malformedNumbers };
const label = ["15s", "1e1", "015", "a huge number"];
const printable = Object.keys(texts).filter((name) => !/control|escape|line end/.test(name));

const rows: Readonly<Record<string, Row>> = {
  NAME: { valid: "demo", takes: Object.keys(texts) },
  LOCK_NAME: { valid: "demo.example", takes: [...label, "1.5"] },
  LOCK_NAMESPACE: { valid: "default", takes: label },
  IDENTITY: { valid: "host_4f2a", takes: printable },
  LEASE_DURATION: { valid: "30", ...lenient },
  RENEW_DEADLINE: { valid: "9", ...lenient },
  RETRY_PERIOD: { valid: "3", ...lenient },
  TAKEOVER_DELAY: { valid: "0", takes: ["015"] },
  STOP_TIMEOUT: { valid: "60", takes: ["015"] },
  ON_LOSS: { valid: "exit" },
  STRICT: { valid: "1" },
  EVENTS: { valid: "0" },
  PREFLIGHT: { valid: "strict" },
  LOG_FORMAT: { valid: "json" },
  LOG_LEVEL: { valid: "debug" },
  STATUS_ENDPOINT: { valid: ":9999" },
  SERVICE_NAME: { valid: "web", takes: label },
  SERVICE_NAMESPACE: { valid: "web", takes: label },
  NODE_NAME: { valid: "node-1.example", takes: [...label, "1.5"] },
  POD_IP: { valid: "10.1.2.3,fd00::7" },
  SERVICE_KIND: { valid: "endpoints" },
  ZONE: { valid: "eu-west-1a", takes: [...label, "1.5"] },
  DRAIN_DELAY: { valid: "2", takes: ["015"] },
  SERVICE_PORTS_JSON: { valid: '[{"port":8080}]' },
  READY_PROBE: { valid: "http://127.0.0.1:8080/healthz" },
  READY_PERIOD: { valid: "5", takes: ["015"] },
  READY_TIMEOUT: { valid: "2", takes: ["015"] },
  READY_THRESHOLD: { valid: "1", takes: ["015"] },
  START_TIMEOUT: { valid: "60", takes: ["015"] },
};

/** Longer and rarer leases, so that no text below is unsafe together with the defaults. */
const roomy = { LEASE_DURATION: "60", RENEW_DEADLINE: "20", RETRY_PERIOD: "2" };

for (const [name, { valid, takes = [], warnsOf = [] }] of Object.entries(rows)) {
  test(`X11 readSettings() takes ${name} unset and empty alike`, () => {
    const base = { ...needed, ...withAll };
    const { [name]: _, ...unset } = base;
    assert.deepEqual(read({ ...base, [name]: "" }), read(unset));
  });

  test(`X11 readSettings() takes a valid ${name} without a word`, () => {
    const { settings, misfits, warnings } = read({ ...needed, ...withAll, [name]: valid });
    assert.deepEqual([misfits, warnings], [[], []]);
    assert.ok(settings !== undefined);
  });

  for (const [what, text] of Object.entries(texts)) {
    const fate = takes.includes(what) ? "takes" : warnsOf.includes(what) ? "warns of" : "refuses";
    test(`X11 readSettings() ${fate} ${name} as ${what}`, () => {
      const long = name.endsWith("_DURATION") || name.startsWith("RE") ? durationsFor(name) : {};
      const reading = read({ ...needed, ...withAll, ...long, [name]: text });
      const told = new RegExp(`^${prefix}${name} is .*${escapedForSearch(text)}.*: ?.{9,}`);
      assert.equal(reading.misfits.length, fate === "refuses" ? 1 : 0, reading.misfits.join());
      assert.equal(reading.warnings.length, fate === "warns of" ? 1 : 0, reading.warnings.join());
      assert.equal(reading.settings === undefined, fate === "refuses");
      for (const sentence of [...reading.misfits, ...reading.warnings]) {
        assert.match(sentence.replace(/, which/, ": which"), told);
      }
    });
  }
}

/** What makes 15 s, and the default, safe for this one. */
function durationsFor(name: string): Record<string, string> {
  const { [name]: _, ...others } = roomy as Record<string, string>;
  return name === "LEASE_DURATION"
    ? { RENEW_DEADLINE: "10" }
    : name === "RETRY_PERIOD"
      ? { LEASE_DURATION: "120", RENEW_DEADLINE: "60" }
      : others;
}

test("X11 readSettings() uses the default of each number that is malformed", () => {
  const names = ["LEASE_DURATION", "RENEW_DEADLINE", "RETRY_PERIOD"];
  const malformed = Object.fromEntries(names.map((name) => [name, "15s"]));
  const { settings, warnings } = read({ ...needed, ...malformed });
  assert.deepEqual(settings?.timing, read(needed).settings?.timing);
  assert.deepEqual(
    warnings.map((warning) => /using (\d+)$/.exec(warning)?.[1]),
    ["15", "10", "2"],
  );
});

test("X11 readSettings() reads the numbers that it takes", () => {
  const { settings } = read({
    ...needed,
    LEASE_DURATION: "+060",
    TAKEOVER_DELAY: "7",
    STOP_TIMEOUT: "0",
  });
  assert.equal(settings?.timing.leaseSeconds, 60);
  assert.equal(settings.timing.goWaitMs, 7000);
  assert.equal(settings.stopTimeoutMs, 0);
  assert.equal(read(needed).settings?.stopTimeoutMs, 25_000);
});

test("C11 X11 readSettings() refuses 0 and more than a day", () => {
  for (const value of ["0", "86401", "2147483648"]) {
    assert.equal(read({ ...needed, LEASE_DURATION: value }).misfits.length, 1);
  }
  assert.ok(read({ ...needed, LEASE_DURATION: "86400" }).settings);
});

const unsafe: readonly (readonly [lease: string, renew: string, retry: string])[] = [
  ["15", "15", "2"],
  ["15", "20", "2"],
  ["15", "10", "9"],
  ["15", "2", "2"],
  ["4", "3", "1"],
  ["1", "1", "1"],
];

for (const [lease, renew, retry] of unsafe) {
  test(`C11 readSettings() refuses ${lease}/${renew}/${retry}, which cannot be safe`, () => {
    const { settings, misfits } = read({
      ...needed,
      LEASE_DURATION: lease,
      RENEW_DEADLINE: renew,
      RETRY_PERIOD: retry,
    });
    assert.equal(settings, undefined);
    assert.ok(misfits.length > 0);
  });
}

test("readSettings() names a variable in whatever it refuses", () => {
  const { misfits } = read({ ...needed, RENEW_DEADLINE: "20" });
  for (const misfit of misfits) assert.match(misfit, /K8S_AWAIT_ELECTION_/);
});

test("X11 readSettings() reports all misfits together", () => {
  const bad = { LOCK_NAME: "A", IDENTITY: "\n", LEASE_DURATION: "0", STRICT: "x", POD_IP: "x" };
  const { misfits } = read({ ...bad, STATUS_ENDPOINT: "x", LOG_LEVEL: "loud" });
  for (const name of ["NAME", "LOCK_NAMESPACE"]) {
    assert.ok(misfits.includes(`${prefix}${name} is not set`), name);
  }
  for (const name of [...Object.keys(bad), "STATUS_ENDPOINT", "LOG_LEVEL"]) {
    assert.ok(
      misfits.some((misfit) => misfit.startsWith(`${prefix}${name} is "`)),
      name,
    );
  }
  assert.equal(misfits.length, 9);
});

test("readSettings() reports an unsafe combination together with the other misfits", () => {
  const { misfits } = read({ LOCK_NAME: "demo", RENEW_DEADLINE: "20" });
  assert.ok(
    misfits.some((misfit) =>
      misfit.includes(`${prefix}RENEW_DEADLINE is "20": must be shorter than`),
    ),
    misfits.join("; "),
  );
});

test("readSettings() wants an address and ports with a Service", () => {
  const { misfits } = read({ ...needed, SERVICE_NAME: "web" });
  assert.deepEqual(misfits, [
    `${prefix}POD_IP is not set, and ${prefix}SERVICE_NAME needs it`,
    `${prefix}SERVICE_PORTS_JSON is not set, and ${prefix}SERVICE_NAME needs it`,
  ]);
  assert.equal(read({ ...needed, POD_IP: "10.1.2.3" }).settings?.service, undefined);
});

test("X11 readSettings() wants a drain delay within the stop timeout, and a Service for it", () => {
  const delay = { ...needed, ...withService, DRAIN_DELAY: "5" };
  assert.equal(read(delay).settings?.drainDelayMs, 5000);
  assert.deepEqual(read({ ...delay, STOP_TIMEOUT: "5" }).misfits, [
    `${prefix}DRAIN_DELAY is "5": must be less than ${prefix}STOP_TIMEOUT, which is 5 and contains it`,
  ]);
  assert.match(read({ ...needed, DRAIN_DELAY: "5" }).warnings.join(), /no effect.*SERVICE_NAME/);
});

test("readSettings() takes the lock's namespace for the Service, and another if told", () => {
  assert.equal(read({ ...needed, ...withService }).settings?.service?.namespace, "default");
  const elsewhere = { ...needed, ...withService, SERVICE_NAMESPACE: "front" };
  assert.equal(read(elsewhere).settings?.service?.namespace, "front");
});

test("X11 readSettings() warns of unknown variables, and of an ENABLED that reads like no", () => {
  const { warnings, settings } = read({ ...needed, LEASE_DURATON: "9", ENABLED: "False" });
  assert.ok(settings);
  assert.deepEqual(warnings, [
    `${prefix}ENABLED is "False", and any value but the empty one enables the election`,
    `${prefix}LEASE_DURATON is not a variable of k8s-await-election: it is ignored`,
  ]);
  assert.deepEqual(readSettings({ ...prefixed(needed), PATH: "/bin" }).warnings, []);
});

test("X11 isEnabled() is false unset and empty only, as in the original", () => {
  assert.ok(!isEnabled({}) && !isEnabled(prefixed({ ENABLED: "" })));
  for (const value of ["1", "false", "0", " "]) assert.ok(isEnabled(prefixed({ ENABLED: value })));
});

test("X11 readSettings() never throws, and gives settings or at least one misfit", () => {
  const name = fc.oneof(fc.constantFrom(...Object.keys(rows), "ENABLED", "X"), fc.string());
  const value = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.nat().map(String));
  const variables = fc.dictionary(
    name.map((text) => prefix + text),
    value,
  );
  fc.assert(
    fc.property(variables, fc.boolean(), (some, isComplete) => {
      const reading = readSettings({ ...(isComplete ? prefixed(needed) : {}), ...some });
      assert.equal(reading.settings === undefined, reading.misfits.length > 0);
    }),
  );
});

function read(variables: Readonly<Record<string, string>>): Reading {
  return readSettings(prefixed(variables));
}

function prefixed(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, text]) => [prefix + name, text]));
}

function escapedForSearch(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(/[\\+.]/g, "\\$&");
}
