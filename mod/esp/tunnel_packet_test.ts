import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ENGINES } from "../crypto/engines.ts";
import { set32 } from "../wire/bytes.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { writeTrailer } from "./framing.ts";
import { type SecurityAssociation, testSecurityAssociation } from "./sa.ts";
import { sealEsp } from "./seal.ts";
import { openTunnelPacket, sealTunnelPacket } from "./tunnel_packet.ts";

const AEAD = testSecurityAssociation(1).aead(ENGINES.noble);

/** Some IPv4 packet: the first byte says version and length, the rest is anything. */
const inners = fc.uint8Array({ minLength: 20, maxLength: 1600, size: "max" }).map((bytes) => {
  bytes[0] = 0x45;
  return bytes;
});

function reasonOf(packet: Uint8Array, sa: SecurityAssociation = testSecurityAssociation(1)): string | undefined {
  const result = openTunnelPacket(packet, sa, AEAD);
  return result.opened ? undefined : result.reason;
}

/** A sealed packet of 100 bytes inside, changed before its header checksum is written again. */
function changed(change: (packet: Uint8Array) => void): Uint8Array {
  const packet = sealTunnelPacket(new Uint8Array(100).fill(0x45), testSecurityAssociation(1), AEAD, 1, 0);
  change(packet);
  ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

Deno.test("openTunnelPacket() undoes sealTunnelPacket() for every length, and changes neither packet", () => {
  fc.assert(fc.property(inners, fc.integer({ min: 1, max: 0xffffffff }), (inner, sequence) => {
    const sa = testSecurityAssociation(1);
    const before = inner.slice();
    const packet = sealTunnelPacket(inner, sa, AEAD, sequence, 0x1234);
    assertEquals(inner, before);
    const sealedBefore = packet.slice();
    const padBytes = (4 - ((inner.length + 2) % 4)) % 4;
    assertEquals(openTunnelPacket(packet, sa, AEAD), { opened: true, inner, sequence, padBytes, nextHeader: 4 });
    assertEquals(packet, sealedBefore);
    assertEquals(packet.length, 20 + 16 + inner.length + padBytes + 2 + 16);
    assertEquals(ipv4.totalLength(packet, 0), packet.length);
    assertEquals(ipv4.headerChecksumOk(packet, 0), true);
  }));
});

Deno.test("openTunnelPacket() refuses one flipped bit anywhere from SPI to ICV", () => {
  const sa = testSecurityAssociation(1);
  const packet = sealTunnelPacket(new Uint8Array(41).fill(0x45), sa, AEAD, 1, 0);
  for (let bit = 20 * 8; bit < packet.length * 8; bit++) {
    packet[bit >> 3]! ^= 1 << (bit & 7);
    assertEquals(reasonOf(packet), bit < 24 * 8 ? "spi" : "icv", `bit ${bit}`);
    packet[bit >> 3]! ^= 1 << (bit & 7);
  }
  assertEquals(reasonOf(packet), undefined);
});

Deno.test("openTunnelPacket() ignores bytes behind the packet and knows IPv6 inside", () => {
  const sa = testSecurityAssociation(1);
  const inner = new Uint8Array(40);
  inner[0] = 0x60;
  const packet = sealTunnelPacket(inner, sa, AEAD, 9, 0);
  const frame = new Uint8Array(packet.length + 6).fill(0xa5);
  frame.set(packet);
  assertEquals(openTunnelPacket(frame, sa, AEAD), { opened: true, inner, sequence: 9, padBytes: 2, nextHeader: 41 });
});

Deno.test("openTunnelPacket() names what is wrong outside", () => {
  assertEquals(reasonOf(new Uint8Array(19).fill(0x45)), "not-ipv4");
  assertEquals(reasonOf(changed((packet) => packet[0] = 0x65)), "not-ipv4");
  assertEquals(reasonOf(changed((packet) => packet[0] = 0x44)), "not-ipv4");
  assertEquals(reasonOf(changed((packet) => ipv4.setTotalLength(packet, 0, 19))), "truncated");
  assertEquals(reasonOf(changed((packet) => ipv4.setTotalLength(packet, 0, packet.length + 1))), "truncated");
  assertEquals(reasonOf(changed((packet) => ipv4.setTotalLength(packet, 0, 20 + 33))), "too-short");
  assertEquals(reasonOf(changed((packet) => ipv4.setTotalLength(packet, 0, 20 + 34))), "icv");
  assertEquals(reasonOf(changed((packet) => packet[6] = 0x20)), "fragment");
  assertEquals(reasonOf(changed((packet) => packet[7] = 1)), "fragment");
  assertEquals(reasonOf(changed((packet) => packet[9] = 51)), "not-esp");
  const checksum = changed(() => {});
  checksum[10]! ^= 1;
  assertEquals(reasonOf(checksum), "header-checksum");
});

Deno.test("openTunnelPacket() refuses a packet of another association", () => {
  const sa = testSecurityAssociation(1);
  const other = changed((packet) => set32(packet, 20, sa.spi + 1));
  assertEquals(reasonOf(other), "spi");
});

Deno.test("openTunnelPacket() judges the trailer that the ICV covers", () => {
  const trailed = (padBytes: number, nextHeader: number) =>
    changed((packet) => {
      const sa = testSecurityAssociation(1);
      packet.fill(0x45, 36, 36 + 104);
      writeTrailer(packet, 36 + 104 - 2 - padBytes, padBytes, nextHeader);
      sealEsp(sa, AEAD, packet, 20, 104);
    });
  assertEquals(reasonOf(trailed(2, 4)), undefined);
  assertEquals(reasonOf(trailed(101, 4)), undefined);
  assertEquals(reasonOf(trailed(102, 4)), "pad-length");
  assertEquals(reasonOf(trailed(2, 59)), "dummy");
  assertEquals(reasonOf(trailed(2, 6)), "next-header");
});

Deno.test("openTunnelPacket() never fails otherwise on any bytes", () => {
  const sa = testSecurityAssociation(1);
  const aead = sa.aead(ENGINES.skip); // It accepts every ICV, so that the trailer is reached.
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120, size: "max" }), fc.boolean(), (packet, repaired) => {
      if (repaired && packet.length >= 28) {
        packet[0] = 0x45;
        packet[9] = 50;
        packet[6] = packet[7] = 0;
        ipv4.setTotalLength(packet, 0, packet.length);
        ipv4.writeHeaderChecksum(packet, 0);
        set32(packet, 20, sa.spi);
      }
      const result = openTunnelPacket(packet, sa, aead);
      assert(result.opened ? result.inner.length > 0 : result.reason.length > 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("sealTunnelPacket() refuses sequence number 0 and a result above 65535 bytes", () => {
  const sa = testSecurityAssociation(1);
  assertThrows(() => sealTunnelPacket(new Uint8Array(60), sa, AEAD, 0, 0), RangeError, "0 is no sequence number");
  const aead = sa.aead(ENGINES.skip);
  assertThrows(
    () => sealTunnelPacket(new Uint8Array(65481), sa, aead, 1, 0),
    RangeError,
    "the result would have 65536",
  );
  assertEquals(sealTunnelPacket(new Uint8Array(65478), sa, aead, 1, 0).length, 65532);
});
