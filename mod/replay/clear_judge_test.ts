import { assertEquals } from "@std/assert";
import { datagramsOf, overIpv6 } from "../stages/testing_frames.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { ClearJudge } from "./clear_judge.ts";
import { tcpFrame } from "./testing.ts";

const packetOf = (frame: Uint8Array): Uint8Array => frame.slice(ETH_HLEN);
const SEGMENT = packetOf(tcpFrame({ payloadBytes: 1460 }));
const DATAGRAM = packetOf(datagramsOf(1)[0]!);

function refusal(
  packet: Uint8Array,
  damage: (packet: Uint8Array) => void = () => {},
  isOurs = true,
): string | undefined {
  const damaged = packet.slice();
  damage(damaged);
  return new ClearJudge(1500, isOurs).refusal(damaged);
}

Deno.test("refusal() finds nothing wrong with packets of TCP and UDP over IPv4 and IPv6", () => {
  for (const frame of [tcpFrame({ payloadBytes: 1400 }), ...datagramsOf(3)]) {
    for (const each of [frame, overIpv6(frame)]) assertEquals(refusal(packetOf(each)), undefined);
  }
});

Deno.test("refusal() names a packet that is too long, a wrong length, and wrong checksums", () => {
  assertEquals(refusal(packetOf(tcpFrame({ payloadBytes: 1461 }))), "it is longer than the MTU of 1500");
  assertEquals(refusal(SEGMENT.subarray(0, 1499)), "its length field is wrong");
  assertEquals(refusal(SEGMENT, (packet) => (packet[8] = 7)), "its header checksum is wrong");
  assertEquals(refusal(SEGMENT, (packet) => (packet[1499]! ^= 1)), "its checksum of TCP or UDP is wrong");
  assertEquals(refusal(DATAGRAM, (packet) => (packet[28]! ^= 1)), "its checksum of TCP or UDP is wrong");
  const overIpv6Damaged = refusal(packetOf(overIpv6(tcpFrame({ payloadBytes: 100 }))), (packet) => (packet[159]! ^= 1));
  assertEquals(overIpv6Damaged, "its checksum of TCP or UDP is wrong");
  assertEquals(refusal(Uint8Array.of(1, 2, 3)), "its IP header is damaged");
});

Deno.test("refusal() leaves a checksum alone that no socket of ours wrote: of a router, of fragments, of a reset with payload", () => {
  const damage = (packet: Uint8Array): void => void (packet[1499]! ^= 1);
  assertEquals(refusal(SEGMENT, damage, false), undefined);
  const reset = packetOf(tcpFrame({ payloadBytes: 1460, flags: tcp.FLAG_RST, checksumError: 1 }));
  assertEquals(refusal(reset), undefined);
  const toFragment = (packet: Uint8Array): void => {
    damage(packet);
    set16(packet, ipv4.OFFSET_FRAGMENT, ipv4.FLAG_MF);
    ipv4.writeHeaderChecksum(packet, 0);
  };
  assertEquals(refusal(SEGMENT, toFragment), undefined);
});
