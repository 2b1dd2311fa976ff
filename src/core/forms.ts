/** The forms that the text of a variable can have; each says what would be right. */
import { asObject, parseJson } from "./json.ts";
import type { ProbeTarget } from "./protocol.ts";

export interface Form<T = string> {
  /** The value, or undefined if the text has not this form. */
  readonly read: (text: string) => T | undefined;
  /** Completes the sentence «VARIABLE is "…": ». */
  readonly right: string;
}

/** A host and port; a missing host means every address of the machine. */
export interface Address {
  readonly host?: string;
  readonly port: number;
}

/** `EndpointPort` of core/v1. */
export interface EndpointPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly appProtocol?: string;
}

export const longestSeconds = 86_400;

export const anyText: Form = { read: (text) => text, right: "" };

/** DNS-1123 label: namespaces and Services. */
export const dnsLabel: Form = {
  read: (text) => (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text) ? text : undefined),
  right: "must be lower-case letters, digits and -, at most 63 (a DNS-1123 label)",
};

/** DNS-1123 subdomain: the names of Leases and nodes. */
export const dnsName: Form = {
  read: (text) =>
    text.length <= 253 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
      ? text
      : undefined,
  right: "must be lower-case letters, digits, - and ., at most 253 (a DNS-1123 subdomain)",
};

/** Taken byte for byte into the lease: `host_uuid` and UTF-8 are common, control characters are not. */
export const identityText: Form = {
  read: (text) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return undefined;
    return within(utf8Length(text) ?? 0, 1, 253) === undefined ? undefined : text;
  },
  right: "must be 1 to 253 bytes of UTF-8 without control characters",
};

export const wholeSeconds: Form<number> = {
  read: (text) => (/^\d{1,5}$/.test(text) ? within(Number(text), 0, longestSeconds) : undefined),
  right: `must be whole seconds from 0 to ${longestSeconds}`,
};

/** What a time of nothing makes no sense for. */
export const someSeconds: Form<number> = {
  read: (text) => (/^\d{1,5}$/.test(text) ? within(Number(text), 1, longestSeconds) : undefined),
  right: `must be whole seconds from 1 to ${longestSeconds}`,
};

export const smallCount: Form<number> = {
  read: (text) => (/^\d{1,4}$/.test(text) ? within(Number(text), 1, 100) : undefined),
  right: "must be a whole number from 1 to 100",
};

export const flagText: Form<boolean> = {
  read: (text) =>
    new Map([
      ["1", true],
      ["true", true],
      ["0", false],
      ["false", false],
    ]).get(text),
  right: "must be 1 or 0",
};

/** `:9999`, `127.0.0.1:9999`, `[::]:9999`, `localhost:9999`, as Go's `net.Listen` takes them. */
export const listenAddress: Form<Address> = {
  read: (text) => {
    const [, bracketed, plain, digits] =
      /^(?:\[([\da-f:.%\w]+)\]|([\w.-]*)):(\d{1,5})$/i.exec(text) ?? [];
    const port = digits === undefined ? undefined : within(Number(digits), 1, 65_535);
    if (port === undefined) return undefined;
    const host = bracketed ?? plain ?? "";
    return host === "" ? { port } : { host, port };
  },
  right: "must be an address to listen on, such as :9999 or 127.0.0.1:9999",
};

/**
 * `http://127.0.0.1:8080/healthz`, `tcp://[::1]:5432`, `exec:/bin/check --fast`. The words of the last
 * come apart at spaces, and nothing quotes: there is no shell.
 */
export const probeTarget: Form<ProbeTarget> = {
  read: (text) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(text)) return undefined;
    if (!text.startsWith("exec:")) return readUrl(text);
    const argv = text
      .slice("exec:".length)
      .split(" ")
      .filter((word) => word !== "");
    return argv.length === 0 ? undefined : { by: "exec", argv };
  },
  right:
    "must be http://HOST[:PORT][/PATH], tcp://HOST:PORT or exec:COMMAND [ARGUMENT…], " +
    "such as http://127.0.0.1:8080/healthz",
};

