/**
 * The `K8S_AWAIT_ELECTION_*` variables, read once: every misfit is named, all of them together.
 *
 * Where the original takes a value, so do we; where it silently ignores a malformed number and uses
 * the default, so do we, with a warning. All durations are whole seconds.
 */
import {
  type Address,
  anyText,
  dnsLabel,
  dnsName,
  type EndpointPort,
  flagText,
  type Form,
  identityText,
  ipAddresses,
  listenAddress,
  longestSeconds,
  portsJson,
  probeTarget,
  smallCount,
  someSeconds,
  wholeSeconds,
  zoneText,
} from "./forms.ts";
import type { LogSettings } from "./log.ts";
import type { ProbeTarget } from "./protocol.ts";
import { deriveTiming, type Durations, type Timing, timingMisfits } from "./timing.ts";

export interface Settings {
  /** Only for the reader of the log, as in the original. */
  readonly name: string;
  readonly lock: { readonly namespace: string; readonly name: string };
  readonly identity: string;
  readonly timing: Timing;
  readonly stopTimeoutMs: number;
  /** From the withdrawal of the traffic to the signal that stops the command; part of the above. */
  readonly drainDelayMs: number;
  readonly onLoss: "rejoin" | "exit";
  /** Refuses to run where the promise would rest on luck. */
  readonly strict: boolean;
  /** Where this pod runs. */
  readonly nodeName?: string;
  /** Whether Kubernetes Events tell who leads. */
  readonly events: boolean;
  readonly preflight: "auto" | "strict" | "off";
  readonly status?: Address;
  readonly service?: Service;
  readonly probing?: Probing;
}

/** The Service without selector that points at the leader. */
export interface Service {
  readonly name: string;
  readonly namespace: string;
  /** The kind of the objects that route it. */
  readonly kind: "auto" | "endpointslice" | "endpoints";
  /** At least one, and at most one of each family. */
  readonly podIps: readonly string[];
  readonly nodeName?: string;
  readonly zone?: string;
  readonly ports: readonly EndpointPort[];
}

/** How the command is asked whether it is ready. */
export interface Probing {
  readonly target: ProbeTarget;
  /** From one probe to the next. */
  readonly periodMs: number;
  /** How long one probe may take. */
  readonly timeoutMs: number;
  /** So many failures in a row make a command that was ready not ready. */
  readonly threshold: number;
  /** How long a command may run without ever being ready (L11). */
  readonly startTimeoutMs: number;
}

export interface Reading {
  /** Missing when there are misfits. */
  readonly settings?: Settings;
  readonly log: LogSettings;
  /** What is wrong, a sentence each: the variable, the value, and what would be right. */
  readonly misfits: readonly string[];
  readonly warnings: readonly string[];
}

const prefix = "K8S_AWAIT_ELECTION_";

const durationNames: Readonly<Record<keyof Durations, string>> = {
  leaseSeconds: "LEASE_DURATION",
  renewDeadlineSeconds: "RENEW_DEADLINE",
  retrySeconds: "RETRY_PERIOD",
};

/** Read by the host, or put by us into the command's environment. */
const knownElsewhere = [
  "ENABLED",
  "KUBECONFIG",
  "SERVICE_ACCOUNT_DIR",
  "RECORD",
  "FENCING_TOKEN",
  "TERM",
  "LEASE_UID",
  "LEASE_TRANSITIONS",
];

/** Whether there is an election at all: as in the original, any value but the empty one. */
export function isEnabled(variables: Readonly<Record<string, string | undefined>>): boolean {
  return (variables[`${prefix}ENABLED`] ?? "") !== "";
}

