/** A second implementation as judge: tshark decrypts what we write, and finds in it what was captured. */

import { assertEquals } from "@std/assert";
import { LINKTYPE_ETHERNET, openCapture, PcapWriter, sourceOfBytes } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { canRun } from "../capture/testing_tools.ts";
import { PRESETS } from "../config/presets.ts";
import { saTableLines } from "../esp/sa_table.ts";
import { captureOf, runOf, type TestRun } from "./testing.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const HAS_TSHARK = canRun("tshark");
/** Packets taken from each fixture: more than one poll takes. */
const PACKETS = 100;

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

/** Verdict, addresses of both versions, transport. */
const FIELDS = ["esp.icv_good", ...ADDRESS_FIELDS[4], ...ADDRESS_FIELDS[6], ...TRANSPORT_FIELDS];

/** What a version of IP has of a row of these: an outer header may be of the other. */
function cellsOf(version: 4 | 6, line: string): string[] {
  const [icv, ...cells] = line.split("\t");
  const addresses = cells.slice(0, 6);
  return [icv!, ...version === 4 ? addresses.slice(0, 3) : addresses.slice(3), ...cells.slice(6)];
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

/** A configuration: its preset, and what is set besides the SA. */
type Configuration = readonly [preset: string, ...sets: string[]];

/** Where ESP is done differs: before the device layer, and in it. */
const TWO_PLACES: readonly Configuration[] = [["linux-4.14"], ["linux-6.1-module"]];

/** A NIC that encrypts. */
const NIC: readonly Configuration[] = [["offload-crypto"], ["offload-crypto", "nic_gso_esp=off"], ["offload-packet"]];

/** Kinds of SA, and what is played under each: all presets under the usual SA, two under every other. */
const CASES: readonly (readonly [sa: readonly string[], configurations: readonly Configuration[]])[] = [
  [[], [...Object.keys(PRESETS).map((preset) => [preset] as const), ["nocopy", "tx_dst=new-page"]]],
  [["ip=6", "cipher=null-sha256"], TWO_PLACES],
  [["mode=transport", "cipher=aes-gcm-128"], [...TWO_PLACES, ...NIC]],
  [["ip=6", "cipher=aes-gcm-128"], NIC],
  [["mode=transport", "cipher=null-sha256"], TWO_PLACES],
  [["cipher=null"], TWO_PLACES],
  [["mode=transport", "cipher=aes-cbc-128-sha384"], TWO_PLACES],
  [["ip=6", "cipher=aes-gcm-192-icv8"], TWO_PLACES],
  [["cipher=aes-ctr-256-sha512"], TWO_PLACES],
];

for (const [sa, configurations] of CASES) {
  // An SA is all that a preset knows of versions, so the presets with the usual one are judged by IPv4 alone.
  const versions = sa.length > 0 ? [4, 6] as const : [4] as const;
  const presets = configurations.map((each) => each.join(" ")).join(", ");
  const inside = versions.map((version) => `IPv${version}`).join(" and ");
  Deno.test({
    name: `tshark decrypts every ESP packet, ICV good, ${inside} inside equal (${[...sa, presets].join(" ")})`,
    ignore: !HAS_TSHARK,
    fn: () => judge(versions, sa, configurations),
  });
}

/** Plays the configurations, and asks tshark once for all that they sent under their one SA. */
async function judge(
  versions: readonly (4 | 6)[],
  sa: readonly string[],
  configurations: readonly Configuration[],
): Promise<void> {
  const clear = await (allClear ??= clearLines());
  const runs: { version: 4 | 6; where: string; testRun: TestRun }[] = [];
  for (const version of versions) {
    for (const [preset, ...sets] of configurations) {
      const all = [...sa, ...sets, "oversize=grow"];
      const testRun = await runOf(captureOf(clear[version].frames), preset, all, { check: false });
      runs.push({ version, where: `IPv${version} ${[preset, ...sets].join(" ")}`, testRun });
    }
  }
  const association = runs[0]!.testRun.run.sa!;
  const options = [
    "esp.enable_encryption_decode:TRUE",
    "esp.enable_authentication_check:TRUE",
    "esp.enable_null_encryption_decode_heuristic:FALSE",
    ...saTableLines(association).map((line) => `uat:esp_sa:${line}`),
  ];
  const lines = await linesOf(runs.flatMap(({ testRun }) => testRun.sent), options);
  for (const { version, where, testRun: { sent } } of runs) {
    const { frames, rows } = clear[version];
    const own = lines.splice(0, sent.length).map((line) => cellsOf(version, line));
    assertEquals(own.map((cells) => cells[0]), Array(frames.length).fill(association.icvBytes > 0 ? "1" : ""), where);
    assertEquals(byFlow(own), byFlow(rows), where);
  }
  assertEquals(lines, []);
}

/** Frames of one version, and what tshark sees in them before they go through the tunnel. */
interface Clear {
  readonly frames: readonly Uint8Array[];
  readonly rows: readonly (readonly string[])[];
}

let allClear: Promise<Record<4 | 6, Clear>> | undefined;

async function clearLines(): Promise<Record<4 | 6, Clear>> {
  const frames = { 4: await framesOf(4), 6: await framesOf(6) };
  const lines = await linesOf([...frames[4], ...frames[6]].map((bytes, tNs) => ({ tNs, bytes })), []);
  const clearOf = (version: 4 | 6): Clear => {
    const rows = lines.splice(0, frames[version].length).map((line) => cellsOf(version, line));
    return { frames: frames[version], rows };
  };
  return { 4: clearOf(4), 6: clearOf(6) };
}

/** What tshark says of each frame: the verdict on its ICV, then what the packet inside carries. */
async function linesOf(
  frames: readonly { tNs: number; bytes: Uint8Array }[],
  options: readonly string[],
): Promise<string[]> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await writeFrames(path, frames);
    return tsharkFields(path, FIELDS, options);
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
