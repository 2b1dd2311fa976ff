/** A routing room whose exchanges go to an embedded API server, at once or when the test says so. */
import assert from "node:assert/strict";
import { ApiStore } from "../../src/api-server/store.ts";
import type { Effect } from "../../src/core/notes.ts";
import { instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";
import * as routings from "../../src/core/routing.ts";
import type { Service } from "../../src/core/settings.ts";

export const service: Service = {
  name: "web",
  namespace: "front",
  kind: "auto",
  podIps: ["10.1.2.3"],
  nodeName: "node-1",
  ports: [{ name: "http", port: 80, protocol: "TCP" }],
};
export const mark = "me/pod-1/t";
export const markAnnotation = "k8s-await-election/term";

const core = "/api/v1/namespaces/front";
const slices = "/apis/discovery.k8s.io/v1/namespaces/front/endpointslices";
/** Of every object by the name that the tests give it. */
const paths: Readonly<Record<string, readonly [folder: string, name: string]>> = {
  service: [`${core}/services`, "web"],
  endpoints: [`${core}/endpoints`, "web"],
  ipv4: [slices, "web-await-election-ipv4"],
  ipv6: [slices, "web-await-election-ipv6"],
};

type Request = Extract<Order, { type: "request" }>;
type Stream = Extract<ReturnType<ApiStore["handle"]>, { type: "stream" }>;
export type Members = Readonly<Record<string, unknown>>;

export interface Found extends Members {
  readonly metadata: Members & {
    readonly resourceVersion: string;
    readonly annotations?: Members;
    readonly labels?: Members;
  };
  readonly endpoints?: readonly Members[] | null;
  readonly subsets?: readonly Members[];
}

export class Desk {
  readonly store: ApiStore = new ApiStore({ namespaces: ["front"] });
  routing: routings.Routing;
  ms = 0;
  mayPublish = true;
  told: string[] = [];
  /** Every request as the server got it: method and object. */
  seen: string[] = [];
  bodies: Found[] = [];
  /** Those that wait for an answer. */
  pending: Request[] = [];
  readonly streams: Map<string, Stream> = new Map<string, Stream>();

  constructor(settings: Partial<Service> = {}) {
    const pod = { namespace: "front", name: "web-1", uid: "uid-1" };
    this.routing = routings.begin({ ...service, ...settings }, pod);
  }

  point(isReady = true, own: string = mark): this {
    return this.#keep(routings.point(this.routing, { mark: own, isReady }, this.#now()));
  }

  withdraw(isAnnounced = false): this {
    return this.#keep(routings.withdraw(this.routing, isAnnounced, this.#now()));
  }

  /** Every request is answered by the server, until none is left. */
  run(): this {
    for (let rounds = 0; this.pending.length > 0; rounds += 1) {
      assert.ok(rounds < 200, `it never rests: ${this.seen.slice(-6).join(", ")}`);
      this.serve();
    }
    return this;
  }

  /** The oldest request is answered by the server. */
  serve(): this {
    const { id, method, path, body } = this.next;
    const answer = this.store.handle({ method, path, ...(body === undefined ? {} : { body }) }, 0);
    assert.ok(answer.type !== "stream");
    return this.report({ type: "answered", id, status: answer.status, body: answer.body });
  }

  /** The oldest request is answered like that, whatever the server has. */
  answer(status: number, body: unknown = {}): this {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.report({ type: "answered", id: this.next.id, status, body: text });
  }

  /** All reads find what is so; the writes after them wait. */
  read(): this {
    while (this.pending[0]?.method === "GET") this.serve();
    return this;
  }

  report(report: Report): this {
    if ("id" in report) this.pending = this.pending.filter(({ id }) => id !== report.id);
    return this.#keep(routings.step(this.routing, report, this.mayPublish, this.#now()));
  }

  /** To the next instant that the routing asks for. */
  wake(): this {
    this.ms = routings.wakeAt(this.routing) ?? assert.fail("it asks for no tick");
    return this.report({ type: "tick" });
  }

  /** Wakes it and serves it for so long. */
  pass(forMs: number): this {
    const untilMs = this.ms + forMs;
    for (let at = routings.wakeAt(this.routing); at !== undefined && at <= untilMs; ) {
      this.wake().run();
      at = routings.wakeAt(this.routing);
    }
    this.ms = untilMs;
    return this;
  }

  get next(): Request {
    return this.pending[0] ?? assert.fail("no request waits for an answer");
  }

  /** What the server has. */
  find(name: string): Found | undefined {
    const [folder, own] = paths[name]!;
    const answer = this.store.handle({ method: "GET", path: `${folder}/${own}` }, 0);
    assert.ok(answer.type !== "stream");
    return answer.status === 200 ? (JSON.parse(answer.body) as Found) : undefined;
  }

  /** Somebody else writes, over whatever there is. */
  put(name: string, content: Members, metadata: Members = {}): this {
    const [folder, own] = paths[name]!;
    const body = JSON.stringify({ ...content, metadata: { name: own, ...metadata } });
    const answer = this.store.handle({ method: "PUT", path: `${folder}/${own}`, body }, 0);
    assert.ok(answer.type !== "stream" && answer.status < 300, JSON.stringify(answer));
    return this;
  }

  remove(name: string): this {
    this.store.handle({ method: "DELETE", path: paths[name]!.join("/") }, 0);
    return this;
  }

  /** Every address that any reader of the Service would find, and where. */
  addresses(): readonly string[] {
    const inSlices = ["ipv4", "ipv6"].flatMap((name) =>
      (this.find(name)?.endpoints ?? []).map((it) => `${name} ${String(it["addresses"])}`),
    );
    const inEndpoints = (this.find("endpoints")?.subsets ?? []).map(
      (it) => `endpoints ${(it["addresses"] as { ip: string }[]).map(({ ip }) => ip).join()}`,
    );
    return [...inEndpoints, ...inSlices];
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: this.ms };
  }

  #keep([routing, ...effects]: readonly [routings.Routing, ...Effect[]]): this {
    this.routing = routing;
    for (const effect of effects) {
      if (effect.type === "note") this.told.push(effect.message);
      if (effect.type === "abandon") this.#abandon(effect.id);
      if (effect.type === "request") this.#request(effect);
      if (effect.type === "watch") this.#watch(effect.id, effect.path);
    }
    return this;
  }

  #request(request: Request): void {
    const name = Object.keys(paths).find((key) =>
      request.body === undefined || request.method === "PUT"
        ? paths[key]!.join("/") === request.path
        : request.body.includes(`"name":"${paths[key]![1]}"`) && paths[key]![0] === request.path,
    );
    this.seen.push(`${request.method} ${name}`);
    if (request.body !== undefined) this.bodies.push(JSON.parse(request.body) as Found);
    this.pending.push(request);
  }

  #watch(id: string, path: string): void {
    const stream = this.store.handle({ method: "GET", path }, 0);
    if (stream.type !== "stream") {
      this.report({ type: "answered", id, status: stream.status, body: stream.body });
      return;
    }
    this.streams.set(id, stream);
    stream.start({
      onLine: (text) => void this.report({ type: "line", id, text }),
      onEnd: () => void this.report({ type: "ended", id }),
    });
  }

  #abandon(id: string): void {
    this.pending = this.pending.filter((request) => request.id !== id);
    this.streams.get(id)?.close();
    this.streams.delete(id);
  }
}
