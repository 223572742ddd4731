/** A second implementation as judge: tshark decrypts what we write, and finds in it what was captured. */

import { assertEquals } from "@std/assert";
import { LINKTYPE_ETHERNET, openCapture, PcapWriter, sourceOfBytes } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { canRun } from "../capture/testing_tools.ts";
import { PRESETS } from "../config/presets.ts";
import { saTableLines } from "../esp/sa_table.ts";
import { captureOf, runOf } from "./testing.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const HAS_TSHARK = canRun("tshark");
/** Packets taken from each fixture. */
const PACKETS = 150;

/** Runs tshark over a file and returns its lines; only the last (innermost) occurrence of each field. */
function tsharkFields(path: string, fields: readonly string[], options: readonly string[]): string[] {
  const args = ["-r", path, "-n", "-T", "fields", "-E", "occurrence=l", ...fields.flatMap((field) => ["-e", field])];
  const plain = ["tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE"];
  const settings = [...plain, ...options].flatMap((option) => ["-o", option]);
  const { stdout } = new Deno.Command("tshark", { args: [...args, ...settings], stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n");
}

/** What a packet carries, addresses and ids of the inner header included; of a TCP or a UDP packet, over either IP. */
const ADDRESS_FIELDS = {
  4: ["ip.src", "ip.dst", "ip.id"],
  6: ["ipv6.src", "ipv6.dst", "ipv6.flow"],
} as const;
const TRANSPORT_FIELDS = [
  "tcp.seq_raw",
  "tcp.ack_raw",
  "tcp.flags",
  "tcp.options",
  "tcp.payload",
  "udp.srcport",
  "udp.length",
  "udp.payload",
];

/** The beginning of two fixtures, one over each version of IP. */
async function framesOf(version: 4 | 6): Promise<Uint8Array[]> {
  const files = version === 4 ? ["bulk-tcp-ipv4.pcap", "imix-udp-ipv4.pcap"] : ["bulk-tcp-ipv6.pcap"];
  const frames: Uint8Array[] = [];
  for (const file of files) {
    const bytes = await Deno.readFile(new URL(file, FIXTURES));
    const packets = await readAll(await openCapture(sourceOfBytes(bytes), file));
    frames.push(...packets.slice(0, PACKETS).map((packet) => packet.bytes));
  }
  return frames;
}

/** Column of the UDP port, behind that of the verdict and those of the addresses. */
const UDP_PORT_COLUMN = 4 + TRANSPORT_FIELDS.indexOf("udp.srcport");

/** GRO may let one flow overtake another; within a flow, here a sender and its UDP port, every packet keeps its place. */
function byFlow(rows: readonly (readonly string[])[]): Record<string, string[]> {
  const flows: Record<string, string[]> = {};
  for (const cells of rows) {
    (flows[`${cells[1]} ${cells[UDP_PORT_COLUMN] ?? ""}`] ??= []).push(cells.slice(1).join("\t"));
  }
  return flows;
}

/** Every preset with the usual SA; and two that differ in where ESP is done with every kind of SA. */
const CASES: readonly (readonly [preset: string, ...sets: string[]])[] = [
  ...Object.keys(PRESETS).map((preset) => [preset] as const),
  ["nocopy", "tx_dst=new-page"],
  ...["linux-4.14", "linux-6.1-module"].flatMap((preset) => [
    [preset, "ip=6", "cipher=null-sha256"] as const,
    [preset, "mode=transport", "cipher=aes-gcm-128"] as const,
    [preset, "mode=transport", "cipher=null-sha256"] as const,
    [preset, "cipher=null"] as const,
  ]),
];

for (const [preset, ...sets] of CASES) {
  // An SA is all that a preset knows of versions, so the presets with the usual one are judged by IPv4 alone.
  for (const version of sets.some((set) => /^(ip|mode|cipher)=/.test(set)) ? [4, 6] as const : [4] as const) {
    Deno.test({
      name: `tshark decrypts every ESP packet, ICV good, IPv${version} inside equal (${[preset, ...sets].join(" ")})`,
      ignore: !HAS_TSHARK,
      fn: () => judge(version, preset, [...sets, "oversize=grow"]),
    });
  }
}

async function judge(version: 4 | 6, preset: string, sets: readonly string[]): Promise<void> {
  const { frames, lines } = await (CLEAR[version] ??= clearLines(version));
  const { run, sent } = await runOf(captureOf(frames), preset, sets, { check: false });
  const options = [
    "esp.enable_encryption_decode:TRUE",
    "esp.enable_authentication_check:TRUE",
    "esp.enable_null_encryption_decode_heuristic:FALSE",
    ...saTableLines(run.sa).map((line) => `uat:esp_sa:${line}`),
  ];
  const rows = (await linesOf(version, sent, options)).map((line) => line.split("\t"));
  assertEquals(rows.map((cells) => cells[0]), Array(frames.length).fill(run.sa.icvBytes > 0 ? "1" : ""));
  assertEquals(byFlow(rows), byFlow(lines.map((line) => line.split("\t"))));
}

/** Frames of one version, and what tshark sees in them before they go through the tunnel; made once. */
interface Clear {
  readonly frames: readonly Uint8Array[];
  readonly lines: readonly string[];
}

const CLEAR: Partial<Record<4 | 6, Promise<Clear>>> = {};

async function clearLines(version: 4 | 6): Promise<Clear> {
  const frames = await framesOf(version);
  return { frames, lines: await linesOf(version, frames.map((bytes, tNs) => ({ tNs, bytes })), []) };
}

/** What tshark says of each frame: the verdict on its ICV, then what the packet inside carries. */
async function linesOf(
  version: 4 | 6,
  frames: readonly { tNs: number; bytes: Uint8Array }[],
  options: readonly string[],
): Promise<string[]> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await writeFrames(path, frames);
    return tsharkFields(path, ["esp.icv_good", ...ADDRESS_FIELDS[version], ...TRANSPORT_FIELDS], options);
  } finally {
    await Deno.remove(path);
  }
}

async function writeFrames(path: string, frames: readonly { tNs: number; bytes: Uint8Array }[]): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const writer = new PcapWriter(
    (bytes) => {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    },
    LINKTYPE_ETHERNET,
    0n,
  );
  for (const { tNs, bytes } of frames) writer.write(tNs, bytes, 0, bytes.length);
  writer.flush();
}
