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
