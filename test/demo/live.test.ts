/** The live demo in a pseudo terminal, which `script` of util-linux makes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { mainFile, type Show, startShow, untilShown } from "./show.ts";

/** What `stty -g` prints before and after must be the same. */
const session = `stty rows 24 columns 100; stty -g; ${process.execPath} ${mainFile}; echo "code $?"; stty -g`;
const pageUrl = /http:[\w.:/]+/;
const inTerminal = ["script", "-qec", session, "/dev/null"];

// Another screen, no cursor, no line wrap; and all of it back in the reverse order.
const entered = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const left = "\u001b[?7h\u001b[?25h\u001b[?1049l";

describe("the live demo", { concurrency: 2, ...needsScript() }, () => {
  it("q shows the summary and gives the terminal back", async (t) => {
    const show = startShow(t, [], inTerminal);
    await untilShown(show, /demo-\d +.{0,9}leads/);
    await untilShown(show, pageUrl);
    const [page = ""] = pageUrl.exec(show.output()) ?? [];
    assert.match(
      await (await fetch(page)).text(),
      /^demo-\d leads with token \d+ for \d\.\d s\.$/m,
    );
    show.child.stdin?.write("d");
    await untilShown(show, /The Lease was deleted/);
    show.child.stdin?.write("q");
    await untilShown(show, /code \d+/);
    assert.equal(await show.ended, 0);
    assertRestored(show, 0);
    assert.match(show.output(), /At no time did two commands run/);
    await show.assertGone();
  });

  it("SIGTERM gives the terminal back and leaves nothing", async (t) => {
    const show = startShow(t, [], inTerminal);
    await untilShown(show, /demo-1/);
    const [pid] = show.processes().filter(isDemo);
    process.kill(pid!, "SIGTERM");
    await untilShown(show, /code \d+/);
    assert.equal(await show.ended, 0);
    assertRestored(show, 143);
    await show.assertGone();
  });
});

function assertRestored(show: Show, code: number): void {
  const output = show.output();
  assert.ok(output.indexOf(entered) < output.lastIndexOf(left), "the screen was left last");
  assert.ok(output.includes(entered));
  assert.match(output, new RegExp(`code ${code}\\b`));
  const settings = output.match(/^[0-9a-f]+(:[0-9a-f]+)+/gm);
  assert.equal(settings?.length, 2, output);
  assert.equal(settings[0], settings[1]);
}

/** Skipped, saying why, but never in CI. */
function needsScript(): { skip: string | false } {
  const { error } = spawnSync("script", ["--version"]);
  if (error === undefined || process.env["CI"] === "true") return { skip: false };
  return { skip: `\`script\` of util-linux is needed: ${error.message}` };
}

function isDemo(pid: number): boolean {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  return words[0] === process.execPath && words[1] === mainFile;
}
