import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { set16 } from "./bytes.ts";
import { finish, partialSum, pseudoHeaderSumIpv4, pseudoHeaderSumIpv6 } from "./checksum.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { holdsOnlyPseudoHeaderSum, transportChecksumOk } from "./transport_checksum.ts";

const FIELD: Record<number, number> = { 6: 16, 17: 6 };

/** A packet at offset 5 of dirty memory, with `payload` behind a zero transport header; the checksum is zero, too. */
interface TestPacket {
  readonly u8: Uint8Array;
  readonly transportAt: number;
  readonly transportBytes: number;
  readonly pseudo: number;
}

function packet(version: 4 | 6, protocol: 6 | 17, payload: Uint8Array): TestPacket {
  const transportAt = 5 + (version === 4 ? 20 : 40);
  const transportBytes = (protocol === 6 ? 20 : 8) + payload.length;
  const u8 = new Uint8Array(transportAt + transportBytes + 5).fill(0xa5);
  u8.fill(0, 5, transportAt + transportBytes);
  u8[5] = version === 4 ? 0x45 : 0x60;
  if (version === 4) {
    ipv4.setSource(u8, 5, 0xc0000201);
    ipv4.setDestination(u8, 5, 0xc6336401);
  } else {
    ipv6.setSource(u8, 5, Uint8Array.fromHex("20010db8000000000000000000000001"));
    ipv6.setDestination(u8, 5, Uint8Array.fromHex("20010db8ffff0000000000000000fffe"));
  }
  u8.set(payload, transportAt + transportBytes - payload.length);
  const pseudo = version === 4
    ? pseudoHeaderSumIpv4(0xc0000201, 0xc6336401, protocol, transportBytes)
    : pseudoHeaderSumIpv6(u8, 5, protocol, transportBytes);
  return { u8, transportAt, transportBytes, pseudo };
}

const VERSIONS = [4, 6] as const;
const PROTOCOLS = [6, 17] as const;

Deno.test("transportChecksumOk() accepts a right TCP or UDP checksum and refuses any changed byte", () => {
  const versions = fc.constantFrom(...VERSIONS);
  const protocols = fc.constantFrom(...PROTOCOLS);
  const payloads = fc.uint8Array({ maxLength: 200 });
  fc.assert(fc.property(versions, protocols, payloads, fc.nat(), (version, protocol, payload, where) => {
    const { u8, transportAt, transportBytes, pseudo } = packet(version, protocol, payload);
    const checksum = finish(partialSum(u8, transportAt, transportBytes, pseudo));
    set16(u8, transportAt + FIELD[protocol]!, checksum === 0 ? 0xffff : checksum);
    assertEquals(transportChecksumOk(u8, 5, protocol, transportAt, transportBytes), true);
    const flipped = where % transportBytes;
    fc.pre(flipped < FIELD[protocol]! || flipped > FIELD[protocol]! + 1); // A UDP checksum of zero would be good.
    u8[transportAt + flipped]! ^= 0x10;
    assertEquals(transportChecksumOk(u8, 5, protocol, transportAt, transportBytes), false);
  }));
});

Deno.test("transportChecksumOk() covers the addresses of IPv6", () => {
  for (let i = 8; i < 40; i++) {
    const { u8, transportAt, transportBytes, pseudo } = packet(6, 6, Uint8Array.of(1, 2, 3));
    set16(u8, transportAt + 16, finish(partialSum(u8, transportAt, transportBytes, pseudo)));
    u8[5 + i]! ^= 0x10;
    assertEquals(transportChecksumOk(u8, 5, 6, transportAt, transportBytes), false, `byte ${i}`);
  }
});

Deno.test("transportChecksumOk() takes UDP without a checksum as good in IPv4 only, TCP with zero as wrong", () => {
  for (const version of VERSIONS) {
    for (const protocol of PROTOCOLS) {
      const { u8, transportAt, transportBytes } = packet(version, protocol, Uint8Array.of(1, 2, 3));
      const ok = transportChecksumOk(u8, 5, protocol, transportAt, transportBytes);
      assertEquals(ok, version === 4 && protocol === 17, `IPv${version}, protocol ${protocol}`);
    }
  }
});

Deno.test("transportChecksumOk() refuses a transport too short for its checksum field", () => {
  const { u8 } = packet(4, 6, new Uint8Array(0));
  set16(u8, 25, finish(pseudoHeaderSumIpv4(0xc0000201, 0xc6336401, 6, 17)));
  assertEquals(transportChecksumOk(u8, 5, 6, 25, 17), false);
  assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, 6, 25, 17), false);
});

Deno.test("holdsOnlyPseudoHeaderSum() tells what a sending host with checksum offload shows", () => {
  for (const version of VERSIONS) {
    for (const protocol of PROTOCOLS) {
      const { u8, transportAt, transportBytes, pseudo } = packet(version, protocol, Uint8Array.of(1, 2, 3));
      const holds = (bytes = transportBytes) => holdsOnlyPseudoHeaderSum(u8, 5, protocol, transportAt, bytes);
      assertEquals(holds(), false);
      set16(u8, transportAt + FIELD[protocol]!, pseudo);
      assertEquals(holds(), true);
      assertEquals(transportChecksumOk(u8, 5, protocol, transportAt, transportBytes), false);
      assertEquals(holds(transportBytes + 1), false);
      set16(u8, transportAt + FIELD[protocol]!, pseudo ^ 0xffff);
      assertEquals(holds(), false);
    }
  }
});

Deno.test("both checks leave a protocol without a checksum alone", () => {
  const { u8, transportBytes } = packet(4, 6, new Uint8Array(8));
  assertEquals(transportChecksumOk(u8, 5, 50, 25, transportBytes), true);
  assertEquals(holdsOnlyPseudoHeaderSum(u8, 5, 50, 25, transportBytes), false);
});
