import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ENGINES } from "../crypto/engines.ts";
import { set32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import * as udp from "../wire/udp.ts";
import { headerBytes, trailerBytes } from "./arithmetic.ts";
import { openEspPacket, sealEspPacket } from "./esp_packet.ts";
import { writeTrailer } from "./framing.ts";
import { type SecurityAssociation, testSecurityAssociation } from "./sa.ts";
import { sealEsp } from "./seal.ts";
import { everyAssociation, ipPackets } from "./testing.ts";
import { EspInsertion } from "./transport.ts";

const TUNNEL = testSecurityAssociation({ seed: 1 });
const TUNNEL6 = testSecurityAssociation({ seed: 1, ip: 6 });
const TRANSPORT = testSecurityAssociation({ seed: 1, mode: "transport" });

function reasonOf(packet: Uint8Array, sa: SecurityAssociation = TUNNEL): string | undefined {
  const result = openEspPacket(packet, sa, sa.aead(ENGINES.noble));
  return result.opened ? undefined : result.reason;
}

/** An IPv4 packet of `length` bytes without options, protocol TCP. */
function ipv4Packet(length: number): Uint8Array {
  const packet = new Uint8Array(length).fill(0x33);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6]);
  ipv4.setTotalLength(packet, 0, length);
  ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

/** An IPv6 packet of `length` bytes, next header TCP. */
function ipv6Packet(length: number): Uint8Array {
  const packet = new Uint8Array(length).fill(0x33);
  packet.set([0x60, 0, 0, 0, 0, 0, 6, 64]);
  ip.setTotalBytes(packet, 0, length);
  return packet;
}

/** A packet of 100 bytes, sealed behind an IPv4 header, then changed, then the checksum of that header corrected. */
function changed(change: (packet: Uint8Array) => void, sa: SecurityAssociation = TUNNEL): Uint8Array {
  const packet = sealEspPacket(ipv4Packet(100), sa, sa.aead(ENGINES.noble), 1, 0);
  change(packet);
  ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

/** Packets for each association: there are two hundred. */
const RUNS = { numRuns: 25 };
/** Of the bits of a packet every third is flipped, which ones changes from association to association. */
const BIT_STEP = 3;

for (const [index, { name, sa }] of everyAssociation().entries()) {
  const aead = sa.aead(ENGINES.noble);

  Deno.test(`${name}: openEspPacket() undoes sealEspPacket() for every packet, and changes neither`, () => {
    const numbers = sa.esn ? fc.maxSafeNat().map((number) => number + 1) : fc.integer({ min: 1, max: 0xffffffff });
    fc.assert(
      fc.property(ipPackets, numbers, (inner, sequence) => {
        const before = inner.slice();
        const packet = sealEspPacket(inner, sa, aead, sequence, 0x1234);
        assertEquals(inner, before);
        const sealedBefore = packet.slice();
        const result = openEspPacket(packet, sa, aead, Math.floor(sequence / 2 ** 32));
        assert(result.opened);
        assertEquals(result.inner, inner);
        assertEquals(result.sequence, sequence);
        assertEquals(packet, sealedBefore);
        assertEquals(ip.totalBytes(packet, 0), packet.length);
        if (ip.version(packet, 0) === 4) assertEquals(ipv4.headerChecksumOk(packet, 0), true);
      }),
      RUNS,
    );
  });

  Deno.test(`${name}: sealEspPacket() has the lengths of the arithmetic and the next header of the mode`, () => {
    fc.assert(
      fc.property(ipPackets, (inner) => {
        const packet = sealEspPacket(inner, sa, aead, 1, 0);
        const result = openEspPacket(packet, sa, aead);
        assert(result.opened);
        const insertion = new EspInsertion();
        insertion.find(inner, 0, inner.length);
        const own = sa.mode === "tunnel" ? 0 : insertion.headersBytes;
        const front = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes);
        assertEquals(
          packet.length,
          front + inner.length + trailerBytes(inner.length - own, sa.blockBytes, sa.icvBytes),
        );
        const { blockBytes } = sa;
        assertEquals(result.padBytes, (blockBytes - ((inner.length - own + 2) % blockBytes)) % blockBytes);
        const version = ip.version(inner, 0);
        assertEquals(result.nextHeader, sa.mode === "transport" ? insertion.nextHeader : version === 6 ? 41 : 4);
        assertEquals(ip.version(packet, 0), sa.mode === "transport" ? version : sa.outerVersion);
      }),
      RUNS,
    );
  });

  if (sa.icvBytes > 0) {
    for (const inner of [ipv4Packet(61), ipv6Packet(61)]) {
      Deno.test(`${name}: openEspPacket() refuses one flipped bit from SPI to ICV, IPv${ip.version(inner, 0)}`, () => {
        const packet = sealEspPacket(inner, sa, aead, 1, 0);
        const espAt = ip.headerBytes(packet, 0) + sa.encapsulationBytes;
        for (let bit = espAt * 8 + index % BIT_STEP; bit < packet.length * 8; bit += BIT_STEP) {
          packet[bit >> 3]! ^= 1 << (bit & 7);
          const refusal = bit < (espAt + 4) * 8 ? "spi" : "icv";
          assertEquals(reasonOf(packet, sa), refusal, `bit ${bit}`);
          packet[bit >> 3]! ^= 1 << (bit & 7);
        }
        assertEquals(reasonOf(packet, sa), undefined);
      });
    }
  }
}

