import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { set16 } from "./bytes.ts";
import { finish, partialSum, pseudoHeaderSumIpv4 } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";
import { holdsOnlyPseudoHeaderSum, transportChecksumOkIpv4 } from "./transport_checksum.ts";

const FIELD: Record<number, number> = { 6: 16, 17: 6 };

/** An IPv4 packet at offset 5 with `payload` behind a zero transport header of 20 or 8 bytes; the checksum is zero. */
function packet(protocol: 6 | 17, payload: Uint8Array): { u8: Uint8Array; transportBytes: number; pseudo: number } {
  const transportBytes = (protocol === 6 ? 20 : 8) + payload.length;
  const u8 = new Uint8Array(5 + 20 + transportBytes + 5).fill(0xa5);
  u8.fill(0, 5, 5 + 20 + transportBytes);
  u8[5] = 0x45;
  u8[5 + ipv4.OFFSET_PROTOCOL] = protocol;
  ipv4.setSource(u8, 5, 0xc0000201);
  ipv4.setDestination(u8, 5, 0xc6336401);
  u8.set(payload, 25 + transportBytes - payload.length);
  return { u8, transportBytes, pseudo: pseudoHeaderSumIpv4(0xc0000201, 0xc6336401, protocol, transportBytes) };
}

Deno.test("transportChecksumOkIpv4() accepts a right TCP or UDP checksum and refuses any changed byte", () => {
  const protocols = fc.constantFrom<6 | 17>(6, 17);
  fc.assert(fc.property(protocols, fc.uint8Array({ maxLength: 200 }), fc.nat(), (protocol, payload, where) => {
    const { u8, transportBytes, pseudo } = packet(protocol, payload);
    const checksum = finish(partialSum(u8, 25, transportBytes, pseudo));
    set16(u8, 25 + FIELD[protocol]!, checksum === 0 ? 0xffff : checksum);
    assertEquals(transportChecksumOkIpv4(u8, 5, 25, transportBytes), true);
    const flipped = where % transportBytes;
    fc.pre(flipped < FIELD[protocol]! || flipped > FIELD[protocol]! + 1); // A UDP checksum of zero would be good.
    u8[25 + flipped]! ^= 0x10;
    assertEquals(transportChecksumOkIpv4(u8, 5, 25, transportBytes), false);
  }));
});

Deno.test("transportChecksumOkIpv4() takes UDP without a checksum as good, TCP with zero as wrong", () => {
  const udp = packet(17, Uint8Array.of(1, 2, 3));
  assertEquals(transportChecksumOkIpv4(udp.u8, 5, 25, udp.transportBytes), true);
  const tcp = packet(6, Uint8Array.of(1, 2, 3));
  assertEquals(transportChecksumOkIpv4(tcp.u8, 5, 25, tcp.transportBytes), false);
});

Deno.test("transportChecksumOkIpv4() refuses a transport too short for its checksum field", () => {
  const { u8 } = packet(6, new Uint8Array(0));
  set16(u8, 25, finish(pseudoHeaderSumIpv4(0xc0000201, 0xc6336401, 6, 17)));
  assertEquals(transportChecksumOkIpv4(u8, 5, 25, 17), false);
  assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, 17), false);
});

Deno.test("holdsOnlyPseudoHeaderSum() tells what a sending host with checksum offload shows", () => {
  for (const protocol of [6, 17] as const) {
    const { u8, transportBytes, pseudo } = packet(protocol, Uint8Array.of(1, 2, 3));
    assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, transportBytes), false);
    set16(u8, 25 + FIELD[protocol]!, pseudo);
    assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, transportBytes), true);
    assertEquals(transportChecksumOkIpv4(u8, 5, 25, transportBytes), false);
    assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, transportBytes + 1), false);
    set16(u8, 25 + FIELD[protocol]!, pseudo ^ 0xffff);
    assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, transportBytes), false);
  }
});

Deno.test("both checks leave a protocol without a checksum alone", () => {
  const { u8, transportBytes } = packet(6, new Uint8Array(8));
  u8[5 + ipv4.OFFSET_PROTOCOL] = 50;
  assertEquals(transportChecksumOkIpv4(u8, 5, 25, transportBytes), true);
  assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, transportBytes), false);
});
