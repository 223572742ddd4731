/**
 * Path send against recordings of Linux 6.1: the buffers that sockets sent, what was copied when these were cut, what ESP made
 * of each packet, and what was inside of what left, byte for byte. Ignored where the recordings are missing.
 */

import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { LINKTYPE_RAW } from "../wire/link_types.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { type PlayedSend, playSendRecording, readSends, type Row, type SendRecording } from "./testing_sends.ts";

const recordings = [
  ...await readSends(new URL("../../../shared/oracle/", import.meta.url)),
  ...await readSends(new URL("../../../shared/oracle-2/", import.meta.url)),
];

const ENTERED_COLUMNS =
  "len data_len headlen has_frag_list frag_list_n gso_size ip_summed skb_cloned shared_frag nr_frags layout".split(" ");
const SEALED_COLUMNS = ("len data_len headlen has_frag_list frag_list_n skb_cloned headroom tailspace tailen branch " +
  "bytes_pulled bytes_expand_head bytes_skb_copy after_headlen after_nr_frags").split(" ");
const SEGMENTED_COLUMNS = ["n_segs", "bytes_copied"];

/** A page of the pool was used again from its start, because what was in it had been acknowledged meanwhile. */
const PAGE_USED_AGAIN = new Set([
  "esp-tx-tunnel-null-nooffload-gsoon",
  "esp-tx-tunnel-nullsha256-nooffload-gsooff",
  "esp-tx-tunnel-nullsha256-nooffload-gsoon",
]);

const facts = new FrameFacts();
let comparedValues = 0;

function compare(
  actual: readonly Row[],
  expected: readonly Row[],
  columns: readonly string[],
  left: Set<number>,
): void {
  const inColumns = (rows: readonly Row[]): string[][] => {
    return rows.filter((_, i) => !left.has(i)).map((row) => columns.map((name) => row[name] ?? "none"));
  };
  assertEquals(inColumns(actual), inColumns(expected));
  comparedValues += (expected.length - left.size) * columns.length;
}

/** Datagrams that the recorded process wrote in parts (MSG_MORE): a capture does not show that. */
function corked({ settings: { traffic } }: SendRecording): Set<number> {
  return new Set((traffic.sizes ?? []).flatMap((size, i) => Array.isArray(size) ? [i] : []));
}

/**
 * What a receiver finds in each frame, the place of a fragment. What Linux draws or knows better is left out: identifications,
 * and PSH, since captured packets are writes here.
 */
function insides(frames: readonly Uint8Array[], { sa }: SendRecording): string[] {
  if (sa === undefined) return [];
  const aead = sa.aead(ENGINES.noble);
  return frames.map((frame) => {
    const packet = frame.subarray(ETH_HLEN);
    const result = openEspPacket(packet, sa, aead);
    if (result.opened) return comparable(result.inner).toHex();
    return `${result.reason} of ${packet.length} bytes at ${fragmentOffset(packet)}`;
  });
}

function comparable(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  facts.read(copy, 0, copy.length, copy.length, LINKTYPE_RAW);
  const { isFragment, isIpv6, protocol, transportAt, transportBytes } = facts;
  if (isFragment && isIpv6) copy.fill(0, ipv6.HEADER_BYTES + 4, ipv6.HEADER_BYTES + 8);
  if (isFragment || protocol !== PROTOCOL_TCP) return copy;
  assert(transportChecksumOk(copy, 0, protocol, transportAt, transportBytes));
  tcp.setFlags(copy, transportAt, tcp.flags(copy, transportAt) & ~tcp.FLAG_PSH);
  tcp.setChecksum(copy, transportAt, 0);
  return copy;
}

function fragmentOffset(packet: Uint8Array): number {
  if (!ip.isIpv6(packet, 0)) return ipv4.fragmentOffsetBytes(packet, 0);
  return (packet[ipv6.HEADER_BYTES + 2]! << 8 | packet[ipv6.HEADER_BYTES + 3]!) & 0xfff8;
}

Deno.test({
  name: "kernel recordings of local senders are there",
  ignore: recordings.length === 0,
  fn: () => assert(recordings.length > 40),
});

for (const recording of recordings) {
  const { name } = recording.settings;
  Deno.test(`send of 6.1 as recorded: ${name}`, async () => {
    const played: PlayedSend = await playSendRecording(recording);
    const entered = ENTERED_COLUMNS.filter((column) => {
      return !PAGE_USED_AGAIN.has(name) || (column !== "nr_frags" && column !== "layout");
    });
    compare(played.entered, recording.entered, entered, corked(recording));
    compare(played.segmented, recording.segmented, SEGMENTED_COLUMNS, new Set());
    compare(played.sealed, recording.sealed, SEALED_COLUMNS, corked(recording));
    assertEquals(insides(played.output, recording), insides(recording.output, recording));
  });
}

Deno.test({
  name: "the recordings of local senders say what they should: values by the ten thousand",
  ignore: recordings.length === 0,
  fn: () => assert(comparedValues > 30_000, `${comparedValues}`),
});