for (const { name, sa } of everyAssociation().filter(({ sa }) => sa.esn && sa.icvBytes > 0)) {
  Deno.test(`${name}: openEspPacket() refuses one flipped bit of the half of the number that is not sent`, () => {
    const aead = sa.aead(ENGINES.noble);
    const packet = sealEspPacket(ipv4Packet(61), sa, aead, 0x7_00000005, 0);
    for (let bit = 0; bit < 32; bit++) {
      const result = openEspPacket(packet, sa, aead, (7 ^ (1 << bit)) >>> 0);
      assertEquals(result, { opened: false, reason: "icv" }, `bit ${bit}`);
    }
    assertEquals(openEspPacket(packet, sa, aead, 7).opened, true);
  });
}

Deno.test("sealEspPacket() in UDP: ports 4500, length, a checksum over IPv6 and none over IPv4", () => {
  const inner = ipv4Packet(100);
  for (const version of [4, 6] as const) {
    const sa = testSecurityAssociation({ seed: 1, ip: version, encap: "udp" });
    const packet = sealEspPacket(inner, sa, sa.aead(ENGINES.noble), 1, 0);
    const udpAt = ip.headerBytes(packet, 0);
    assertEquals(ip.protocol(packet, 0), 17);
    assertEquals(packet.subarray(udpAt, udpAt + 4).toHex(), "11941194");
    assertEquals(udp.length(packet, udpAt), packet.length - udpAt);
    assertEquals(udp.checksum(packet, udpAt) === 0, version === 4);
    assertEquals(transportChecksumOk(packet, 0, 17, udpAt, packet.length - udpAt), true);
  }
});

Deno.test("openEspPacket() in UDP passes keepalives, IKE, other ports and bare ESP by", () => {
  const sa = testSecurityAssociation({ seed: 1, encap: "udp" });
  const sealed = sealEspPacket(ipv4Packet(100), sa, sa.aead(ENGINES.noble), 1, 0);
  const withPayload = (payload: Uint8Array) => {
    const packet = new Uint8Array(28 + payload.length);
    packet.set(sealed.subarray(0, 28));
    packet.set(payload, 28);
    udp.setLength(packet, 20, 8 + payload.length);
    ipv4.setTotalLength(packet, 0, packet.length);
    ipv4.writeHeaderChecksum(packet, 0);
    return packet;
  };
  assertEquals(reasonOf(sealed, sa), undefined);
  assertEquals(reasonOf(withPayload(sealed.subarray(28)), sa), undefined);
  assertEquals(reasonOf(withPayload(Uint8Array.of(0xff)), sa), "not-esp");
  assertEquals(reasonOf(withPayload(new Uint8Array(100)), sa), "not-esp");
  assertEquals(reasonOf(withPayload(sealed.subarray(28, 36)), sa), "not-esp");
  const otherPort = sealed.slice();
  otherPort[23]! ^= 1;
  assertEquals(reasonOf(otherPort, sa), "not-esp");
  assertEquals(reasonOf(sealEspPacket(ipv4Packet(100), TUNNEL, TUNNEL.aead(ENGINES.noble), 1, 0), sa), "not-esp");
  assertEquals(reasonOf(sealed, TUNNEL), "not-esp");
});

