/**
 * Path forward against recordings of Linux 6.1. First the receiving half, poll by poll: how the driver laid each frame out,
 * what GRO made of it, which buffers went up, in which order and of which shape, and what forwarding pulled before xfrm
 * output. Then the whole path: what was inside the ESP packets that left. Ignored where the recordings are missing, and
 * where the model cannot play one.
 */

import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { inputOf, runOf, type TestRun } from "../replay/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_ESP } from "../wire/ip_protocol.ts";
import { innerPackets } from "./testing.ts";
import type { Row } from "./testing_polls.ts";
import { playPolls } from "./testing_recorded_polls.ts";
import { openableSa, readRecordings, type Recording, type Settings, whyLeftOut } from "./testing_recordings.ts";

const recordings = [
  ...await readRecordings(new URL("../../../shared/oracle/", import.meta.url)),
  ...await readRecordings(new URL("../../../shared/oracle-2/", import.meta.url)),
];

const INPUT_COLUMNS = "in_index entry len headlen nr_frags head_frag ip_summed gro_ret".split(" ");
const SKB_COLUMNS =
  "len data_len headlen nr_frags has_frag_list frag_list_n gso_size gso_segs gso_type ip_summed head_frag skb_cloned layout"
    .split(" ");

let comparedValues = 0;

function compareTables(actual: readonly Row[], expected: readonly Row[], columns: readonly string[]): void {
  const inColumns = (rows: readonly Row[]): string[][] => rows.map((row) => columns.map((name) => row[name] ?? "none"));
  assertEquals(inColumns(actual), inColumns(expected));
  comparedValues += expected.length * columns.length;
}

Deno.test({
  name: "kernel recordings of GRO and forwarding are there",
  ignore: recordings.length === 0,
  fn: () => {},
});

/** A TUN device hands headers and pages up at once; the pieces of one recording were not of one size. */
function columnsOf({ tun, tun_iov }: Settings, columns: readonly string[]): readonly string[] {
  if (tun === undefined) return columns;
  return columns.filter((name) => name !== "entry" && (name !== "layout" || tun_iov === undefined));
}

for (const recording of recordings) {
  const { settings } = recording;
  Deno.test(`receive of 6.1 as recorded: ${settings.name}`, () => {
    const { inputs, delivered, forwarded } = playPolls(recording);
    const deliveredColumns = settings.path === "gro" ? ["inputs", ...SKB_COLUMNS] : SKB_COLUMNS;
    compareTables(inputs, recording.inputs, columnsOf(settings, INPUT_COLUMNS));
    compareTables(delivered, recording.delivered, columnsOf(settings, deliveredColumns));
    if (settings.sa !== undefined) compareTables(forwarded, recording.forwarded, SKB_COLUMNS);
  });
}

Deno.test({
  name: "the recordings of the receiving half say what they should: values by the hundred thousand",
  ignore: recordings.length === 0,
  fn: () => assert(comparedValues > 150_000, `${comparedValues}`),
});

async function playPath(recording: Recording): Promise<TestRun> {
  const { settings, input, frames } = recording;
  const { path, gro, rx_layout, nic_rx_csum, mtu } = settings;
  const testRun = await runOf(inputOf(input, settings.name), "nocopy", [
    "era=6.1",
    `gro=${gro}`,
    `gso=${settings.esp_module ? "l2" : gro === "on" ? "xfrm" : "off"}`,
    `rx_layout=${rx_layout}`,
    "rx_hash=off",
    `cipher=${openableSa(recording)!.suite.name}`,
    `ip=${openableSa(recording)!.outerVersion}`,
    `nic_rx_csum=${nic_rx_csum}`,
    `mtu=${mtu}`,
    `oversize=${path === "forward" ? "drop" : "grow"}`,
  ]);
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.run.tally.sum({ event: "arrive" }).count, frames.length);
  return testRun;
}

/** The packets inside what was sent, to the byte. */
function compareEsp(recording: Recording, testRun: TestRun): void {
  const sa = openableSa(recording)!;
  const aead = sa.aead(ENGINES.noble);
  const packets = recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN))
    .filter((packet) => ip.protocol(packet, 0) === PROTOCOL_ESP);
  const inner = packets.map((packet) => {
    const result = openEspPacket(packet, sa, aead);
    return result.opened ? result.inner.toHex() : result.reason;
  });
  assertEquals(innerPackets(testRun).map((packet) => packet.toHex()), inner);
  if (hasPlainOuterHeader(recording)) {
    assertEquals(testRun.sent.map(({ bytes }) => outerFields(bytes.subarray(ETH_HLEN))), packets.map(outerFields));
  }
}

/** Layer-2 GSO counts ids even with DF; options of the SA that change the outer header are not built. */
function hasPlainOuterHeader({ settings }: Recording): boolean {
  const { flags = [] } = settings.sa![0]!;
  return flags.length === 0 && !settings.name.includes("dont-encap-dscp");
}

/**
 * TOS, length, flags, time to live and protocol; the id where it does not depend on what a host sent before. Of IPv6 all but
 * the addresses.
 */
function outerFields(packet: Uint8Array): string {
  if (ip.isIpv6(packet, 0)) return packet.subarray(0, 8).toHex();
  const id = ipv4.dontFragment(packet, 0) ? ipv4.id(packet, 0) : "any";
  return `${packet.subarray(0, 4).toHex()} id ${id} ${packet.subarray(6, 10).toHex()}`;
}

for (const [reason, left] of Map.groupBy(recordings, whyLeftOut)) {
  if (reason === undefined) continue;
  Deno.test({ name: `forward: ${left.length} recordings are left out: ${reason}`, ignore: true, fn: () => {} });
}

for (const recording of recordings.filter((each) => whyLeftOut(each) === undefined)) {
  Deno.test(`forward of 6.1 as recorded: ${recording.settings.name}`, async () => {
    compareEsp(recording, await playPath(recording));
  });
}
