/** The pictures of the report: every value that was measured, as SVG that needs nothing else. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { shares, spreadOf } from "../figures.ts";
import type { Results } from "../results.ts";
import { namesOf, overlap, roundsOf, valuesOf } from "./select.ts";

export interface Picture {
  /** Without its folder. */
  readonly file: string;
  /** What stands below it. */
  readonly caption: string;
  /** After which scenario of the report it stands; at the head where none is told. */
  readonly after?: string;
  readonly svg: string;
}

interface Dot {
  readonly value: number;
  readonly contestant: string;
  readonly profile: string;
  readonly row: string;
}

/** Each contestant has its own, in all pictures; distinct for the colour-blind too (Okabe and Ito). */
const colors = {
  "ours, native": "#0072b2",
  "ours, Node": "#56b4e9",
  "ours, library": "#009e73",
  "client-go, release": "#d55e00",
  "client-go, none": "#e69f00",
  "no wrapper": "#000000",
} as const;

const width = 860;
const bandHeight = 16;

const faults = [
  "black hole",
  "black hole, healed",
  "connections reset",
  "late answers, then a black hole",
  "Lease deleted",
  "API server restart",
  "leader frozen",
  "all frozen",
  "crash",
] as const;

/** Those for which there is something to draw. */
export function draw(results: Results): readonly Picture[] {
  return [
    overlaps(results),
    handOvers(results),
    leaves(results),
    strip(results, "crash", "last renewal → next command, ms", "crash", crashCaption),
    leaderless(results),
    ...costs(results),
    ...growth(results),
  ].filter((picture) => picture !== undefined);
}

const crashCaption =
  "After a crash: from the last renewal to the next command. Each dot is a round, the bar their median.";

function overlaps(results: Results): Picture | undefined {
  const dots = faults.flatMap((scenario) => dotsOf(results, scenario, overlap, scenario));
  const caption =
    "How long two commands ran at once: each dot is a round, and 0 is what a lock promises.";
  return stripPicture("overlaps", caption, dots, { label: "two commands at once, ms →" });
}

function leaderless(results: Results): Picture | undefined {
  const dots = faults.flatMap((scenario) => dotsOf(results, scenario, "leaderless, ms", scenario));
  const caption = "How long no command ran, where something happened to the network or the Lease.";
  return stripPicture("leaderless", caption, dots, { label: "leaderless, ms →", after: faults[0] });
}

function leaves(results: Results): Picture | undefined {
  const dots = [
    ...dotsOf(results, "start-up", "exec → command, ms", "start-up"),
    ...dotsOf(results, "SIGTERM", "SIGTERM → next command, ms", "SIGTERM → next"),
    ...dotsOf(results, "command exit", "end of the command → next, ms", "exit → next"),
    ...dotsOf(results, "rolling restart", "leaderless in all, ms", "rolling restart"),
  ];
  const caption = "Start-up and hand-over: every one that was measured; the bar is the median.";
  const [after, label] = ["start-up", "ms, logarithmic →"];
  return stripPicture("leaves", caption, dots, { label, after, isLog: true });
}

function strip(
  results: Results,
  scenario: string,
  figure: string,
  file: string,
  caption: string,
): Picture | undefined {
  const dots = dotsOf(results, scenario, figure, scenario);
  return stripPicture(file, caption, dots, { label: `${figure} →`, after: scenario });
}

function costs(results: Results): (Picture | undefined)[] {
  const memory = ["RSS, B", "PSS, B", "anonymous, B"].flatMap((figure) =>
    dotsOf(results, "idle", figure, figure.replace(", B", "")),
  );
  const time = ["leader", "follower"].flatMap((role) =>
    dotsOf(results, "idle", `${role}: processor time a minute, ms`, role),
  );
  const inMegabytes = memory.map((dot) => ({ ...dot, value: dot.value / 1e6 }));
  const after = "idle";
  return [
    stripPicture("memory", "Memory of each idle replica.", inMegabytes, {
      label: "MB, logarithmic →",
      after,
      isLog: true,
    }),
    stripPicture("processor", "Processor time of each idle replica.", time, {
      label: "ms a minute →",
      after,
    }),
  ];
}

function dotsOf(results: Results, scenario: string, figure: string, row: string): Dot[] {
  return namesOf(results, "profile", { scenario }).flatMap((profile) =>
    namesOf(results, "contestant", { scenario, profile }).flatMap((contestant) => {
      const values = valuesOf(results, { scenario, profile, contestant, figure });
      return values.map((value) => ({ value, contestant, profile, row }));
    }),
  );
}

interface StripOptions {
  readonly label: string;
  readonly after?: string;
  readonly isLog?: true;
}

function stripPicture(
  file: string,
  caption: string,
  dots: readonly Dot[],
  { label, after, isLog }: StripOptions,
): Picture | undefined {
  if (dots.length === 0) return undefined;
  const rows = new Set(dots.map(({ row }) => row));
  const contestants = known(dots);
  const encoding = { x: "value", y: "contestant", fx: "profile", fy: "row" } as const;
  const svg = render({
    height: 70 + rows.size * (contestants.length * bandHeight + 10),
    marginLeft: 120,
    marginRight: 190,
    marginBottom: 45,
    x: {
      label,
      labelAnchor: "center",
      grid: true,
      nice: true,
      ...(isLog ? { type: "log", tickFormat: "," } : { zero: true }),
    },
    y: { label: null, domain: contestants },
    fx: { label: null, domain: profilesOf(dots) },
    fy: { label: null, domain: [...rows] },
    marks: [
      Plot.frame({ stroke: "#ddd" }),
      Plot.dot(dots, { ...encoding, fill: "contestant", r: 2.5, fillOpacity: 0.6 }),
      Plot.tickX(dots, Plot.groupY({ x: medianOf }, { ...encoding, strokeWidth: 1.5 })),
    ],
    contestants,
  });
  return { file: `${file}.svg`, caption, svg, ...(after !== undefined && { after }) };
}