/** Reads every variable; never throws. */
export function readSettings(variables: Readonly<Record<string, string>>): Reading {
  const page = new Page(variables);
  const log: LogSettings = {
    format: page.choice("LOG_FORMAT", ["text", "json"], "text"),
    level: page.choice("LOG_LEVEL", ["info", "error", "warn", "debug"], "info"),
  };
  const namespace = page.required("LOCK_NAMESPACE", dnsLabel);
  const durations = {
    leaseSeconds: page.lenientSeconds("LEASE_DURATION", 15),
    renewDeadlineSeconds: page.lenientSeconds("RENEW_DEADLINE", 10),
    retrySeconds: page.lenientSeconds("RETRY_PERIOD", 2),
  };
  const stopTimeout = page.seconds("STOP_TIMEOUT") ?? 25;
  const takeoverDelay = page.seconds("TAKEOVER_DELAY");
  const settings: Settings = {
    name: page.required("NAME"),
    lock: { namespace, name: page.required("LOCK_NAME", dnsName) },
    identity: page.required("IDENTITY", identityText),
    timing: deriveTiming(durations, takeoverDelay === undefined ? undefined : takeoverDelay * 1000),
    stopTimeoutMs: stopTimeout * 1000,
    drainDelayMs: readDrainDelay(page, stopTimeout) * 1000,
    onLoss: page.choice("ON_LOSS", ["rejoin", "exit"], "rejoin"),
    strict: page.flag("STRICT"),
    events: page.flag("EVENTS", true),
    preflight: page.choice("PREFLIGHT", ["auto", "strict", "off"], "auto"),
    ...optional("nodeName", page.text("NODE_NAME")),
    ...optional("status", page.parsed("STATUS_ENDPOINT", listenAddress)),
    ...optional("service", readService(page, namespace)),
    ...optional("probing", readProbing(page)),
  };
  for (const { duration, right } of timingMisfits(durations)) {
    const name = durationNames[duration];
    page.misfit(name, page.text(name) ?? `${durations[duration]} by default`, right);
  }
  page.warnOfUnknown();
  const { misfits, warnings } = page;
  return misfits.length === 0 ? { settings, log, misfits, warnings } : { log, misfits, warnings };
}

/** The variables as they are read, and what was found wrong with them. */
class Page {
  readonly misfits: string[] = [];
  readonly warnings: string[] = [];
  readonly #variables: Readonly<Record<string, string>>;
  readonly #asked = new Set(knownElsewhere.map((name) => prefix + name));

  constructor(variables: Readonly<Record<string, string>>) {
    this.#variables = variables;
    if (["0", "false", "no", "off"].includes((variables[`${prefix}ENABLED`] ?? "").toLowerCase())) {
      const value = JSON.stringify(variables[`${prefix}ENABLED`]);
      this.warnings.push(
        `${prefix}ENABLED is ${value}, and any value but the empty one enables the election`,
      );
    }
  }

  /** The value, or undefined if unset or empty, which the original treats alike. */
  text(name: string): string | undefined {
    this.#asked.add(prefix + name);
    return this.#variables[prefix + name] || undefined;
  }

  parsed<T>(name: string, form: Form<T>): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = form.read(text);
    if (value === undefined) this.misfit(name, text, form.right);
    return value;
  }

  required(name: string, form: Form = anyText): string {
    const value = this.parsed(name, form);
    if (this.text(name) === undefined) this.misfits.push(`${prefix}${name} is not set`);
    return value ?? "";
  }

  choice<const T extends string>(name: string, choices: readonly T[], byDefault: T): T {
    const right = `must be ${choices.join(" or ")}`;
    const form = { read: (text: string) => choices.find((choice) => choice === text), right };
    return this.parsed(name, form) ?? byDefault;
  }

  flag(name: string, byDefault = false): boolean {
    return this.parsed(name, flagText) ?? byDefault;
  }

  seconds(name: string): number | undefined {
    return this.parsed(name, wholeSeconds);
  }

  /** Malformed is ignored as in the original; a number that cannot be meant is refused. */
  lenientSeconds(name: string, byDefault: number): number {
    const text = this.text(name);
    if (text === undefined) return byDefault;
    if (!/^[+-]?\d+$/.test(text)) {
      const value = JSON.stringify(text);
      this.warnings.push(
        `${prefix}${name} is ${value}, which is no whole number of seconds: using ${byDefault}`,
      );
      return byDefault;
    }
    const seconds = Number(text);
    if (seconds >= 1 && seconds <= longestSeconds) return seconds;
    this.misfit(name, text, `must be whole seconds from 1 to ${longestSeconds}`);
    return byDefault;
  }

  misfit(name: string, value: string, right: string): void {
    this.misfits.push(`${prefix}${name} is ${JSON.stringify(value.slice(0, 300))}: ${right}`);
  }

  /** What only `READY_PROBE` uses. */
  warnOfIdle(names: readonly string[]): void {
    for (const name of names.filter((it) => this.text(it) !== undefined)) {
      this.warnings.push(`${prefix}${name} is ignored: ${prefix}READY_PROBE is not set`);
    }
  }

  warnOfUnknown(): void {
    for (const name of Object.keys(this.#variables).toSorted()) {
      if (name.startsWith(prefix) && !this.#asked.has(name)) {
        this.warnings.push(`${name} is not a variable of k8s-await-election: it is ignored`);
      }
    }
  }
}

