/**
 * The replicas of one Lease, with one oracle between them, and the rules by which their deadlines
 * are judged.
 *
 * A machine that is busy with something else may cost them a term before a test does. So every rule
 * is asked about the term of a given renewal; only that no two commands ever ran at a time is asked
 * about all of them.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { deriveTiming, type Durations, type Timing } from "../../src/core/timing.ts";
import { until } from "../cluster/until.ts";
import { scratchFolder } from "../hosts/bin.ts";
import {
  assertExclusive,
  type Entry,
  journalOf,
  type OracleOptions,
  oracleWords,
  starts,
} from "../hosts/oracle.ts";
import { assertOwnWrites, bootMs, Ledger, type Seen } from "./ledger.ts";
import { type Member, type MemberOptions, startMember } from "./member.ts";
import type { Network } from "./network.ts";

/** The shortest: G = 2.2 s, H = 3.2 s, E = 4.2 s. */
export const quick: Durations = { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 };
/** For what shall be outlived, by several attempts: G = 4.7 s, H = 5.7 s, E = 6.7 s. */
export const short: Durations = { leaseSeconds: 8, renewDeadlineSeconds: 5, retrySeconds: 1 };
/** Those that everybody has. */
export const usual: Durations = { leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 };

/** W + κ: the watchdog may be so late, and what was killed so long in dying (A4). */
const latenessMs = 500;

/** The clocks of two processes, one of them read by the wall clock in milliseconds. */
const clockStepMs = 20;

/** From a replica to the API server, which is busy with other replicas. */
const wayMs = 250;

/** From the sending of a renewal to a moment after its answer; half of the shortest exchange. */
const promptMs = 250;

/** w: watch delivery, round trip and spread, on a machine that is busy. */
const takeoverMs = 500;

export interface TeamOptions {
  readonly durations?: Durations;
  readonly oracle?: Partial<OracleOptions>;
}

export interface Led {
  readonly leader: Member;
  readonly followers: readonly Member[];
  /** A renewal of the leader, confirmed a moment ago. */
  readonly confirmed: Seen;
}

export class Team {
  readonly timing: Timing;
  readonly ledger: Ledger;
  readonly journal: string;
  readonly members: Member[] = [];
  readonly #t: TestContext;
  readonly #network: Network;
  readonly #lease: string;
  readonly #durations: Durations;

  constructor(t: TestContext, network: Network, lease: string, durations: Durations = quick) {
    this.timing = deriveTiming(durations);
    this.ledger = new Ledger(network.store, () => this.#read());
    this.journal = `${scratchFolder(t)}/journal`;
    this.#t = t;
    this.#network = network;
    this.#lease = lease;
    this.#durations = durations;
  }

  /** Of its Lease, below all Leases. */
  get path(): string {
    return `/${this.#lease}`;
  }

  /** Who claimed last. */
  get claimant(): Member {
    const { identity } = this.ledger.done("claim").at(-1) ?? {};
    const found = this.members.find((it) => it.identity === identity);
    return found ?? assert.fail("Nobody has claimed the lease");
  }

  async start(options: MemberOptions = {}): Promise<Member> {
    const identity = `${this.#lease}-${this.members.length + 1}`;
    const { leaseSeconds, renewDeadlineSeconds, retrySeconds } = this.#durations;
    const member = await startMember(this.#t, this.#network, {
      ...options,
      identity,
      // Deaf and with a daemon: nothing of it ends before it is killed.
      argv: oracleWords({ journal: this.journal, deaf: true, grandchild: true }),
      env: {
        K8S_AWAIT_ELECTION_LOCK_NAME: this.#lease,
        K8S_AWAIT_ELECTION_LEASE_DURATION: String(leaseSeconds),
        K8S_AWAIT_ELECTION_RENEW_DEADLINE: String(renewDeadlineSeconds),
        K8S_AWAIT_ELECTION_RETRY_PERIOD: String(retrySeconds),
      },
      hear: (...asked) => this.ledger.take(identity, ...asked),
    });
    this.members.push(member);
    return member;
  }

  /** Starts so many, and waits until one leads and the others know it. */
  async startLed(count: number, options?: MemberOptions): Promise<Led> {
    for (let at = 0; at < count; at += 1) await this.start(options);
    return this.led();
  }

