/**
 * A progress line on stderr, when it is a terminal and the work is long.
 *
 * @module
 */

import type { CaptureInput, OpenInput } from "../replay/run.ts";
import { oneLine, writeAll } from "./terminal.ts";

/** No line before this, and not more often, in ms. */
const INTERVAL_MS = 250;
const MIB = 1 << 20;

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

class ProgressLine {
  #bytes = 0;
  #lastMs = performance.now();
  #shown = false;

  constructor(readonly label: string) {}

  add(bytes: number): void {
    this.#bytes += bytes;
    const nowMs = performance.now();
    if (nowMs - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = nowMs;
    this.#shown = true;
    this.#write(`\r${this.label}: ${Math.floor(this.#bytes / MIB)} MiB read`);
  }

  clear(): void {
    if (this.#shown) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    writeAll(Deno.stderr, new TextEncoder().encode(text));
  }
}

/**
 * Shows steps of work that is not reading, and lets the program attend to signals between them; `clear()` when all are done.
 */
export class StepProgress {
  readonly #isShown: boolean;

  constructor(readonly label: string, isQuiet: boolean) {
    this.#isShown = !isQuiet && Deno.stderr.isTerminal();
  }

  /** `done` of `steps` steps are done. */
  async show(done: number, steps: number): Promise<void> {
    if (this.#isShown) this.#write(`\r${this.label}: ${Math.floor(100 * done / steps)} %`);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#isShown) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    writeAll(Deno.stderr, new TextEncoder().encode(text));
  }
}
