/**
 * The terminal view as lines of text: a function of what is shown, and of nothing else.
 *
 * Each lane ends in a strip of the last seconds: `█` where its command ran, `▓` where it ran beside
 * another one, `·` where it did not run.
 */
import type { Interval } from "./journal.ts";
import type { Holding, Lane, Role } from "./lanes.ts";
import { gapsOf, lengthNs, overlapsOf } from "./summary.ts";

export interface View {
  readonly title: string;
  readonly nowNs: number;
  readonly startedNs: number;
  readonly lanes: readonly Lane[];
  readonly holding?: Holding;
  readonly intervals: readonly Interval[];
  /** What was done last. */
  readonly news: string;
  readonly columns: number;
  readonly hasColor: boolean;
}

const columnNs = 0.5e9;
const shownGaps = 6;

/** Stamps come late on a busy machine. */
const latenessNs = 0.3e9;

/** What can be done, by key; in the order in which it is shown. */
export const keyHelp = [
  ["s", "stop the leader"],
  ["k", "kill it"],
  ["f", "freeze / thaw"],
  ["c", "cut off / heal"],
  ["d", "delete the Lease"],
  ["+", "add a replica"],
  ["-", "remove one"],
  ["q", "quit"],
] as const;

export type Key = (typeof keyHelp)[number][0];

type Paint = (text: string, color: Color) => string;
type Color = "green" | "red" | "yellow" | "dim" | "bold";

const codes: Readonly<Record<Color, number>> = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 };

export function drawView(view: View): readonly string[] {
  const paint: Paint = (text, color) =>
    view.hasColor ? `\u001b[${codes[color]}m${text}\u001b[0m` : text;
  const time = clockText(view.nowNs - view.startedNs);
  return [
    ` ${paint("k8s-await-election", "bold")}  ${view.title}  ${time}`,
    "",
    paint(headText(view.columns), "dim"),
    ...view.lanes.map((lane) => laneText(lane, view, paint)),
    "",
    ` Lease    ${leaseText(view)}`,
    ` page     ${pagesText(view.lanes)}`,
    ` gaps     ${gapsText(view, paint)}`,
    ` overlap  ${overlapText(view.intervals, paint)}`,
    "",
    ` ${clip(view.news, view.columns - 1)}`,
    "",
    ...keyLines(view.columns, paint),
  ];
}

const widths = { name: 9, role: 16, since: 9, left: 8, token: 9 } as const;
const fixedColumns = 1 + Object.values(widths).reduce((sum, width) => sum + width, 0);

function headText(columns: number): string {
  const { name, role, since, left, token } = widths;
  const head =
    "replica".padEnd(name) +
    "role".padEnd(role) +
    "since".padStart(since - 2).padEnd(since) +
    "left".padStart(left - 2).padEnd(left) +
    "token".padEnd(token);
  const seconds = Math.floor((stripColumns(columns) * columnNs) / 1e9);
  return clip(` ${head}${seconds > 2 ? `last ${seconds} s` : ""}`, columns);
}

function laneText(lane: Lane, view: View, paint: Paint): string {
  const { name, role, sinceNs, leftMs, token } = lane;
  const since = secondsText((view.nowNs - sinceNs) / 1e6);
  const left = leftMs === undefined ? "" : secondsText(leftMs);
  const before = ` ${name.padEnd(widths.name)}`;
  const after =
    since.padStart(widths.since - 2).padEnd(widths.since) +
    left.padStart(widths.left - 2).padEnd(widths.left) +
    token.padEnd(widths.token);
  const strip = stripOf(name, view);
  const room = Math.max(0, view.columns - before.length - widths.role);
  return before + paint(role.padEnd(widths.role), colorOf[role]) + clip(after + strip, room);
}

const colorOf: Readonly<Record<Role, Color>> = {
  starts: "dim",
  waits: "dim",
  leads: "green",
  "leads, cut off": "yellow",
  "cut off": "red",
  stops: "yellow",
  frozen: "red",
  restarts: "red",
};

function stripColumns(columns: number): number {
  return Math.min(60, Math.max(0, columns - fixedColumns - 1));
}

/** The columns stand for whole spans of time, so that the strip moves by whole columns. */
function stripOf(name: string, { intervals, nowNs, startedNs, columns }: View): string {
  const overlaps = overlapsOf(intervals);
  const last = Math.ceil(nowNs / columnNs) - 1;
  let strip = "";
  for (let column = last - stripColumns(columns) + 1; column <= last; column += 1) {
    const span = { startNs: column * columnNs, endNs: (column + 1) * columnNs };
    const meets = (it: { startNs: number; endNs: number }) =>
      it.startNs < span.endNs && span.startNs < it.endNs;
    if (span.endNs < startedNs) strip += " ";
    else if (!intervals.some((it) => it.replica === name && meets(it))) strip += "·";
    else strip += overlaps.some(meets) ? "▓" : "█";
  }
  return strip;
}

function leaseText({ holding, nowNs }: View): string {
  if (holding === undefined) return "not there";
  const { holder, transitions } = holding.lease;
  const changes = `${transitions} ${transitions === 1 ? "transition" : "transitions"}`;
  if (holder === "") return `released, ${changes}`;
  return `${holder}, renewed ${secondsText((nowNs - holding.seenNs) / 1e6)} ago, ${changes}`;
}

function pagesText(lanes: readonly Lane[]): string {
  const pages = lanes.flatMap(({ port }) =>
    port === undefined ? [] : [`http://127.0.0.1:${port}`],
  );
  return pages.join("  ") || "none";
}

function gapsText({ intervals, nowNs }: View, paint: Paint): string {
  const gaps = gapsOf(intervals).map((gap) => (lengthNs(gap) / 1e6).toFixed(0));
  const end = intervals.reduce((latest, { endNs }) => Math.max(latest, endNs), 0);
  const isGap = end > 0 && nowNs - end > latenessNs;
  const now = isGap ? [paint(`nobody for ${secondsText((nowNs - end) / 1e6)}`, "yellow")] : [];
  const shown = gaps.slice(-shownGaps);
  const text = shown.length === 0 ? [] : [`${shown.join(", ")} ms`];
  return [...text, ...now].join(" · ") || "none yet";
}

function overlapText(intervals: readonly Interval[], paint: Paint): string {
  const overlaps = overlapsOf(intervals);
  if (overlaps.length === 0) return paint("0 ms", "green");
  const totalMs = overlaps.reduce((sum, span) => sum + lengthNs(span), 0) / 1e6;
  return paint(`${totalMs.toFixed(0)} ms in ${overlaps.length} pieces`, "red");
}

function keyLines(columns: number, paint: Paint): readonly string[] {
  const lines: { text: string; width: number }[] = [];
  for (const [key, meaning] of keyHelp) {
    const width = key.length + meaning.length + 4;
    const text = ` ${paint(key, "bold")} ${paint(meaning, "dim")}  `;
    const last = lines.at(-1);
    if (last === undefined || last.width + width > columns) lines.push({ text, width });
    else lines[lines.length - 1] = { text: last.text + text, width: last.width + width };
  }
  return lines.map(({ text }) => text.trimEnd());
}

function secondsText(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}

function clockText(ns: number): string {
  const seconds = Math.floor(ns / 1e9);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function clip(text: string, columns: number): string {
  return text.slice(0, Math.max(0, columns)).trimEnd();
}
