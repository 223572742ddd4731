/**
 * What the tests of ESP share: an association of every kind, and IP packets of every shape. Not part of the library.
 *
 * ```ts
 * for (const { name, sa } of everyAssociation()) console.log(name); // aes-gcm-128 tunnel over IPv4, ...
 * ```
 *
 * @module
 */
import fc from "fast-check";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { EspMode, IpVersion } from "./arithmetic.ts";
import { type SecurityAssociation, type TestAssociationOptions, testSecurityAssociation } from "./sa.ts";
import { type CipherName, SUITES } from "./suites.ts";

/** An association and what it is called in the names of tests. */
export interface NamedAssociation {
  readonly name: string;
  readonly sa: SecurityAssociation;
}

const MODES: readonly EspMode[] = ["tunnel", "transport"];
const VERSIONS: readonly IpVersion[] = [4, 6];

/** Suites that stand for all where UDP and extended sequence numbers are tried, one of each kind. */
const SAMPLES: readonly CipherName[] = [
  "aes-gcm-256",
  "aes-gcm-128-icv8",
  "aes-ccm-128-icv12",
  "aes-gmac-192",
  "chacha20-poly1305",
  "aes-cbc-128-sha1",
  "aes-ctr-192-sha384",
  "null-sha512",
  "null",
];

/**
 * The test association in every suite, mode and, in tunnel mode, outer version; of a few suites also in UDP, and with extended
 * sequence numbers.
 */
export function everyAssociation(): NamedAssociation[] {
  const plain = Object.values(SUITES).flatMap(({ name }) => associationsOf(name, {}));
  const extended = SAMPLES.flatMap((cipher) => associationsOf(cipher, { esn: "on" }));
  const inUdp = SAMPLES.flatMap((cipher) => associationsOf(cipher, { encap: "udp" }));
  return [...plain, ...extended, ...inUdp, ...associationsOf("aes-cbc-256-sha256", { esn: "on", encap: "udp" })];
}

function associationsOf(
  cipher: CipherName,
  options: Pick<TestAssociationOptions, "esn" | "encap">,
): NamedAssociation[] {
  const { esn = "off", encap = "none" } = options;
  const kind = `${esn === "on" ? " with ESN" : ""}${encap === "udp" ? " in UDP" : ""}`;
  return MODES.flatMap((mode) =>
    VERSIONS.filter((version) => mode === "tunnel" || version === 4).map((version) => ({
      name: `${cipher} ${mode}${mode === "tunnel" ? ` over IPv${version}` : ""}${kind}`,
      sa: testSecurityAssociation({ seed: 1, cipher, mode, ip: version, ...options }),
    }))
  );
}

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength, size: "max" });
/** Protocols that are neither extension headers nor ESP nor "no next header". */
const protocols = fc.constantFrom(1, 6, 17, 33, 47, 51, 58, 132, 253);
const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION = 60;

/** An IPv4 packet: options or none, no fragment, any payload of at least one byte, a right checksum. */
export const ipv4Packets: fc.Arbitrary<Uint8Array> = fc
  .tuple(bytes(20, 20), fc.nat(10), bytes(40, 40), protocols, bytes(1, 1500))
  .map(([fields, optionWords, options, protocol, payload]) => {
    const headerBytes = ipv4.HEADER_BYTES + 4 * optionWords;
    const packet = new Uint8Array(headerBytes + payload.length);
    packet.set(fields);
    packet.set(options.subarray(0, 4 * optionWords), ipv4.HEADER_BYTES);
    packet.set(payload, headerBytes);
    packet[0] = 0x45 + optionWords;
    packet[ipv4.OFFSET_FRAGMENT] = packet[ipv4.OFFSET_FRAGMENT]! & 0xc0;
    packet[ipv4.OFFSET_FRAGMENT + 1] = 0;
    packet[ipv4.OFFSET_PROTOCOL] = protocol;
    ipv4.setTotalLength(packet, 0, packet.length);
    ipv4.writeHeaderChecksum(packet, 0);
    return packet;
  });

/** An IPv6 packet: up to four extension headers in any order, any payload of at least one byte. */
export const ipv6Packets: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    bytes(40, 40),
    fc.array(fc.tuple(fc.constantFrom(HOP_BY_HOP, ROUTING, DESTINATION), fc.nat(3), bytes(30, 30)), { maxLength: 4 }),
    protocols,
    bytes(1, 1500),
  )
  .map(([fields, extensions, protocol, payload]) => {
    const headers = extensions.map(([, units, content], i) => {
      const next = extensions[i + 1]?.[0] ?? protocol;
      return [next, units, ...content.subarray(0, 6), ...new Array(8 * units).fill(content[7])];
    });
    const packet = Uint8Array.from([...fields, ...headers.flat(), ...payload]);
    packet[0] = 0x60 | (packet[0]! & 0x0f);
    packet[ipv6.OFFSET_NEXT_HEADER] = extensions[0]?.[0] ?? protocol;
    ip.setTotalBytes(packet, 0, packet.length);
    return packet;
  });

/** An IP packet of either version. */
export const ipPackets: fc.Arbitrary<Uint8Array> = fc.oneof(ipv4Packets, ipv6Packets);