function readUrl(text: string): ProbeTarget | undefined {
  const [, scheme, bracketed, name, digits, path] =
    /^(http|tcp):\/\/(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?(\/[!"$-~]*)?$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  const port = within(Number(digits ?? 80), 1, 65_535);
  if (host === undefined || port === undefined) return undefined;
  if (bracketed !== undefined && !isIpv6(bracketed)) return undefined;
  if (scheme === "http") return { by: "http", host, port, path: path ?? "/" };
  const isTcp = scheme === "tcp" && digits !== undefined && path === undefined;
  return isTcp ? { by: "tcp", host, port } : undefined;
}

/** As `status.podIP` or, of a dual-stack pod, `status.podIPs` gives them. */
export const ipAddresses: Form<readonly string[]> = {
  read: (text) => {
    const ips = text.split(",");
    const families = ips.map((ip) => (isIpv4(ip) ? 4 : isIpv6(ip) ? 6 : undefined));
    const isEach = !families.includes(undefined) && new Set(families).size === ips.length;
    return isEach ? ips : undefined;
  },
  right:
    "must be one IPv4 or IPv6 address, such as 10.1.2.3, or one of each with a comma between them",
};

/** A label's value, as the label `topology.kubernetes.io/zone` of a node has it. */
export const zoneText: Form = {
  read: (text) => (/^[a-z0-9A-Z]([-\w.]{0,61}[a-z0-9A-Z])?$/.test(text) ? text : undefined),
  right: "must be the name of a zone: letters, digits, -, _ and ., at most 63 (a label's value)",
};

/** An array of core/v1 endpoint ports; members that we do not know are ignored, as in the original. */
export const portsJson: Form<readonly EndpointPort[]> = {
  read: (text) => {
    const value = parseJson(text);
    if (!Array.isArray(value)) return undefined;
    const ports = value.map(readPort).filter((port) => port !== undefined);
    const named = ports.every(({ name }) => name !== undefined) || ports.length === 1;
    return ports.length === value.length && named ? ports : undefined;
  },
  right:
    'must be a JSON array of ports, such as [{"name":"http","port":80,"protocol":"TCP"}]: ' +
    "port from 1 to 65535, protocol TCP, UDP or SCTP, and a name each where there are several",
};

function readPort(value: unknown): EndpointPort | undefined {
  const members = { ...asObject(value) };
  const { port } = members;
  // Go reads null and the empty text as if the member were not there.
  const [name, protocol, appProtocol] = ["name", "protocol", "appProtocol"].map(
    (member) => members[member] || undefined,
  );
  if (typeof port !== "number" || within(port, 1, 65_535) === undefined) return undefined;
  const isKnown =
    protocol === undefined || protocol === "TCP" || protocol === "UDP" || protocol === "SCTP";
  if (!isKnown) return undefined;
  if (!isOptionalText(name) || !isOptionalText(appProtocol)) return undefined;
  return {
    ...(name === undefined ? {} : { name }),
    port,
    protocol: protocol ?? "TCP",
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

function within(value: number, least: number, most: number): number | undefined {
  return Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

/** Groups of up to four digits, at most one `::`, and an IPv4 address at most at the end. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const hasIpv4 = last.includes(".");
  if (hasIpv4 && !isIpv4(last)) return false;
  if (hasIpv4 && !text.endsWith(last)) return false;
  const digits = hasIpv4 ? groups.slice(0, -1) : groups;
  const count = digits.length + (hasIpv4 ? 2 : 0);
  const isWhole = halves.length === 2 ? count < 8 : count === 8;
  return isWhole && digits.every((group) => /^[\da-f]{1,4}$/i.test(group));
}

/** In bytes; undefined for half a surrogate pair, which is no text. */
function utf8Length(text: string): number | undefined {
  try {
    return encodeURIComponent(text).replaceAll(/%[\dA-F]{2}/g, "x").length;
  } catch {
    return undefined;
  }
}