/** The command gets what is left of the stop timeout, which must be something. */
function readDrainDelay(page: Page, stopTimeout: number): number {
  const delay = page.seconds("DRAIN_DELAY") ?? 0;
  if (delay > 0 && !(delay < stopTimeout)) {
    const right = `must be less than ${prefix}STOP_TIMEOUT, which is ${stopTimeout} and contains it`;
    page.misfit("DRAIN_DELAY", String(delay), right);
  }
  return delay;
}

function readService(page: Page, lockNamespace: string): Service | undefined {
  const name = page.parsed("SERVICE_NAME", dnsLabel);
  const namespace = page.parsed("SERVICE_NAMESPACE", dnsLabel) ?? lockNamespace;
  const nodeName = page.parsed("NODE_NAME", dnsName);
  const podIps = page.parsed("POD_IP", ipAddresses);
  const zone = page.parsed("ZONE", zoneText);
  const kind = page.choice("SERVICE_KIND", ["auto", "endpointslice", "endpoints"], "auto");
  const ports = page.parsed("SERVICE_PORTS_JSON", portsJson);
  if (page.text("SERVICE_NAME") === undefined) {
    if (page.text("DRAIN_DELAY") !== undefined) {
      const needed = `${prefix}SERVICE_NAME is not set: there is no traffic to withdraw`;
      page.warnings.push(`${prefix}DRAIN_DELAY has no effect, because ${needed}`);
    }
    return undefined;
  }
  for (const needed of ["POD_IP", "SERVICE_PORTS_JSON"]) {
    if (page.text(needed) === undefined) {
      page.misfits.push(`${prefix}${needed} is not set, and ${prefix}SERVICE_NAME needs it`);
    }
  }
  if (name === undefined || podIps === undefined || ports === undefined) return undefined;
  const node = { ...optional("nodeName", nodeName), ...optional("zone", zone) };
  return { name, namespace, kind, podIps, ports, ...node };
}

/** The defaults are kubelet's, but for the period: a leader is alone, and traffic waits for it. */
function readProbing(page: Page): Probing | undefined {
  const target = page.parsed("READY_PROBE", probeTarget);
  const seconds = (name: string, byDefault: number) =>
    (page.parsed(name, someSeconds) ?? byDefault) * 1000;
  const probing = {
    periodMs: seconds("READY_PERIOD", 1),
    timeoutMs: seconds("READY_TIMEOUT", 1),
    threshold: page.parsed("READY_THRESHOLD", smallCount) ?? 3,
    startTimeoutMs: seconds("START_TIMEOUT", 300),
  };
  if (page.text("READY_PROBE") === undefined) {
    page.warnOfIdle(["READY_PERIOD", "READY_TIMEOUT", "READY_THRESHOLD", "START_TIMEOUT"]);
  }
  return target && { target, ...probing };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
