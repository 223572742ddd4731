/**
 * What `explain` prints: the life of a packet as an indented story for people, or as JSON for programs.
 *
 * ```text
 *   before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448
 *   after   [ headroom 42 | linear 88 | tail (190) ] + frags 1448 + 20
 * ```
 *
 * A buffer is drawn where it changed. Its tail is in parentheses while data is paged: the bytes are there, but nobody may
 * put anything into them (skb_tailroom is 0).
 *
 * ```ts
 * renderExplanation(life).split("\n")[0]; // "Packet 4 of trace.pcap: 1514 bytes, ..."
 * JSON.parse(explanationJson(life)).copied_bytes; // 1650
 * ```
 *
 * @module
 */

import { NONE, REASONS } from "../ledger/schema.ts";
import type { BufferShape, Chapter, PacketLife, Step, StoryRow } from "../replay/explain.ts";
import { formatNumber } from "./columns.ts";
import { hostOf, plural, type Scene } from "./phrases.ts";
import { conclusionOf, sentencesOf } from "./sentences.ts";
import { visibleJson, visibleText } from "./visible_text.ts";
import { NS_PER_US, PS_PER_NS } from "../ledger/units.ts";

/** Width of the page. */
const LINE_COLUMNS = 110;
const INDENT = "  ";
/** Equal pieces are written once from this number on: `1448 x 3`. */
const FEWEST_REPEATS = 3;
/** Pieces of a row of fragments that are drawn; of more, half as many and what they sum to. */
const PARTS_DRAWN = 8;
/** Buffers of a frag_list that are drawn. */
const MEMBERS_DRAWN = 3;
/** Where a picture begins behind its label. */
const LABEL_COLUMNS = 8;

/** The story as text; ends with a line feed. */
export function renderExplanation(life: PacketLife): string {
  const { record, run, number } = life;
  if (record.outcome === "ignored" || record.outcome === "bypass") return `${visibleText(conclusionOf(life))}\n`;
  const { config, name } = run.resolved;
  const flow = record.flow === NONE ? "" : `, flow ${record.flow}`;
  const title = `Packet ${number} of ${run.captureName}: ${plural(record.bytes, "byte")}, ` +
    `${record.payloadBytes} of payload${flow}; ${name} on path ${config.path}`;
  const chapters = life.chapters.map((chapter) => renderChapter(life, chapter));
  return [title, "", ...chapters.flat(), "", ...wrap(conclusionOf(life), "")].map((line) => `${visibleText(line)}\n`)
    .join("");
}

function renderChapter(life: PacketLife, chapter: Chapter): string[] {
  const lines = [headingOf(life, chapter)];
  const before = chapter.before === undefined ? [] : labelled("before", draw(chapter.before));
  let isChanged = false;
  let shape = chapter.before;
  for (const { scene, step } of withoutRuns(scenesOf(life, chapter))) {
    if ("row" in step) {
      lines.push(...sentencesOf(step.row, scene).flatMap((sentence) => wrap(sentence, INDENT)));
      continue;
    }
    const isSame = shape !== undefined && draw(shape).join() === draw(step.shape).join();
    shape = step.shape;
    if (isSame) continue;
    if (!isChanged) lines.push(...before);
    lines.push(...labelled("after", draw(step.shape)));
    isChanged = true;
  }
  return lines;
}

function headingOf({ run }: PacketLife, { stage, skb, tNs, costPs, before, steps }: Chapter): string {
  const time = `at ${formatNumber(tNs, 0).padStart(10)} ns`;
  const cost = `cost ${formatNumber(costPs / PS_PER_NS, 3).padStart(9)} ns`;
  const buffer = skb === NONE ? "" : `   skb ${skb}`;
  const sharers = before?.skb === skb && before.packets > 1 ? `, its share among ${before.packets} packets` : "";
  const host = steps.map((step) => "row" in step ? hostOf(step.row.cpu, run) : undefined).find((name) =>
    name !== undefined
  );
  return `${stage.padEnd(12)} ${time}   ${cost}${host === undefined ? "" : `   host ${host}`}${buffer}${sharers}`;
}

/** A step, and what was known when it happened. */
interface Told {
  readonly step: Step;
  readonly scene: Scene;
}

function scenesOf(life: PacketLife, chapter: Chapter): Told[] {
  const shapes = chapter.steps.flatMap((step) => "shape" in step ? [step.shape] : []);
  const after = shapes.at(-1) ?? chapter.before;
  let shape = chapter.before;
  return chapter.steps.map((step) => {
    const scene = { life, chapter, shape, after, joined: 1 };
    if ("shape" in step) shape = step.shape;
    return { step, scene };
  });
}

/**
 * Of other packets that join the aggregate in the same way, one after the other, only the last is told, with their count; so is the
 * last of the frames that a NIC cuts a buffer into.
 */
function withoutRuns(told: readonly Told[]): Told[] {
  const kept: Told[] = [];
  for (const { step, scene } of told) {
    const index = kept.findLastIndex((other) => "row" in other.step);
    const last = kept[index];
    if (last !== undefined && isOneOfMany(last) && isOneOfMany({ step, scene }) && isSameRun(last.step, step)) {
      kept.length = index;
      kept.push({ step, scene: { ...scene, joined: last.scene.joined + 1 } });
    } else {
      kept.push({ step, scene });
    }
  }
  return kept;
}

