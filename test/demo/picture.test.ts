import assert from "node:assert/strict";
import { test } from "node:test";
import type { Interval } from "../../demo/journal.ts";
import { drawView, type View } from "../../demo/picture.ts";

const seconds = 1e9;

function life(replica: string, startSeconds: number, endSeconds: number): Interval {
  const startNs = startSeconds * seconds;
  return { replica, pid: startSeconds, token: "7", startNs, endNs: endSeconds * seconds };
}

const view: View = {
  title: "on a test",
  nowNs: 75 * seconds,
  startedNs: 10 * seconds,
  lanes: [
    {
      name: "demo-1",
      role: "leads",
      sinceNs: 70.5 * seconds,
      token: "7",
      port: 8080,
      leftMs: 4321,
    },
    { name: "demo-2", role: "waits", sinceNs: 10 * seconds, token: "" },
  ],
  holding: {
    lease: { holder: "demo-1", renewTime: "a", transitions: 3 },
    seenNs: 74.3 * seconds,
  },
  intervals: [life("demo-2", 60, 70), life("demo-1", 70.5, 75)],
  news: "Something was done.",
  columns: 80,
  hasColor: false,
};

test("drawView() shows who leads, since when, the time left, the token, gaps and overlap", () => {
  assert.deepEqual(drawView(view), [
    " k8s-await-election  on a test  1:05",
    "",
    " replica  role              since    left  token    last 13 s",
    " demo-1   leads             4.5 s   4.3 s  7        ··················█████████",
    " demo-2   waits            65.0 s                   █████████████████··········",
    "",
    " Lease    demo-1, renewed 0.7 s ago, 3 transitions",
    " page     http://127.0.0.1:8080",
    " gaps     500 ms",
    " overlap  0 ms",
    "",
    " Something was done.",
    "",
    " s stop the leader   k kill it   f freeze / thaw   c cut off / heal",
    " d delete the Lease   + add a replica   - remove one   q quit",
  ]);
});

test("drawView() shows two that ran at once, in their lanes and as a sum", () => {
  const intervals = [life("demo-2", 60, 73), life("demo-1", 71, 75)];
  const lines = drawView({ ...view, intervals });
  assert.match(lines.find((it) => it.startsWith(" demo-1")) ?? "", /·▓▓▓▓█+$/);
  assert.match(lines.find((it) => it.startsWith(" demo-2")) ?? "", /█▓▓▓▓·+$/);
  assert.ok(lines.includes(" overlap  2000 ms in 1 pieces"), lines.join("\n"));
});

test("drawView() counts while nobody leads", () => {
  const lines = drawView({ ...view, nowNs: 77.5 * seconds });
  assert.ok(lines.includes(" gaps     500 ms · nobody for 2.5 s"), lines.join("\n"));
});

test("drawView() says so while there is no Lease, and before anything ran", () => {
  const { holding: _, ...without } = view;
  const lines = drawView({ ...without, intervals: [], lanes: [] });
  assert.ok(lines.includes(" Lease    not there"));
  assert.ok(lines.includes(" gaps     none yet"));
  assert.ok(lines.includes(" page     none"));
});

for (const columns of [20, 40, 60, 100, 200]) {
  test(`drawView() no lane is wider than ${columns} columns`, () => {
    const lines = drawView({ ...view, columns }).filter((it) => it.startsWith(" demo-"));
    for (const line of lines) assert.ok(line.length <= Math.max(columns, 26), line);
  });
}

test("drawView() colors change nothing but the colors", () => {
  const colored = drawView({ ...view, hasColor: true });
  // oxlint-disable-next-line no-control-regex -- the escapes are what is taken away
  const plain = colored.map((line) => line.replaceAll(/\u001b\[\d+m/g, "").trimEnd());
  assert.notDeepEqual(colored, drawView(view));
  assert.deepEqual(plain, drawView(view));
});