Deno.test("sealEspPacket() in transport mode keeps the header but for protocol, length and checksum", () => {
  const inner = ipv4Packet(100);
  const packet = sealEspPacket(inner, TRANSPORT, TRANSPORT.aead(ENGINES.noble), 1, 0);
  assertEquals(packet.subarray(12, 20), inner.subarray(12, 20));
  assertEquals([ipv4.protocol(packet, 0), ipv4.totalLength(packet, 0)], [50, 100 + 16 + 2 + 2 + 16]);
  assertEquals(ipv4.headerChecksumOk(packet, 0), true);
  const inner6 = ipv6Packet(100);
  const packet6 = sealEspPacket(inner6, TRANSPORT, TRANSPORT.aead(ENGINES.noble), 1, 0);
  assertEquals(packet6.subarray(7, 40), inner6.subarray(7, 40));
  assertEquals([ipv6.nextHeader(packet6, 0), ipv6.payloadLength(packet6, 0)], [50, 60 + 16 + 2 + 2 + 16]);
});

Deno.test("openEspPacket() ignores bytes behind the packet and knows IPv6 inside", () => {
  for (const sa of [TUNNEL, TUNNEL6]) {
    const aead = sa.aead(ENGINES.noble);
    const inner = ipv6Packet(40);
    const packet = sealEspPacket(inner, sa, aead, 9, 0);
    const frame = new Uint8Array(packet.length + 6).fill(0xa5);
    frame.set(packet);
    assertEquals(openEspPacket(frame, sa, aead), { opened: true, inner, sequence: 9, padBytes: 2, nextHeader: 41 });
  }
});

Deno.test("openEspPacket() finds ESP behind extension headers of the outer IPv6 header", () => {
  const packet = sealEspPacket(ipv4Packet(60), TUNNEL6, TUNNEL6.aead(ENGINES.noble), 1, 0);
  const options = Uint8Array.fromHex("3c00" + "0104" + "00000000" + "3200" + "0104" + "00000000");
  const extended = new Uint8Array(packet.length + options.length);
  extended.set(packet.subarray(0, 40));
  extended.set(options, 40);
  extended.set(packet.subarray(40), 40 + options.length);
  ipv6.setNextHeader(extended, 0, 0);
  ip.setTotalBytes(extended, 0, extended.length);
  assertEquals(reasonOf(extended, TUNNEL6), undefined);
  ip.setTotalBytes(extended, 0, 44);
  assertEquals(reasonOf(extended, TUNNEL6), "not-ip");
});