/** The one of the tables, where Plot's own would be between two values. */
function medianOf(values: readonly number[]): number {
  return spreadOf(values).p50;
}

/** How many hand-overs were over after how long. */
function handOvers(results: Results): Picture | undefined {
  const dots = dotsOf(results, "SIGTERM", "SIGTERM → next command, ms", "SIGTERM");
  if (dots.length === 0) return undefined;
  const steps = profilesOf(dots).flatMap((profile) =>
    known(dots).flatMap((contestant) => {
      const own = dots.filter((it) => it.contestant === contestant && it.profile === profile);
      return shares(own.map(({ value }) => value)).map((it) => ({ ...it, contestant, profile }));
    }),
  );
  const encoding = { x: "value", y: "percent", fx: "profile", stroke: "contestant" } as const;
  const svg = render({
    height: 300,
    marginLeft: 50,
    marginRight: 20,
    x: {
      label: "SIGTERM → next command, ms, logarithmic →",
      type: "log",
      grid: true,
      tickFormat: ",",
    },
    y: { label: "↑ % of hand-overs", domain: [0, 100], grid: true },
    fx: { label: null, domain: profilesOf(dots) },
    marks: [
      Plot.frame({ stroke: "#ddd" }),
      Plot.line(steps, { ...encoding, z: "contestant", curve: "step-after", strokeWidth: 1.5 }),
      Plot.dot(steps, { ...encoding, r: 2 }),
    ],
    contestants: known(dots),
    hasLegend: true,
  });
  const caption = "How many of the hand-overs by SIGTERM were over after how long.";
  return { file: "handover.svg", caption, after: "SIGTERM", svg };
}

/** What so many Leases cost, up to what this machine carries. */
function growth(results: Results): (Picture | undefined)[] {
  const figures = [
    "requests a second, count",
    "API server's share of one processor, %",
    "electors' share of one processor, %",
    "watches, count",
  ] as const;
  const points = roundsOf(results, {}).flatMap(({ contestant, profile, figures: values }) => {
    const [leases] = values["Leases, count"] ?? [];
    if (leases === undefined) return [];
    return figures.flatMap((figure) =>
      (values[figure] ?? []).map((value) => ({ leases, value, contestant, profile, figure })),
    );
  });
  if (points.length === 0) return [];
  const contestants = known(points);
  const last = points.at(-1)?.leases;
  const encoding = { x: "leases", y: "value", fx: "profile", stroke: "contestant" } as const;
  return figures.map((figure, at) => {
    const own = points.filter((point) => point.figure === figure && point.value > 0);
    const svg = render({
      height: 240,
      marginLeft: 60,
      marginRight: 20,
      x: { label: "Leases, 3 replicas each, logarithmic →", type: "log", grid: true },
      y: { label: `↑ ${figure.replace(", count", "")}, logarithmic`, type: "log", grid: true },
      fx: { label: null, domain: profilesOf(points) },
      marks: [
        Plot.frame({ stroke: "#ddd" }),
        Plot.line(own, { ...encoding, z: "contestant" }),
        Plot.dot(own, { ...encoding, r: 3 }),
      ],
      contestants,
      hasLegend: true,
    });
    const caption = `As Leases become more: ${figure.replace(", count", "")}.`;
    return { file: `growth-${at + 1}.svg`, caption, after: `${last} Leases`, svg };
  });
}

function profilesOf(all: readonly { readonly profile: string }[]): string[] {
  return [...new Set(all.map(({ profile }) => profile))];
}

function known(all: readonly { readonly contestant: string }[]): readonly string[] {
  return inOrder([...new Set(all.map(({ contestant }) => contestant))]);
}

/** Ours first, then client-go's, then the yardstick: the same everywhere. */
export function inOrder(names: readonly string[]): readonly string[] {
  const first = Object.keys(colors).filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !first.includes(name))];
}

interface Drawing extends Plot.PlotOptions {
  readonly contestants: readonly string[];
  readonly hasLegend?: boolean;
}

function render({ contestants, hasLegend = false, ...options }: Drawing): string {
  const { document } = parseHTML("<html><body></body></html>");
  const range = contestants.map((name) => colors[name as keyof typeof colors] ?? "#999999");
  const legend = contestants.map((name, at) => {
    const place = { frameAnchor: "bottom-right", dx: -8, dy: -8 - 13 * at } as const;
    return Plot.text([name], { ...place, text: (it: string) => it, fill: (it: string) => it });
  });
  const plot = Plot.plot({
    ...options,
    document,
    width,
    color: { domain: [...contestants], range },
    style: { background: "white", color: "#222" },
    marks: [...(options.marks ?? []), ...(hasLegend ? legend : [])],
  });
  plot.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${plot.outerHTML}\n`;
}
