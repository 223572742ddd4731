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
import { SecurityAssociation } from "../esp/sa.ts";
import { parseAddress } from "../wire/ipv4.ts";
import { rangesOf } from "./testing.ts";

/** The fields of `scenario.json` that matter here. */
export interface Settings {
  readonly name: string;
  readonly path: string;
  readonly queues: boolean;
  /** esp4_offload was loaded: aggregates are segmented at layer 2. */
  readonly esp_module?: boolean;
  readonly gro: "on" | "off";
  readonly rx_layout: string | readonly string[] | null;
  readonly nic_rx_csum: "on" | "off";
  readonly mtu: number;
  readonly batches?: readonly number[];
  readonly gro_flush_us?: number;
  readonly sa?: readonly RecordedSa[];
}

/** An SA as the recording states it. */
export interface RecordedSa {
  readonly src: string;
  readonly dst: string;
  readonly spi: string;
  readonly mode: string;
  readonly aead?: string;
  /** Key and salt, "0x" in front. */
  readonly key?: string;
  readonly icv_bits?: number;
  readonly encap?: string;
  readonly flags?: readonly string[];
}

/** One recording. */
export interface Recording {
  readonly settings: Settings;
  readonly input: Uint8Array;
  readonly frames: readonly PlainPacket[];
  /** Buffers after GRO, in order. */
  readonly delivered: readonly RecordedBuffer[];
  /** Frames handed to the driver; empty where the recording is of GRO alone. */
  readonly output: readonly PlainPacket[];
}

/** A buffer as it reached the stack. */
export interface RecordedBuffer {
  /** Input packets as `rangesOf()` writes them; undefined where the recording only counts them. */
  readonly packets: string | undefined;
  readonly count: number;
  /** From the IP header on, padding included. */
  readonly bytes: number;
  readonly gsoSize: number;
  readonly frags: number;
  readonly listMembers: number;
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
  const table = Deno.readTextFileSync(new URL(isForward ? "expected_gro.csv" : "expected.csv", folder));
  const output = isForward ? await packetsOf(Deno.readFileSync(new URL("output.pcap", folder))) : [];
  const delivered = parse(table, { skipFirstRow: true }).map((row) => ({
    packets: row["inputs"] === undefined ? undefined : rangesOf(numbersOf(row["inputs"])),
    count: Math.max(1, Number(row["gso_segs"])),
    bytes: Number(row["len"]),
    gsoSize: Number(row["gso_size"]),
    frags: Number(row["nr_frags"]),
    listMembers: Number(row["frag_list_n"]),
  }));
  return { settings, input, frames: await packetsOf(input), delivered, output };
}

async function packetsOf(file: Uint8Array): Promise<PlainPacket[]> {
  return await readAll(await openCapture(sourceOfBytes(file), "recording"));
}

/** Numbers of "0-2 4". */
function numbersOf(ranges: string): number[] {
  return ranges.split(" ").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number | undefined];
    return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
  });
}

/** Why the model cannot play a recording, or undefined. */
export function whyLeftOut({ settings, frames }: Recording): string | undefined {
  const { batches = [] } = settings;
  if (frames.some(({ bytes }) => bytes[12] !== 0x08 || bytes[13] !== 0x00)) return "IPv6";
  if (settings.rx_layout === null || settings.rx_layout === undefined) {
    return "TUN device: its polls are not those of a NIC";
  }
  if (settings.gro_flush_us !== undefined) return "gro_flush_us is not built";
  if (settings.name.includes("gro-max-size")) return "gro_max_size is no key";
  if (settings.queues) return "queues";
  if (settings.sa !== undefined && settings.sa.length > 1) return "two SAs";
  if (new Set(batches).size > 1) return "polls of different sizes";
  return undefined;
}

/** Ports of all TCP flows. */
export function tcpFlows({ frames }: Recording): Set<string> {
  const ofTcp = frames.filter(({ bytes }) => bytes[14] === 0x45 && bytes[23] === 6);
  return new Set(ofTcp.map(({ bytes }) => `${bytes.subarray(26, 38)}`));
}

/** The SA of a recording, where the model has all that it uses. */
export function openableSa({ settings }: Recording): SecurityAssociation | undefined {
  const [recorded] = settings.sa ?? [];
  if (recorded?.aead !== "rfc4106(gcm(aes))" || recorded.icv_bits !== 128) return undefined;
  if (recorded.encap !== undefined || recorded.mode !== "tunnel" || recorded.flags?.includes("esn")) return undefined;
  const source = parseAddress(recorded.src);
  const destination = parseAddress(recorded.dst);
  if (source === undefined || destination === undefined || settings.name.includes("tfcpad")) return undefined;
  const bytes = Uint8Array.fromHex(recorded.key!.slice(2));
  return new SecurityAssociation({
    spi: Number(recorded.spi),
    key: bytes.subarray(0, -4),
    salt: bytes.subarray(-4),
    mode: "tunnel",
    source,
    destination,
    seed: 0,
  });
}