function isOneOfMany({ step, scene }: Told): boolean {
  if (!("row" in step)) return false;
  const { event, packet } = step.row;
  return event === "merge" && packet !== scene.life.number - 1 || event === "send" && packet === NONE;
}

function isSameRun(a: Step, b: Step): boolean {
  return "row" in a && "row" in b && a.row.event === b.row.event && a.row.reason === b.row.reason;
}

/** The picture of a buffer: one line, and one more for each buffer of its frag_list, the first few in full. */
export function draw(shape: BufferShape): string[] {
  const isPaged = shape.bytes > shape.linear;
  const tail = isPaged ? `(${shape.behind})` : `${shape.behind}`;
  const head = `[ headroom ${shape.headroom} | linear ${shape.linear} | tail ${tail} ]`;
  const frags = shape.frags.length === 0 ? "" : ` + frags ${sizes(shape.frags)}`;
  const marks = [
    ...(shape.packets > 1 ? [`${shape.packets} packets`, `gso_size ${shape.gsoSize}`] : []),
    ...(shape.cloned ? ["cloned"] : []),
  ];
  const first = head + frags + (marks.length === 0 ? "" : `   ${marks.join(", ")}`);
  const members = shape.fragList.slice(0, MEMBERS_DRAWN).flatMap((member) => draw(member));
  const more = shape.fragList.length - MEMBERS_DRAWN;
  const list = more > 0 ? [...members, `${more} more`] : members;
  return [first, ...list.map((line) => `-> ${line}`)];
}

function labelled(label: string, picture: readonly string[]): string[] {
  return picture.map((line, i) => `${INDENT}  ${(i === 0 ? label : "").padEnd(LABEL_COLUMNS)}${line}`);
}

function sizes(bytes: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length;) {
    const size = bytes[i]!;
    let count = 0;
    while (bytes[i + count] === size) count += 1;
    parts.push(...count >= FEWEST_REPEATS ? [`${size} x ${count}`] : new Array<string>(count).fill(String(size)));
    i += count;
  }
  if (parts.length <= PARTS_DRAWN) return parts.join(" + ");
  const total = bytes.reduce((sum, size) => sum + size, 0);
  return `${parts.slice(0, PARTS_DRAWN / 2).join(" + ")} + ... (${bytes.length} frags, ${total} bytes)`;
}

/** Breaks a sentence at spaces; the lines after the first are indented by four more columns. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > LINE_COLUMNS) {
      lines.push(line);
      line = `${indent}    ${word}`;
    } else {
      line += line.trim() === "" ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}

/** One JSON object with keys in a fixed order, indented by 2 spaces, with a line feed at the end. Keys are only ever added. */
export function explanationJson(life: PacketLife): string {
  const { record, run, number } = life;
  const arrives = record.outcome !== "ignored";
  const document = {
    capture: run.captureName,
    config: run.resolved.name,
    path: run.resolved.config.path,
    packet: number,
    bytes: record.bytes,
    payload_bytes: record.payloadBytes,
    flow: record.flow === NONE ? null : record.flow,
    outcome: record.outcome,
    reason: record.outcome === "dropped" ? REASONS[record.reason]!.name : null,
    t_arrive_ns: arrives ? record.tArriveNs : null,
    t_leave_ns: record.tLeaveNs ?? null,
    latency_us: record.tLeaveNs === undefined ? null : (record.tLeaveNs - record.tArriveNs) / NS_PER_US,
    copies: record.copies,
    copied_bytes: record.copiedBytes,
    cost_ns: costNs(record.costPs),
    conclusion: conclusionOf(life),
    stages: life.chapters.map((chapter) => chapterJson(life, chapter)),
  };
  return visibleJson(JSON.stringify(document, null, 2)) + "\n";
}

function chapterJson(life: PacketLife, chapter: Chapter): Record<string, unknown> {
  return {
    stage: chapter.stage,
    skb: chapter.skb === NONE ? null : chapter.skb,
    t_ns: chapter.tNs,
    cost_ns: costNs(chapter.costPs),
    before: chapter.before === undefined ? null : shapeJson(chapter.before),
    steps: scenesOf(life, chapter).map(({ step, scene }) =>
      "row" in step ? rowJson(step.row, scene) : { buffer: shapeJson(step.shape) }
    ),
  };
}

function rowJson(row: StoryRow, scene: Scene): Record<string, unknown> {
  return {
    event: row.event,
    reason: row.reason.name,
    kernel_function: row.reason.kernelFunction,
    sentence: sentencesOf(row, scene).join(" "),
    t_ns: row.tNs,
    skb: row.skb === NONE ? null : row.skb,
    into: row.into === NONE ? null : row.into,
    bytes: row.bytes,
    count: row.count,
    copies: row.copies,
    copied_bytes: row.copiedBytes,
    cost_ns: costNs(row.costPs),
  };
}

function shapeJson(shape: BufferShape): Record<string, unknown> {
  return {
    skb: shape.skb,
    headroom: shape.headroom,
    linear: shape.linear,
    behind: shape.behind,
    frags: shape.frags,
    frag_list: shape.fragList.map(shapeJson),
    cloned: shape.cloned,
    head_frag: shape.headFrag,
    gso_size: shape.gsoSize,
    gso_segs: shape.gsoSegs,
    bytes: shape.bytes,
    packets: shape.packets,
  };
}

/** In ns, as exact as a decimal number can be. */
function costNs(costPs: number): number {
  return Number(formatNumber(costPs / PS_PER_NS, 3));
}
