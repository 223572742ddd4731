/**
 * Path forward against recordings of Linux 6.1: which packets GRO merged, in which order the buffers went up, and what was
 * inside the ESP packets that left. Ignored where the recordings are missing, and where the model cannot play one yet.
 *
 * The recordings had no receive hash: all flows in one bucket. The model spreads flows over buckets, which decides the order
 * of the last flush; so the order is compared where there is one TCP flow, and the groups alone up to the 8 flows of a bucket.
 */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { openTunnelPacket } from "../esp/tunnel_packet.ts";
import { inputOf, type Recorder, runOf, type TestRun } from "../replay/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { innerPackets, mergedPackets, rangesOf } from "./testing.ts";
import {
  openableSa,
  readRecordings,
  type RecordedBuffer,
  type Recording,
  tcpFlows,
  whyLeftOut,
} from "./testing_recordings.ts";

const FLOWS_OF_A_BUCKET = 8;
/** Longer frames keep their payload in a fragment, as those of the recordings. */
const COPYBREAK_BYTES = 256;

const recordings = [
  ...await readRecordings(new URL("../../../shared/oracle/", import.meta.url)),
  ...await readRecordings(new URL("../../../shared/oracle-2/", import.meta.url)),
];

async function play({ settings, input, frames }: Recording): Promise<TestRun> {
  const { path, gro, nic_rx_csum, mtu, batches = [] } = settings;
  const sets = [
    "era=6.1",
    `gro=${gro}`,
    `gso=${gro === "on" ? "xfrm" : "off"}`,
    `nic_rx_csum=${nic_rx_csum}`,
    `mtu=${mtu}`,
    `oversize=${path === "forward" ? "drop" : "grow"}`,
  ];
  // A batch was a poll of its own: polls end at the budget then, and send up as much as at their end.
  if (batches.length > 1) sets.push(`napi_weight=${batches[0]}`);
  const testRun = await runOf(inputOf(input, settings.name), "nocopy", sets);
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.run.tally.sum({ event: "arrive" }).count, frames.length);
  return testRun;
}

/** The buffers that went up, as the recording describes them. */
function bufferRows(events: Recorder): RecordedBuffer[] {
  const packets = mergedPackets(events);
  const up = events.of("visit").filter(({ stage }) => stage === "forward");
  return up.map(({ skb, bytes }) => {
    const members = packets.get(skb)!;
    const reasons = events.of("merge").filter(({ into }) => into === skb).map(({ reason }) => reason);
    const chained = reasons.indexOf("frag-list");
    const count = members.length;
    return {
      packets: rangesOf(members),
      count,
      bytes,
      gsoSize: count === 1 ? 0 : events.of("segment").find(({ into }) => into === skb)?.bytes ?? -1,
      frags: 1 + (chained === -1 ? reasons.length : chained),
      listMembers: reasons.filter((reason) => reason === "frag-list").length,
    };
  });
}

/** Leaves out what the two sides cannot have in common. */
function comparable(rows: readonly RecordedBuffer[], recording: Recording): Partial<RecordedBuffer>[] {
  const { rx_layout } = recording.settings;
  const sameLayout = (rx_layout === "frags:1" || rx_layout === "hdrsplit:1") &&
    recording.frames.every(({ bytes }) => bytes.length > COPYBREAK_BYTES && bytes.length <= 1514);
  const namesPackets = recording.delivered.every(({ packets }) => packets !== undefined);
  const dropped = recording.settings.name.includes("mtu-exceeded");
  return rows.map(({ packets, count, bytes, gsoSize, frags, listMembers }) => ({
    count,
    bytes,
    ...(namesPackets ? { packets: packets! } : {}),
    ...(dropped ? {} : { gsoSize }),
    ...(sameLayout && count > 1 ? { frags, listMembers } : {}),
  }));
}

function compareBuffers(recording: Recording, events: Recorder): void {
  const actual = comparable(bufferRows(events), recording);
  const expected = comparable(recording.delivered, recording);
  if (tcpFlows(recording).size > 1) {
    const byText = (a: unknown, b: unknown): number => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
    assertEquals(actual.toSorted(byText), expected.toSorted(byText));
  } else {
    assertEquals(actual, expected);
  }
}

/** The packets inside what was sent, to the byte. */
function compareEsp(recording: Recording, testRun: TestRun): void {
  const sa = openableSa(recording);
  if (sa === undefined) return;
  const aead = sa.aead(ENGINES.noble);
  const packets = recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN)).filter((packet) => packet[9] === 50);
  const inner = packets.map((packet) => {
    const result = openTunnelPacket(packet, sa, aead);
    return result.opened ? result.inner.toHex() : result.reason;
  });
  const order = (list: string[]): string[] => tcpFlows(recording).size > 1 ? list.toSorted() : list;
  assertEquals(order(innerPackets(testRun).map((packet) => packet.toHex())), order(inner));
  if (hasPlainOuterHeader(recording)) {
    assertEquals(testRun.sent.map(({ bytes }) => outerFields(bytes.subarray(ETH_HLEN))), packets.map(outerFields));
  }
}

/** Layer-2 GSO counts ids even with DF; options of the SA that change the outer header are not built. */
function hasPlainOuterHeader({ settings }: Recording): boolean {
  const { flags = [] } = settings.sa![0]!;
  return settings.esp_module === false && flags.length === 0 && !settings.name.includes("dont-encap-dscp");
}

/** TOS, length, flags, time to live and protocol; the id where it does not depend on what a host sent before. */
function outerFields(packet: Uint8Array): string {
  const id = ipv4.dontFragment(packet, 0) ? ipv4.id(packet, 0) : "any";
  return `${packet.subarray(0, 4).toHex()} id ${id} ${packet.subarray(6, 10).toHex()}`;
}

Deno.test({
  name: "kernel recordings of GRO and forwarding are there",
  ignore: recordings.length === 0,
  fn: () => {},
});

/** Why a recording is not compared, or undefined. */
function whyNotCompared(recording: Recording): string | undefined {
  const { name, gro } = recording.settings;
  const flows = tcpFlows(recording).size;
  const sharesBucket = gro === "on" && flows > FLOWS_OF_A_BUCKET && !name.includes("rxhash");
  return whyLeftOut(recording) ?? (sharesBucket ? "more flows in a bucket than it holds" : undefined);
}

for (const [reason, left] of Map.groupBy(recordings, whyNotCompared)) {
  if (reason === undefined) continue;
  Deno.test({ name: `${left.length} recordings are left out: ${reason}`, ignore: true, fn: () => {} });
}

for (const recording of recordings.filter((each) => whyNotCompared(each) === undefined)) {
  Deno.test(`forward of 6.1 as recorded: ${recording.settings.name}`, async () => {
    const testRun = await play(recording);
    compareBuffers(recording, testRun.events);
    compareEsp(recording, testRun);
  });
}
