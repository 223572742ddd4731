/**
 * A progress line on stderr, when it is a terminal and the work is long.
 *
 * @module
 */

import type { CaptureInput, OpenInput } from "../replay/run.ts";
import { oneLine, writeAll } from "./terminal.ts";

/** No line before this, and not more often, in ms. */
export const INTERVAL_MS = 250;
const MIB = 1 << 20;
/** To the start of the line, and what stands there is wiped. */
const REWRITTEN = "\r\x1b[K";

/** The same input; what is read of it is shown. */
export function withProgress(input: CaptureInput, label: string): CaptureInput {
  if (!Deno.stderr.isTerminal()) return input;
  return {
    name: input.name,
    async open(): Promise<OpenInput> {
      const opened = await input.open();
      const line = new ProgressLine(`${oneLine(label)} ${oneLine(input.name)}`);
      return {
        async read(into) {
          const bytes = await opened.read(into);
          line.add(bytes ?? 0);
          return bytes;
        },
        close() {
          line.clear();
          opened.close();
        },
      };
    },
  };
}

/** Counts what is read. */
class ProgressLine {
  #bytes = 0;
  readonly #line = new StatusLine(false, INTERVAL_MS);

  constructor(readonly label: string) {}

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#line.show(`${this.label}: ${Math.floor(this.#bytes / MIB)} MiB read`);
  }

  clear(): void {
    this.#line.clear();
  }
}

/** A line on stderr that says how far the work is, where stderr is a terminal and nobody wants quiet. */
export class StatusLine {
  readonly #isShown: boolean;
  #lastMs = performance.now();
  #wasShown = false;

  /** `intervalMs`: no line before that, and not more often. */
  constructor(isQuiet: boolean, readonly intervalMs = 0) {
    this.#isShown = !isQuiet && Deno.stderr.isTerminal();
  }

  /** Shows `text` in place of what was shown before. */
  show(text: string): void {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#lastMs < this.intervalMs) return;
    this.#lastMs = nowMs;
    this.#wasShown = true;
    this.#write(`${REWRITTEN}${text}`);
  }

  /** Shows `text`, and lets the program attend to what has come in, such as Ctrl-C. */
  async showAndWait(text: string): Promise<void> {
    this.show(text);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#wasShown) this.#write(REWRITTEN);
  }

  #write(text: string): void {
    writeAll(Deno.stderr, new TextEncoder().encode(text));
  }
}