Deno.test("openEspPacket() names what is wrong with the IPv4 header", () => {
  assertEquals(reasonOf(new Uint8Array(0)), "not-ip");
  assertEquals(reasonOf(new Uint8Array(19).fill(0x45)), "not-ip");
  assertEquals(reasonOf(changed((packet) => packet[0] = 0x55)), "not-ip");
  assertEquals(reasonOf(changed((packet) => packet[0] = 0x44)), "not-ip");
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

Deno.test("openEspPacket() names what is wrong with the IPv6 header", () => {
  const reason = (change: (packet: Uint8Array) => void) => {
    const packet = sealEspPacket(ipv4Packet(100), TUNNEL6, TUNNEL6.aead(ENGINES.noble), 1, 0);
    change(packet);
    return reasonOf(packet, TUNNEL6);
  };
  assertEquals(reasonOf(new Uint8Array(39).fill(0x60), TUNNEL6), "not-ip");
  assertEquals(reason((packet) => ip.setTotalBytes(packet, 0, packet.length + 1)), "truncated");
  assertEquals(reason((packet) => ip.setTotalBytes(packet, 0, 40)), "too-short");
  assertEquals(reason((packet) => ip.setTotalBytes(packet, 0, 40 + 33)), "too-short");
  assertEquals(reason((packet) => ip.setTotalBytes(packet, 0, 40 + 34)), "icv");
  assertEquals(reason((packet) => ipv6.setNextHeader(packet, 0, 51)), "not-esp");
  assertEquals(reason((packet) => packet.set(Uint8Array.fromHex("3200000100000000"), 40)), "spi");
  const fragment = (packet: Uint8Array) => {
    ipv6.setNextHeader(packet, 0, 44);
    packet.set(Uint8Array.fromHex("3200000100000000"), 40);
  };
  assertEquals(reason(fragment), "fragment");
});

Deno.test("openEspPacket() refuses a packet of another association", () => {
  assertEquals(reasonOf(changed((packet) => set32(packet, 20, TUNNEL.spi + 1))), "spi");
});

Deno.test("openEspPacket() judges the trailer that the ICV covers", () => {
  const trailed = (sa: SecurityAssociation, padBytes: number, nextHeader: number) => {
    const packet = changed((packet) => {
      // The ESP header begins behind 20 bytes of outer, or of its own, IPv4 header.
      const clearBytes = packet.length - 52;
      packet.fill(0x45, 36, 36 + clearBytes);
      writeTrailer(packet, 36 + clearBytes - 2 - padBytes, padBytes, nextHeader);
      sealEsp(sa, sa.aead(ENGINES.noble), packet, 20, clearBytes);
    }, sa);
    return reasonOf(packet, sa);
  };
  assertEquals(trailed(TUNNEL, 2, 4), undefined);
  assertEquals(trailed(TUNNEL, 101, 4), undefined);
  assertEquals(trailed(TUNNEL, 102, 4), "pad-length");
  assertEquals(trailed(TUNNEL, 2, 59), "dummy");
  assertEquals(trailed(TUNNEL, 2, 6), "next-header");
  assertEquals(trailed(TRANSPORT, 2, 6), undefined);
  assertEquals(trailed(TRANSPORT, 81, 6), undefined);
  assertEquals(trailed(TRANSPORT, 82, 6), "pad-length");
  assertEquals(trailed(TRANSPORT, 2, 59), "dummy");
});

Deno.test("openEspPacket() never fails otherwise on any bytes", () => {
  const repairs = fc.constantFrom(0, 4, 6);
  for (const sa of [TUNNEL, TUNNEL6, TRANSPORT]) {
    const aead = sa.aead(ENGINES.skip); // It accepts every ICV, so that the trailer is reached.
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120, size: "max" }), repairs, (packet, version) => {
        if (version === 4 && packet.length >= 28) {
          packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 50]);
          ipv4.setTotalLength(packet, 0, packet.length);
          ipv4.writeHeaderChecksum(packet, 0);
          set32(packet, 20, sa.spi);
        }
        if (version === 6 && packet.length >= 48) {
          packet.set([0x60, 0, 0, 0, 0, 0, 50, 64]);
          ip.setTotalBytes(packet, 0, packet.length);
          set32(packet, 40, sa.spi);
        }
        const result = openEspPacket(packet, sa, aead);
        assert(result.opened ? result.inner.length > 0 : result.reason.length > 0);
      }),
      { numRuns: 500 },
    );
  }
});

Deno.test("sealEspPacket() refuses sequence number 0 and what is longer than IP can carry", () => {
  const seal = (inner: Uint8Array, sa: SecurityAssociation, sequence = 1) => {
    return sealEspPacket(inner, sa, sa.aead(ENGINES.skip), sequence, 0).length;
  };
  assertThrows(() => seal(ipv4Packet(60), TUNNEL, 0), RangeError, "0 is no sequence number");
  assertThrows(() => seal(new Uint8Array(65481), TUNNEL), RangeError, "the packet would have 65536 bytes");
  assertEquals(seal(new Uint8Array(65478), TUNNEL), 65532);
  assertThrows(() => seal(new Uint8Array(65499), TUNNEL6), RangeError, "the packet would have 65576 bytes");
  assertEquals(seal(new Uint8Array(65498), TUNNEL6), 65572);
  assertThrows(() => seal(ipv4Packet(65535), TRANSPORT), RangeError, "the packet would have");
});

Deno.test("sealEspPacket() in transport mode refuses fragments and packets whose headers or length are wrong", () => {
  const refuses = (inner: Uint8Array, why: string) => {
    const aead = TRANSPORT.aead(ENGINES.noble);
    assertThrows(() => sealEspPacket(inner, TRANSPORT, aead, 1, 0), RangeError, why);
  };
  const more = ipv4Packet(60);
  more[6] = 0x20;
  refuses(more, "it is a fragment");
  const fragment6 = ipv6Packet(60);
  ipv6.setNextHeader(fragment6, 0, 44);
  refuses(fragment6, "it is a fragment");
  refuses(ipv4Packet(60).subarray(0, 59), "it claims 60 bytes and has 59");
  refuses(new Uint8Array(60), "its IP headers are damaged");
  refuses(new Uint8Array(0), "its IP headers are damaged");
});
