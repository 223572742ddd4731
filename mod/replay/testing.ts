/**
 * What tests of whole runs share: frames built field by field, captures in memory, runs that return what was sent. Not
 * part of the library.
 *
 * @module
 */

import { sourceOfBytes } from "../capture/mod.ts";
import { buildPcap } from "../capture/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { checkProfile, type Profile } from "../cost/profile.ts";
import { type EventBlock, type Fold } from "../ledger/ledger.ts";
import { EVENT_NAMES, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import { set16, set32 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import { writeHeaderChecksum } from "../wire/ipv4.ts";
import type { CaptureInput, ReplayRequest, Run } from "./run.ts";
import { replayWatched } from "./run.ts";
import type { WorkWatch } from "./work_watch.ts";

/** Fields of a TCP/IPv4 frame; what is left out is that of a segment in the middle of a bulk flow. */
export interface TcpFrame {
  payloadBytes?: number;
  sequence?: number;
  acknowledgment?: number;
  flags?: number;
  window?: number;
  id?: number;
  ttl?: number;
  tos?: number;
  /** The flags and fragment offset word; DF alone. */
  fragmentWord?: number;
  /** IPv4 addresses as unsigned 32-bit numbers. */
  source?: number;
  destination?: number;
  sourcePort?: number;
  /** TCP options, a multiple of 4 bytes. */
  options?: Uint8Array;
  /** IP options, a multiple of 4 bytes. */
  ipOptions?: Uint8Array;
  /** Bytes behind the IP packet. */
  padding?: number;
  /** Added to the right TCP checksum. */
  checksumError?: number;
  /** First byte of the payload pattern. */
  pattern?: number;
}

const NO_OPTIONS = new Uint8Array(0);
export const SOURCE = 0xc6336401; // 198.51.100.1
export const DESTINATION = 0xcb007101; // 203.0.113.1

/** Builds one Ethernet frame. */
export function tcpFrame(fields: TcpFrame = {}): Uint8Array {
  const { payloadBytes = 1460, options = NO_OPTIONS, ipOptions = NO_OPTIONS, padding = 0 } = fields;
  const { source = SOURCE, destination = DESTINATION } = fields;
  const ipHeader = 20 + ipOptions.length;
  const tcpHeader = 20 + options.length;
  const total = ipHeader + tcpHeader + payloadBytes;
  const frame = new Uint8Array(14 + total + padding).fill(0xee, 14 + total);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  const ip = 14;
  frame[ip] = 0x40 | (ipHeader / 4);
  frame[ip + 1] = fields.tos ?? 0;
  set16(frame, ip + 2, total);
  set16(frame, ip + 4, fields.id ?? 1);
  set16(frame, ip + 6, fields.fragmentWord ?? 0x4000);
  frame[ip + 8] = fields.ttl ?? 64;
  frame[ip + 9] = 6;
  set32(frame, ip + 12, source);
  set32(frame, ip + 16, destination);
  frame.set(ipOptions, ip + 20);
  writeHeaderChecksum(frame, ip);
  const tcp = ip + ipHeader;
  set16(frame, tcp, fields.sourcePort ?? 40000);
  set16(frame, tcp + 2, 5001);
  set32(frame, tcp + 4, fields.sequence ?? 1000);
  set32(frame, tcp + 8, fields.acknowledgment ?? 1);
  frame[tcp + 12] = (tcpHeader / 4) << 4;
  frame[tcp + 13] = fields.flags ?? 0x10;
  set16(frame, tcp + 14, fields.window ?? 512);
  frame.set(options, tcp + 20);
  for (let i = 0; i < payloadBytes; i++) frame[tcp + tcpHeader + i] = (i * 7 + (fields.pattern ?? 0)) & 0xff;
  const pseudo = pseudoHeaderSumIpv4(source, destination, 6, total - ipHeader);
  set16(
    frame,
    tcp + 16,
    (finish(partialSum(frame, tcp, total - ipHeader, pseudo)) + (fields.checksumError ?? 0)) & 0xffff,
  );
  return frame;
}

/** `count` segments of one flow in order: sequence numbers and IP ids go up. */
export function bulk(count: number, fields: TcpFrame = {}): Uint8Array[] {
  const { payloadBytes = 1460, sequence = 1000, id = 1 } = fields;
  return Array.from({ length: count }, (_, i) => {
    const numbers = { sequence: (sequence + i * payloadBytes) >>> 0, id: (id + i) & 0xffff, pattern: i };
    return tcpFrame({ ...fields, ...numbers });
  });
}

/** A capture in memory, one microsecond between frames. */
export function captureOf(frames: readonly Uint8Array[], name = "built.pcap"): CaptureInput {
  return inputOf(buildPcap({}, frames.map((bytes, i) => ({ seconds: 1, fraction: i, bytes }))), name);
}

/** A capture file in memory. */
export function inputOf(file: Uint8Array, name = "built.pcap"): CaptureInput {
  return { name, open: () => Promise.resolve({ ...sourceOfBytes(file), close: () => {} }) };
}

/** One event in words. */
export interface EventRow {
  tNs: number;
  /** -1: a device. */
  cpu: number;
  stage: string;
  event: string;
  reason: string;
  packet: number;
  skb: number;
  into: number;
  bytes: number;
  count: number;
  costPs: number;
  payloadBytes: number;
  flow: number;
}

/** Keeps every row, in words. */
export class Recorder implements Fold {
  readonly rows: EventRow[] = [];

  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      this.rows.push({
        tNs: block.tNs[row]!,
        cpu: block.cpu[row]!,
        stage: STAGE_NAMES[block.stage[row]!]!,
        event: EVENT_NAMES[block.event[row]!]!,
        reason: REASONS[block.reason[row]!]!.name,
        packet: block.packet[row]!,
        skb: block.skb[row]!,
        into: block.into[row]!,
        bytes: block.bytes[row]!,
        count: block.count[row]!,
        costPs: block.costPs[row]!,
        payloadBytes: block.payloadBytes[row]!,
        flow: block.flow[row]!,
      });
    }
  }

  /** Rows of one kind of event. */
  of(event: string): EventRow[] {
    return this.rows.filter((row) => row.event === event);
  }

  /** Copied bytes by "stage reason". */
  get copies(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { stage, reason, bytes } of this.of("copy")) {
      sums[`${stage} ${reason}`] = (sums[`${stage} ${reason}`] ?? 0) + bytes;
    }
    return sums;
  }
}

