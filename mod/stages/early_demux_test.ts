/** Which headers the IP layer pulls of a packet that lies in pages: of the first packet of a list, and of the others. */

import { assertEquals } from "@std/assert";
import type { Skb } from "../skb/skb.ts";
import { addFrag } from "../skb/paged_ops.ts";
import { set32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as protocols from "../wire/ip_protocol.ts";
import { type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { decodeSessionIpv4, decodeSessionIpv6, EarlyDemux } from "./early_demux.ts";
import { StageFixture } from "./testing.ts";
import { type Ipv6Fields, overIpv6, PADDING_OPTIONS, udpFrame } from "./testing_frames.ts";

/** The IP packet of a frame, its first `linear` bytes linear and the others in a page. */
function packetOf(fixture: StageFixture, frame: Uint8Array, linear: number): Skb {
  const { skbs } = fixture.host;
  const packet = frame.subarray(ETH_HLEN);
  const skb = skbs.napiAllocSkb(256);
  skbs.memory.u8.set(packet.subarray(0, linear), skb.dataAt);
  skb.tail += linear;
  skb.len = linear;
  if (packet.length > linear) {
    const page = skbs.memory.allocate(packet.length);
    skbs.memory.u8.set(packet.subarray(linear), page.at);
    addFrag(skb, page, 0, packet.length - linear);
  }
  return skb;
}

/** Linear bytes of each packet of a list after it was received; `null` begins another list. */
function received(frames: readonly (Uint8Array | null)[], era = "6.1"): number[] {
  const fixture = new StageFixture([`era=${era}`]);
  const demux = new EarlyDemux(fixture.host.skbs);
  const linear: number[] = [];
  for (const frame of frames) {
    if (frame === null) {
      demux.startList();
      continue;
    }
    const isIpv6 = frame[ETH_HLEN]! >> 4 === 6;
    const skb = packetOf(fixture, frame, isIpv6 ? 40 : 20);
    if (isIpv6) demux.receiveIpv6(skb);
    else demux.receiveIpv4(skb);
    linear.push(skb.headlen);
  }
  return linear;
}

/** A TCP frame to another destination. */
function toAnother(fields: TcpFrame = {}): Uint8Array {
  return tcpFrame({ ...fields, destination: 0x0a000001 });
}

/** A frame over IPv6 whose destination ends in `last`. */
function over6To(last: number, frame: Uint8Array = tcpFrame(), fields: Ipv6Fields = {}): Uint8Array {
  const moved = overIpv6(frame, fields);
  moved[ETH_HLEN + ipv6.OFFSET_DESTINATION + 15] = last;
  return moved;
}

Deno.test("EarlyDemux pulls the TCP header of the first packet of a list, and of those that go elsewhere", () => {
  const tcp = tcpFrame();
  assertEquals(received([null, tcp, tcp, tcp]), [40, 20, 20]);
  assertEquals(received([null, tcp, tcp, null, tcp, tcp]), [40, 20, 40, 20]);
  // The first of the list stays the one that others are held against.
  assertEquals(received([null, tcp, toAnother(), toAnother(), tcp]), [40, 40, 40, 20]);
  assertEquals(received([null, tcp, tcpFrame({ tos: 4 }), tcpFrame({ sourcePort: 9, ttl: 2 })]), [40, 40, 20]);
});

Deno.test("EarlyDemux of 4.4 knows no lists: it pulls the TCP header of every packet", () => {
  const tcp = tcpFrame();
  assertEquals(received([null, tcp, tcp, null, tcp], "4.4"), [40, 40, 40]);
});

Deno.test("EarlyDemux pulls 8 bytes of UDP, nothing of a fragment or of another protocol", () => {
  const icmp = tcpFrame();
  icmp[ETH_HLEN + ipv4.OFFSET_PROTOCOL] = protocols.PROTOCOL_ICMP;
  assertEquals(received([null, udpFrame(), null, tcpFrame({ fragmentWord: 0x2000 }), null, icmp]), [28, 20, 20]);
  assertEquals(received([null, tcpFrame({ payloadBytes: 0 }).subarray(0, ETH_HLEN + 30)]), [20]);
  // A fragment goes where the others go: they take over its route.
  assertEquals(received([null, tcpFrame({ fragmentWord: 0x2000 }), tcpFrame()]), [20, 20]);
});

Deno.test("EarlyDemux over IPv6 goes by the destination alone, and looks behind no extension header", () => {
  const options = { extensions: [[protocols.PROTOCOL_DESTINATION_OPTIONS, PADDING_OPTIONS]] as const };
  assertEquals(received([null, over6To(2), over6To(2, tcpFrame(), { trafficClass: 4 }), over6To(3)]), [60, 40, 60]);
  assertEquals(received([null, over6To(2, tcpFrame(), options), null, over6To(2, udpFrame())]), [40, 48]);
  assertEquals(received([null, over6To(2), over6To(2), over6To(2, udpFrame())], "4.4"), [60, 60, 40]);
});

Deno.test("EarlyDemux begins another list where the IP version changes", () => {
  assertEquals(received([null, tcpFrame(), over6To(2), over6To(2), tcpFrame(), tcpFrame()]), [40, 60, 40, 40, 20]);
});

/** Linear bytes of an IPv4 packet after the look-up of its policy. */
function decoded4(frame: Uint8Array, era = "6.1"): number {
  const fixture = new StageFixture([`era=${era}`]);
  const skb = packetOf(fixture, frame, 20);
  decodeSessionIpv4(fixture.host.skbs, skb);
  return skb.headlen;
}

Deno.test("decodeSessionIpv4() pulls the bytes that tell sessions apart", () => {
  const bytes = (protocol: number, era?: string): number => {
    const frame = tcpFrame();
    frame[ETH_HLEN + ipv4.OFFSET_PROTOCOL] = protocol;
    return decoded4(frame, era) - 20;
  };
  const { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP, PROTOCOL_ICMP, PROTOCOL_GRE, PROTOCOL_ESP, PROTOCOL_AH } =
    protocols;
  const all = [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP, PROTOCOL_ICMP, PROTOCOL_GRE, PROTOCOL_ESP, PROTOCOL_AH, 99];
  assertEquals(all.map((protocol) => bytes(protocol)), [4, 4, 4, 2, 12, 0, 0, 0]);
  assertEquals(all.map((protocol) => bytes(protocol, "4.4")), [4, 4, 4, 2, 12, 4, 8, 0]);
  assertEquals(decoded4(tcpFrame({ fragmentWord: 0x2000 })), 20);
  const withOptions = tcpFrame({ ipOptions: Uint8Array.of(1, 1, 1, 0) });
  assertEquals(decoded4(withOptions), 28);
});

/** Sizes of the pulls that the look-up of an IPv6 packet's policy makes, its first `linear` bytes linear. */
function pulls6(frame: Uint8Array, linear = 40): number[] {
  const fixture = new StageFixture(["era=6.1"]);
  decodeSessionIpv6(fixture.host.skbs, packetOf(fixture, frame, linear));
  fixture.finish();
  return fixture.events.of("copy").map(({ bytes }) => bytes);
}

Deno.test("decodeSessionIpv6() pulls 2 bytes before it knows what they are, then the rest of the ports", () => {
  assertEquals(pulls6(overIpv6(tcpFrame())), [2, 2]);
  assertEquals(pulls6(overIpv6(udpFrame())), [2, 2]);
  const icmp = overIpv6(tcpFrame());
  icmp[ETH_HLEN + ipv6.OFFSET_NEXT_HEADER] = protocols.PROTOCOL_ICMPV6;
  assertEquals(pulls6(icmp), [2]);
  const esp = overIpv6(tcpFrame());
  esp[ETH_HLEN + ipv6.OFFSET_NEXT_HEADER] = protocols.PROTOCOL_ESP;
  assertEquals(pulls6(esp), [2]);
  assertEquals(pulls6(overIpv6(tcpFrame()), 60), []);
});

Deno.test("decodeSessionIpv6() goes from extension header to extension header, and takes no ports of a fragment", () => {
  const options = [protocols.PROTOCOL_DESTINATION_OPTIONS, PADDING_OPTIONS] as const;
  const fragment = [protocols.PROTOCOL_FRAGMENT, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 9)] as const;
  assertEquals(pulls6(overIpv6(tcpFrame(), { extensions: [options] })), [2, 8, 2]);
  assertEquals(pulls6(overIpv6(tcpFrame(), { extensions: [fragment] })), [2, 8]);
  // Parsed hop-by-hop options are linear and are taken for the transport header.
  const hopByHop = [protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS] as const;
  assertEquals(pulls6(overIpv6(tcpFrame(), { extensions: [hopByHop] }), 48), []);
});

Deno.test("decodeSessionIpv6() ends at the end of the packet, whatever the headers claim", () => {
  const frame = overIpv6(tcpFrame({ payloadBytes: 0 }), {
    extensions: [[protocols.PROTOCOL_ROUTING, Uint8Array.of(0, 255, 0, 0, 0, 0, 0, 0)]],
  });
  set32(frame, ETH_HLEN + 44, 0);
  assertEquals(pulls6(frame), [2]);
});
