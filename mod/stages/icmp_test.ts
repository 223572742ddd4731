/** What a gateway answers to what it drops (icmp_send, icmp6_send): to whom, how much of it, and to what nothing. */

import { assert, assertEquals } from "@std/assert";
import { captureOf, type Recorder, runOf, type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import { Ledger } from "../ledger/ledger.ts";
import { Engine } from "../sim/engine.ts";
import { pull, put } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { set16 } from "../wire/bytes.ts";
import { fold, partialSum, pseudoHeaderSumIpv6 } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Host } from "./host.ts";
import { IcmpErrors } from "./icmp.ts";
import { IngressGate } from "./ingress_gate.ts";
import { overIpv6 } from "./testing_frames.ts";
import { flowOf } from "./testing.ts";

const DROP = ["oversize=drop"];

/** "packet reason bytes" of each answer. */
function answers(events: Recorder): string[] {
  return events.of("answer").map(({ packet, reason, bytes }) => `${packet} ${reason} ${bytes}`);
}

async function forwarded(frames: Uint8Array[], preset = "nocopy", sets: string[] = DROP): Promise<Recorder> {
  const { run, events } = await runOf(captureOf(frames), preset, sets);
  assertEquals(run.failures, []);
  return events;
}

/** The answer to one frame as NIC 0 sends it; undefined where there is none. */
function answerTo(frame: Uint8Array, answer: (errors: IcmpErrors, skb: Parameters<IcmpErrors["tooBig"]>[0]) => void) {
  const { config } = resolveConfig({ preset: "linux-6.1", sets: [] });
  const ledger = new Ledger(() => 0, []);
  const host = new Host({ config, engine: new Engine(), ledger, gate: new IngressGate(Infinity), poison: true });
  const { skbs } = host;
  const errors = new IcmpErrors(host);
  let sent: Uint8Array | undefined;
  const transmit = errors.transmit.bind(errors);
  errors.transmit = (skb) => {
    sent = new Uint8Array(skb.len);
    gather(skbs, skb, 0, skb.len, sent);
    transmit(skb);
  };
  const skb = skbs.allocSkb(frame.length);
  put(skb, frame.length);
  skbs.memory.u8.set(frame, skb.dataAt);
  pull(skb, ETH_HLEN);
  answer(errors, skb);
  skbs.free(skb, 0);
  assertEquals(skbs.memory.live, 0);
  return sent;
}

const tooBig = (frame: Uint8Array) => answerTo(frame, (errors, skb) => errors.tooBig(skb, 1446));
const expired = (frame: Uint8Array) => answerTo(frame, (errors, skb) => errors.timeExceeded(skb));

Deno.test("a gateway answers what is too large for the tunnel with 590 bytes, once for an aggregate", async () => {
  assertEquals(answers(await forwarded([tcpFrame({ payloadBytes: 1407 })])), ["0 packet-too-big 590"]);
  assertEquals(answers(await forwarded([tcpFrame({ payloadBytes: 1406 })])), []);
  assertEquals(answers(await forwarded(flowOf(4), "nocopy-gro")), ["0 packet-too-big 590"]);
  const events = await forwarded(flowOf(3));
  assertEquals(answers(events), ["0", "1", "2"].map((packet) => `${packet} packet-too-big 590`));
  assertEquals(events.copies["forward icmp-quote"], 3 * 548);
});

Deno.test("a gateway answers IPv6 behind segmentation, with 1294 bytes, and drops all segments", async () => {
  const frames = flowOf(4, {}, { payloadBytes: 1440 }).map((frame) => overIpv6(frame));
  const events = await forwarded(frames, "nocopy-gro");
  assertEquals(answers(events), ["0 packet-too-big 1294"]);
  assertEquals(events.of("drop").map(({ reason }) => reason), ["pmtu", "pmtu", "pmtu", "pmtu"]);
  assertEquals(events.of("segment").length, 4);
});

Deno.test("answers neither go through ESP nor count as packets, and every law holds", async () => {
  const frames = flowOf(4, { 1: { payloadBytes: 100 } });
  const events = await forwarded(frames);
  assertEquals(events.of("seal").length, 1);
  assertEquals(events.of("send").map(({ packet }) => packet), [1]);
  assertEquals(events.of("answer").length, 3);
});

Deno.test("a gateway says time exceeded six times to one sender, and the rest is dropped in silence", async () => {
  const frames = flowOf(10, {}, { ttl: 1, payloadBytes: 40 });
  const events = await forwarded(frames);
  assertEquals(events.of("drop").length, 10);
  assertEquals(answers(events), [0, 1, 2, 3, 4, 5].map((packet) => `${packet} time-exceeded 122`));
  const others = frames.map((_, i) => tcpFrame({ ttl: 1, payloadBytes: 40, source: 0x0a000001 + i }));
  assertEquals((await forwarded(others)).of("answer").length, 10);
});