/** A frame that was sent. */
export interface SentFrame {
  tNs: number;
  bytes: Uint8Array;
}

/** A run with everything that a test may want to look at; memory is poisoned and every packet is opened again. */
export interface TestRun {
  run: Run;
  events: Recorder;
  sent: SentFrame[];
}

/** Runs a capture through a preset, `key=value` settings applied; `options` override the rest of the request. */
export async function runOf(
  input: CaptureInput,
  preset: string,
  sets: readonly string[] = [],
  options: Partial<ReplayRequest> & { foldsBeside?: readonly Fold[]; work?: WorkWatch } = {},
): Promise<TestRun> {
  const events = new Recorder();
  const sent: SentFrame[] = [];
  const frames = {
    begin: () => {},
    write: (tNs: number, bytes: Uint8Array, length: number) => {
      sent.push({ tNs, bytes: bytes.slice(0, length) });
    },
  };
  const request: ReplayRequest = {
    input,
    resolved: resolveConfig({ preset, sets }),
    profile: PROFILES.get("published")!,
    frames,
    check: true,
    folds: [events, ...options.foldsBeside ?? []],
    poison: true,
    ...options,
  };
  const run = await replayWatched(request, options.work);
  return { run, events, sent };
}

/** A profile with one price: `value` per event of a kind in a stage. */
export function flatProfile(event: string, stage: string, unit: "ns/op" | "ns/byte", value: number): Profile {
  return profileOf({ [`${event} ${stage} ${unit}`]: value });
}

/**
 * A profile of these prices alone, for what must not depend on the shipped ones. Keys say what has the price: "seal ns/byte"
 * wherever it happens, "visit gro ns/op" in one stage.
 */
export function profileOf(prices: Readonly<Record<string, number>>): Profile {
  const coefficients = Object.entries(prices).map(([key, value]) => {
    const [event, ...rest] = key.split(" ");
    const [unit, stage] = rest.reverse();
    const priced = stage === undefined ? { event, unit } : { event, stage, unit };
    return { ...priced, value, low: value, high: value, source: "test", note: "test" };
  });
  return checkProfile({ name: "flat", description: "prices of a test", clock_ghz: 1, coefficients }, "of a test");
}
