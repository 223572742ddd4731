/** Packets of every length that IP has, through every suite, mode, extension and encapsulation, and one bit of each flipped. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ENGINES } from "../crypto/engines.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { headerBytes, trailerBytes } from "./arithmetic.ts";
import { openEspPacket, sealEspPacket } from "./esp_packet.ts";
import { type SecurityAssociation, testSecurityAssociation } from "./sa.ts";
import { type CipherName, SUITES } from "./suites.ts";

const MAX_LENGTH_FIELD = 65535;
const PROTOCOL_EXPERIMENT = 253;

/** A packet of `length` bytes, an IP packet where they are enough for a header, else its front; bytes follow from `fill`. */
function packetOf(version: number, length: number, fill: number): Uint8Array {
  const packet = Uint8Array.from({ length }, (_, i) => (i * fill) >>> 3);
  packet[0] = version === 6 ? 0x60 : 0x45;
  if (version === 6 && length >= 40) packet[6] = PROTOCOL_EXPERIMENT;
  if (version === 4 && length >= 20) {
    packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, PROTOCOL_EXPERIMENT]);
    ipv4.setTotalLength(packet, 0, length);
    ipv4.writeHeaderChecksum(packet, 0);
  }
  if (version === 6 && length >= 40) ip.setTotalBytes(packet, 0, length);
  return packet;
}

/** What the length field of IP around ESP would have to say. */
function lengthField(sa: SecurityAssociation, inner: Uint8Array): number {
  const isTunnel = sa.mode === "tunnel";
  const own = isTunnel ? 0 : ip.headerBytes(inner, 0);
  const total = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes) + inner.length +
    trailerBytes(inner.length - own, sa.blockBytes, sa.icvBytes);
  const isOuter6 = isTunnel ? sa.outerVersion === 6 : ip.isIpv6(inner, 0);
  return isOuter6 ? total - 40 : total;
}

const lengths = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: 1, max: 65535 }),
  fc.integer({ min: 65400, max: 65535 }),
);

/** Any association but for its keys. */
const associations = fc.record({
  cipher: fc.constantFrom(...Object.keys(SUITES) as CipherName[]),
  mode: fc.constantFrom("tunnel" as const, "transport" as const),
  ip: fc.constantFrom(4 as const, 6 as const),
  esn: fc.constantFrom("on" as const, "off" as const),
  encap: fc.constantFrom("udp" as const, "none" as const),
}).map((options) => testSecurityAssociation({ seed: 1, ...options }));

Deno.test("openEspPacket() undoes sealEspPacket() for 1 to 65,535 bytes, and refuses one flipped bit of them", () => {
  fc.assert(
    fc.property(
      associations,
      fc.constantFrom(4, 6),
      lengths,
      fc.integer({ min: 1, max: 0xffff }),
      fc.nat({ max: 0xffffffff }),
      (sa, version, length, fill, bit) => {
        const aead = sa.aead(ENGINES.noble);
        // What transport mode protects is behind a header.
        const least = sa.mode === "tunnel" ? 1 : version === 6 ? 41 : 21;
        const inner = packetOf(version, Math.max(least, length), fill);
        const high = sa.esn ? fill & 0xff : 0;
        const sequence = high * 2 ** 32 + 0x7fffffff;
        if (lengthField(sa, inner) > MAX_LENGTH_FIELD) {
          assertThrows(() => sealEspPacket(inner, sa, aead, sequence, 0), RangeError, "the packet would have");
          return;
        }
        const packet = sealEspPacket(inner, sa, aead, sequence, 0);
        const result = openEspPacket(packet, sa, aead, high);
        assert(result.opened);
        assertEquals(result.inner.toHex(), inner.toHex());
        assertEquals(result.sequence, sequence);
        if (sa.icvBytes === 0) return;
        const espAt = ip.headerBytes(packet, 0) + sa.encapsulationBytes;
        const at = espAt * 8 + bit % ((packet.length - espAt) * 8);
        packet[at >> 3]! ^= 1 << (at & 7);
        const reason = at >> 3 < espAt + 4 ? "spi" : "icv";
        assertEquals(openEspPacket(packet, sa, aead, high), { opened: false, reason });
        packet[at >> 3]! ^= 1 << (at & 7);
        if (!sa.esn) return;
        const otherHigh = (high ^ (1 << (bit & 31))) >>> 0;
        assertEquals(openEspPacket(packet, sa, aead, otherHigh), { opened: false, reason: "icv" });
      },
    ),
    { numRuns: 120 },
  );
});