Deno.test("IcmpErrors quotes IPv4: fragmentation needed with the MTU, both checksums right, to the sender", () => {
  const frame = tcpFrame({ payloadBytes: 1460, tos: 0xb9, source: 0x0a000002 });
  const sent = tooBig(frame)!;
  const packet = sent.subarray(ETH_HLEN);
  assertEquals(sent.subarray(0, 6), frame.subarray(6, 12));
  assertEquals([packet.length, ipv4.totalLength(packet, 0), ipv4.protocol(packet, 0)], [576, 576, PROTOCOL_ICMP]);
  assertEquals([ipv4.destination(packet, 0), ipv4.tos(packet, 0)], [0x0a000002, 0xd8]);
  assert(ipv4.headerChecksumOk(packet, 0));
  assertEquals(fold(partialSum(packet, 20, 556)), 0xffff);
  assertEquals(packet.slice(20, 28).toHex().replace(/^(....)..../, "$1"), "0304" + "000005a6");
  assertEquals(packet.subarray(28), frame.subarray(ETH_HLEN, ETH_HLEN + 548));
});

Deno.test("IcmpErrors quotes IPv6: packet too big with the MTU, the checksum right, up to 1280 bytes", () => {
  const frame = overIpv6(tcpFrame({ payloadBytes: 1400 }));
  const packet = tooBig(frame)!.subarray(ETH_HLEN);
  assertEquals([packet.length, ipv6.payloadLength(packet, 0), ipv6.nextHeader(packet, 0)], [
    1280,
    1240,
    PROTOCOL_ICMPV6,
  ]);
  assertEquals(packet.subarray(24, 40), frame.subarray(ETH_HLEN + 8, ETH_HLEN + 24));
  assertEquals(fold(partialSum(packet, 40, 1240, pseudoHeaderSumIpv6(packet, 0, PROTOCOL_ICMPV6, 1240))), 0xffff);
  assertEquals(packet.subarray(48), frame.subarray(ETH_HLEN, ETH_HLEN + 1232));
});

Deno.test("nobody answers a later fragment, an ICMP error, a group, or a sender without address", () => {
  const icmpFrame = (type: number): Uint8Array => {
    const frame = tcpFrame();
    frame[ETH_HLEN + 9] = PROTOCOL_ICMP;
    frame[ETH_HLEN + 20] = type;
    return frame;
  };
  const refused: TcpFrame[] = [
    { fragmentWord: 1 },
    { source: 0 },
    { source: 0xe0000001 },
    { destination: 0xe0000001 },
    { destination: 0xffffffff },
  ];
  for (const fields of refused) assertEquals(tooBig(tcpFrame(fields)), undefined, JSON.stringify(fields));
  assertEquals([3, 11, 12, 40].map((type) => tooBig(icmpFrame(type))), [undefined, undefined, undefined, undefined]);
  for (const frame of [icmpFrame(8), tcpFrame({ fragmentWord: 0x2000 }), tcpFrame()]) {
    assert(tooBig(frame) !== undefined);
  }
  const toGroup = tcpFrame();
  toGroup[0] = 0x01;
  assertEquals(tooBig(toGroup), undefined);
});

Deno.test("over IPv6 only packet too big is said about what went to a group; errors are not answered", () => {
  const frame = overIpv6(tcpFrame());
  frame[ETH_HLEN + ipv6.OFFSET_DESTINATION] = 0xff;
  assert(tooBig(frame) !== undefined);
  assertEquals(expired(frame), undefined);
  const error = overIpv6(tcpFrame());
  error[ETH_HLEN + ipv6.OFFSET_NEXT_HEADER] = PROTOCOL_ICMPV6;
  error[ETH_HLEN + ipv6.HEADER_BYTES] = 1;
  assertEquals(tooBig(error), undefined);
  error[ETH_HLEN + ipv6.HEADER_BYTES] = 128;
  assert(tooBig(error) !== undefined);
  const nobody = overIpv6(tcpFrame());
  nobody.fill(0, ETH_HLEN + ipv6.OFFSET_SOURCE, ETH_HLEN + ipv6.OFFSET_DESTINATION);
  assertEquals(tooBig(nobody), undefined);
  set16(nobody, ETH_HLEN + ipv6.OFFSET_SOURCE, 0xff02);
  assertEquals(tooBig(nobody), undefined);
});
