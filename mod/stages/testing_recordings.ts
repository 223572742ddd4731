/**
 * The kernel recordings of path forward, read for the tests: what went in, what GRO sent up, what left as ESP. Not part of
 * the library.
 *
 * A recording says which frames arrived, in which polls, and which buffers reached `netif_receive_skb`. What the model
 * cannot play yet is named, with the reason, by `whyLeftOut()`.
 *
 * @module
 */

import { parse } from "@std/csv";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { type PlainPacket, readAll } from "../capture/testing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { associationOf, type RecordedSa } from "../esp/testing_recorded_sa.ts";
import type { Row } from "./testing_polls.ts";

/** The fields of `scenario.json` that matter here. */
export interface Settings {
  readonly name: string;
  readonly path: string;
  readonly queues: boolean;
  /** esp4_offload was loaded: aggregates are segmented at layer 2. */
  readonly esp_module?: boolean;
  readonly gro: "on" | "off";
  /** A list is taken in turn, frame by frame. */
  readonly rx_layout: string | readonly string[];
  readonly rx_hash?: boolean;
  readonly nic_rx_csum: "on" | "off";
  readonly mtu: number;
  /** Frames of each poll; one poll of all where it is missing. */
  readonly batches?: readonly number[];
  readonly gro_flush_us?: number;
  /** How a TUN device received instead of a NIC: `linear` (IFF_NAPI) or `frags` (IFF_NAPI_FRAGS). */
  readonly tun?: "linear" | "frags";
  /** Lengths of the pieces, the last one not counted, in which each frame was written to a TUN device. */
  readonly tun_iov?: readonly number[];
  readonly sa?: readonly RecordedSa[];
}

/** One recording. */
export interface Recording {
  readonly settings: Settings;
  readonly input: Uint8Array;
  readonly frames: readonly PlainPacket[];
  /** What GRO made of each frame. */
  readonly inputs: readonly Row[];
  /** Buffers after GRO, in order; `inputs` is there where the recording names the packets. */
  readonly delivered: readonly Row[];
  /** Packets that entered xfrm_output; empty where nothing did. */
  readonly forwarded: readonly Row[];
  /** Frames handed to the driver; empty where the recording is of GRO alone. */
  readonly output: readonly PlainPacket[];
}

/** All recordings of paths gro and forward below `root`, a folder URL; none where there is no such folder. */
export async function readRecordings(root: URL): Promise<Recording[]> {
  const recordings: Recording[] = [];
  for (const name of folderNames(root)) {
    const folder = new URL(`${name}/`, root);
    const settings = JSON.parse(Deno.readTextFileSync(new URL("scenario.json", folder))) as Settings;
    if (settings.path === "gro" || settings.path === "forward") recordings.push(await readRecording(folder, settings));
  }
  return recordings;
}

function folderNames(root: URL): string[] {
  try {
    return [...Deno.readDirSync(root)].filter((entry) => entry.isDirectory).map(({ name }) => name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function readRecording(folder: URL, settings: Settings): Promise<Recording> {
  const isForward = settings.path === "forward";
  const input = Deno.readFileSync(new URL("input.pcap", folder));
  const output = isForward ? await packetsOf(Deno.readFileSync(new URL("output.pcap", folder))) : [];
  const frames = await packetsOf(input);
  return {
    settings: settings.tun === undefined ? settings : ofTun(settings, frames.length),
    input,
    frames,
    inputs: rowsOf(new URL("expected_inputs.csv", folder)),
    delivered: rowsOf(new URL(isForward ? "expected_gro.csv" : "expected.csv", folder)),
    forwarded: rowsOf(new URL("expected_xfrm_output.csv", folder)),
    output,
  };
}

/**
 * A TUN device in the words of a NIC: every write is a poll, nothing is summed, and of what is written in pieces the first
 * holds the headers. With IFF_NAPI_FRAGS each poll ends without work, so that gro_flush_timeout is not looked at.
 */
function ofTun(settings: Settings, writes: number): Settings {
  const isLinear = settings.tun === "linear";
  const pages = settings.tun_iov?.length ?? 1;
  const { gro_flush_us, ...rest } = settings;
  return {
    ...rest,
    gro: "on",
    rx_layout: isLinear ? "kmalloc" : `hdrsplit:${pages}`,
    nic_rx_csum: "off",
    batches: Array<number>(writes).fill(1),
    ...isLinear && gro_flush_us !== undefined ? { gro_flush_us } : {},
  };
}

/** The rows of a table; none where the recording has no such table. */
function rowsOf(table: URL): Row[] {
  try {
    return parse(Deno.readTextFileSync(table), { skipFirstRow: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function packetsOf(file: Uint8Array): Promise<PlainPacket[]> {
  return await readAll(await openCapture(sourceOfBytes(file), "recording"));
}

/** gro_max_size of the device, which only the name of a recording says. */
export function groMaxSize({ settings }: Recording): number | undefined {
  const size = /gro-max-size-(\d+)/.exec(settings.name)?.[1];
  return size === undefined ? undefined : Number(size);
}

/** Why what left as ESP cannot be compared, or undefined. */
export function whyLeftOut(recording: Recording): string | undefined {
  const { settings } = recording;
  if (settings.path !== "forward" || settings.sa === undefined) return "nothing left as ESP";
  if (settings.queues) return "queues";
  if (settings.sa.length > 1) return "two SAs";
  if (openableSa(recording) === undefined) return "a suite, an encapsulation or padding that is not built";
  return undefined;
}

/** The SA of a recording, where the model has all that it uses. */
export function openableSa({ settings }: Recording): SecurityAssociation | undefined {
  const [recorded] = settings.sa ?? [];
  if (recorded === undefined || recorded.mode !== "tunnel" || settings.name.includes("tfcpad")) return undefined;
  return associationOf(recorded);
}
