/**
 * The terminal: a screen of its own, keys as they are pressed, and everything as it was before once
 * it is over, however it is over.
 */
import type { ReadStream, WriteStream } from "node:tty";

export interface Terminal {
  readonly columns: number;
  readonly hasColor: boolean;
  /** Replaces what is shown. */
  show(lines: readonly string[]): void;
  [Symbol.dispose](): void;
}

export interface TerminalOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Gets each character; Ctrl-C too, which is no signal while the screen is ours. */
  readonly onKey: (key: string) => void;
}

const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // another screen, no cursor, no line wrap
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const eraseLine = "\u001b[K";
const eraseBelow = "\u001b[J";

export function openTerminal({ input, output, onKey }: TerminalOptions): Terminal {
  const hear = (text: string): void => {
    for (const key of text) onKey(key);
  };
  const restore = (): void => {
    process.off("exit", restore);
    input.off("data", hear);
    input.setRawMode(false);
    input.pause();
    output.write(leave);
  };
  // Also after an exception that nobody caught, which ends in this event.
  process.once("exit", restore);
  input.setRawMode(true);
  input.setEncoding("utf8");
  input.on("data", hear);
  output.write(enter);
  return {
    get columns() {
      return output.columns || 80; // some terminals do not know
    },
    hasColor: output.hasColors(),
    show(lines) {
      const shown = lines.slice(0, output.rows || 24).map((line) => line + eraseLine);
      output.write(home + shown.join("\r\n") + eraseBelow);
    },
    [Symbol.dispose]: restore,
  };
}
