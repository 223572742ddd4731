/**
 * What the sentences of `explain` are made of: counts with their nouns, who did it, and what else is in a chapter.
 *
 * ```ts
 * plural(2, "copy"); // "2 copies"
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import type { BufferShape, Chapter, PacketLife, StoryRow } from "../replay/explain.ts";
import type { Run } from "../replay/run.ts";

/** Where a row stands. */
export interface Scene {
  /** The life that is told. */
  readonly life: PacketLife;
  /** The chapter of the row. */
  readonly chapter: Chapter;
  /** The buffer as it was last seen before the row; undefined when it has not been seen yet. */
  readonly shape: BufferShape | undefined;
  /** The buffer as it was last seen in the chapter. */
  readonly after: BufferShape | undefined;
  /** Packets for which the row stands: more than 1 where several join an aggregate one after the other. */
  readonly joined: number;
}

/** One sentence, or several that are told on a line each. */
export type Sentence = (row: StoryRow, scene: Scene) => string | string[];

/** "1 copy", "2 copies". */
export function plural(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

/** The kernel function behind it, in parentheses. */
export function by({ kernelFunction }: { kernelFunction: string }): string {
  return kernelFunction === "" ? "" : ` (${kernelFunction})`;
}

/** With a capital, unless it begins with a name from the kernel or a setting. */
export function capital(text: string): string {
  if (/^[a-z0-9]*[_=]/.test(text)) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The bytes of a copy, and the packet's share where others share it. */
export function copied({ bytes, copiedBytes }: StoryRow): string {
  const share = copiedBytes === bytes ? "" : `, this packet's share ${copiedBytes}`;
  return `${plural(bytes, "byte")} copied${share}`;
}

/** The rows of a chapter. */
export function rows(chapter: Chapter): StoryRow[] {
  return chapter.steps.flatMap((step) => "row" in step ? [step.row] : []);
}

/** Whether a chapter has a row of an event, and of a reason where one is named. */
export function has(chapter: Chapter, event: string, reason?: string): boolean {
  return rows(chapter).some((row) => row.event === event && (reason === undefined || row.reason.name === reason));
}

/** The row of a chapter that says that the packet was dropped. */
export function dropOf(chapter: Chapter): StoryRow | undefined {
  return rows(chapter).find(({ event }) => event === "drop");
}

/** The SA of a run in which something happened to ESP: there is one. */
export function saOf({ sa }: Run): NonNullable<Run["sa"]> {
  if (sa === undefined) throw new Error("Cannot tell of ESP: the run is without IPsec");
  return sa;
}

/** Which of two hosts a CPU is of: A, which sends, or B; undefined of a device, and where there is but one host. */
export function hostOf(cpu: number, { busyNs, peerCpus }: Run): "A" | "B" | undefined {
  if (peerCpus === 0 || cpu === NONE) return undefined;
  return cpu < busyNs.length - peerCpus ? "A" : "B";
}