  /** Waits until somebody renews while the command runs, and everybody knows that. */
  async led(): Promise<Led> {
    for (;;) {
      const startedAt = this.ledger.seen.length;
      const confirmed = await this.#until("a leader that renews", () => {
        const last = this.ledger.done("claim", "renewal").at(-1);
        const isNew = last !== undefined && this.ledger.seen.indexOf(last) >= startedAt;
        return isNew && last.what === "renewal" && this.#isWell(last) ? last : undefined;
      });
      const leader = this.members.find(({ identity }) => identity === confirmed.identity);
      const followers = this.members.filter((it) => it !== leader);
      for (const { bin } of followers) {
        await bin.log.first(new RegExp(`the leader is "${confirmed.identity}"`));
      }
      await this.#answered();
      const isLast = this.ledger.done("claim", "renewal").at(-1) === confirmed;
      // What took longer may be given up by its sender, and be confirmed only by the one after it.
      const isPrompt = bootMs() - confirmed.sentAtMs < promptMs;
      if (leader !== undefined && isLast && isPrompt) return { leader, followers, confirmed };
    }
  }

  /** Waits for more confirmed renewals of its, and gives the last of them. */
  async renewed({ identity }: Member, count: number): Promise<Seen> {
    const find = () => this.ledger.done("renewal").filter((it) => it.identity === identity);
    const before = find().length;
    const last = await this.#until(`${count} renewals`, () => find()[before + count - 1]);
    await this.#answered();
    return last;
  }

  /** Waits for a request. */
  async asked(isWanted: (seen: Seen) => boolean, what: string): Promise<Seen> {
    return this.#until(what, () => this.ledger.seen.find(isWanted));
  }

  /** Waits for the start of the command in the first term, or in the first one after a renewal. */
  async started(after?: Seen): Promise<Entry> {
    const token = BigInt(after === undefined ? 0 : this.#tokenOf(after));
    const isNext = (it: Entry) => BigInt(it.token) > token;
    const known = starts(this.journal).filter((it) => !isNext(it)).length;
    // The journal is long, and the way to the API server leads through this very process.
    const runs = () => this.members.flatMap(({ bin }) => bin.output.all.filter(isStart)).length;
    return this.#until("the next start of the command", () =>
      runs() > known ? starts(this.journal).find(isNext) : undefined,
    );
  }

  /** No two commands ran at a time, and nobody wrote on the record of another too early. */
  assertSound(): void {
    assertExclusive(this.journal);
    assertOwnWrites(this.ledger, this.timing.leaseMs);
  }

  /** The term of that renewal goes on: its command was not even asked to stop. */
  assertUndisturbed(confirmed: Seen): void {
    const token = this.#tokenOf(confirmed);
    const entries = journalOf(this.journal);
    const told = entries.filter((it) => it.token === token && it.what === "term");
    assert.deepEqual(told, [], this.logs());
    assert.equal(entries.at(-1)?.token, token, this.logs());
    this.assertSound();
  }

  /** Its command had SIGTERM not before G and well before H, by which its whole tree was dead. */
  assertStopped(confirmed: Seen): void {
    const { sentAtMs, atMs } = confirmed;
    const token = this.#tokenOf(confirmed);
    const ofTerm = journalOf(this.journal).filter((it) => it.token === token);
    const term = ofTerm.find(({ what }) => what === "term");
    const last = ofTerm.at(-1);
    assert.ok(term !== undefined && last !== undefined, this.logs());
    const [termMs, lastMs] = [term.atMs - sentAtMs, last.atMs - sentAtMs];
    const { stopMs, killMs } = this.timing;
    const told = `SIGTERM ${termMs.toFixed(0)} ms, the last beat ${lastMs.toFixed(0)} ms after s`;
    this.#t.diagnostic(`${told}, where G = ${stopMs} ms and H = ${killMs} ms`);
    const unsureMs = sentAtMs < atMs ? clockStepMs : wayMs;
    assert.ok(termMs >= stopMs - unsureMs, `never earlier than G: ${told}`);
    // How late a busy loop may be at G is not said; the guard, which is, comes second in any case.
    assert.ok(termMs < killMs, `before H: ${told}`);
    assert.ok(lastMs <= killMs + latenessMs, `by H: ${told}`);
  }

  /**
   * Its command ended by the deadlines, and then another one leads: not before E, and so long after
   * the last renewal at most (D + P unless told), beside w.
   */
  async assertReplaced(
    confirmed: Seen,
    withinMs: number = this.timing.leaseMs + this.timing.retryMs,
  ): Promise<void> {
    const next = await this.started(confirmed);
    this.assertStopped(confirmed);
    assert.ok(next.atMs >= confirmed.sentAtMs + this.timing.endMs - clockStepMs, "not before E");
    const claim = this.ledger.done("claim").find(({ atMs }) => atMs > confirmed.atMs);
    const last = this.ledger.done("renewal").findLast((it) => it.identity === confirmed.identity);
    assert.ok(claim !== undefined && last !== undefined);
    assert.notEqual(claim.identity, confirmed.identity, "another leads");
    const waitedMs = claim.atMs - last.atMs;
    this.#t.diagnostic(`the next claim came ${waitedMs.toFixed(0)} ms after the last renewal`);
    assert.ok(waitedMs <= withinMs + takeoverMs, `${waitedMs} ms until the next claim`);
    this.assertSound();
  }

  logs(): string {
    return this.members.map(({ identity, bin }) => `${identity}:\n${bin.log.text}`).join("\n");
  }

  /** The fencing token of the term that a renewal is of. */
  #tokenOf(renewal: Seen): string {
    const claim = this.ledger.done("claim").findLast(({ atMs }) => atMs <= renewal.atMs);
    assert.equal(claim?.identity, renewal.identity, "its term was opened by a claim of its own");
    return claim?.version ?? "";
  }

  /** The command runs and is not being stopped, as after a look at G that came in time for H. */
  #isWell(renewal: Seen): boolean {
    const token = this.#tokenOf(renewal);
    const ofTerm = journalOf(this.journal).filter((it) => it.token === token);
    return ofTerm.length > 0 && !ofTerm.some(({ what }) => what === "term");
  }

  /** An answer has yet to come through the proxy, which is in this very process; P is far longer. */
  #answered(): Promise<void> {
    return pause(100);
  }

  #read(): ReturnType<Network["ask"]>["body"] | undefined {
    const { status, body } = this.#network.ask("GET", this.path);
    return status === 200 ? body : undefined;
  }

  async #until<T>(what: string, attempt: () => T | undefined): Promise<T> {
    try {
      return await until(what, attempt);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.logs()}`, { cause: error });
    }
  }
}

function isStart(line: string): boolean {
  return /^command \d+ runs$/.test(line);
}
