/**
 * `npm run portrait`: plays the live demo in a pseudo terminal (util-linux `script`), presses a few
 * keys, and writes what the screen shows then as docs/demo.svg, for the README.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** When which key is pressed, in seconds, and when the picture is taken. */
const presses = [
  [6, "s"],
  [10, "k"],
  [18, "c"],
] as const;
const pictureAfterMs = 7000;

const columns = 100;
const rows = 24;
const cell = { width: 8.4, height: 19 } as const;
const margin = 14;

const colors: Readonly<Record<string, string>> = {
  "1": "#ffffff",
  "2": "#8b949e",
  "31": "#ff7b72",
  "32": "#7ee787",
  "33": "#e3b341",
};

const frame = await lastFrame();
writeFileSync(fileURLToPath(new URL("../../docs/demo.svg", import.meta.url)), svgOf(frame));

async function lastFrame(): Promise<readonly string[]> {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const command = `stty cols ${columns} rows ${rows} && exec ${process.execPath} ${main}`;
  const environment = { ...process.env, TERM: "xterm-256color" };
  const demo = spawn("script", ["-qec", command, "/dev/null"], { env: environment });
  const ended = new Promise((resolve) => demo.once("close", resolve));
  let shown = "";
  demo.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  let nowS = 0;
  for (const [atS, key] of presses) {
    process.stderr.write(`${atS} s: ${key}\n`);
    await pause((atS - nowS) * 1000);
    nowS = atS;
    demo.stdin.write(key);
  }
  await pause(pictureAfterMs);
  const frames = shown.split("\u001b[H");
  demo.stdin.write("q");
  await ended;
  // The last frame may be cut in the middle of a line.
  return (frames.at(-2) ?? "").replaceAll("\u001b[K", "").replaceAll("\u001b[J", "").split("\r\n");
}

function svgOf(lines: readonly string[]): string {
  const width = Math.ceil(columns * cell.width + 2 * margin);
  const height = Math.ceil(lines.length * cell.height + 2 * margin);
  const texts = lines.map((line, row) => {
    const y = margin + (row + 0.75) * cell.height;
    return `<text x="${margin}" y="${y}" xml:space="preserve">${spansOf(line)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">`,
    "<title>The demo in a terminal: lanes of the replicas, who leads, and the gaps</title>",
    '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
    '<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"' +
      ' font-size="14" fill="#c9d1d9">',
    ...texts,
    "</g></svg>",
    "",
  ].join("\n");
}

/** Select Graphic Rendition sequences become spans of their color. */
function spansOf(line: string): string {
  return line
    .split("\u001b[")
    .map((part, index) => {
      const [, code = "0", text = ""] =
        index === 0 ? ["", "0", part] : (/^(\d+)m(.*)$/s.exec(part) ?? []);
      const color = colors[code];
      return color === undefined ? escape(text) : `<tspan fill="${color}">${escape(text)}</tspan>`;
    })
    .join("");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
