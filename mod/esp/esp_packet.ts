/**
 * Sealing and opening whole ESP packets, IP header to ICV, one array to another: for tests, for judging captures, for making
 * an ESP capture of a clear one. The stages do the same piece by piece in their own buffers.
 *
 * The order of the tests of opening is that of Linux: SPI, ICV, then the trailer (4.4 and 6.1 esp_input, esp_input_done2,
 * and their twins of IPv6), which is believed once the ICV is right: the bytes of the padding are not looked at. Replay and
 * addresses are not tested here.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { openEspPacket, sealEspPacket } from "./esp_packet.ts";
 * import { testSecurityAssociation } from "./sa.ts";
 * const sa = testSecurityAssociation({ seed: 1 });
 * const aead = sa.aead(ENGINES.noble);
 * const inner = new Uint8Array(60).fill(0x45);
 * openEspPacket(sealEspPacket(inner, sa, aead, sa.nextSequence(), 0), sa, aead); // { opened: true, inner, ... }
 * ```
 *
 * @module
 */
import type { Aead } from "../crypto/aead.ts";
import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import {
  PROTOCOL_ESP,
  PROTOCOL_FRAGMENT,
  PROTOCOL_IPIP,
  PROTOCOL_IPV6,
  PROTOCOL_NONE,
  PROTOCOL_UDP,
} from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";
import * as udp from "../wire/udp.ts";
import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES, outerHeaderBytes, padAndTrailerBytes } from "./arithmetic.ts";
import {
  OFFSET_SEQUENCE,
  sequenceHigh,
  tunnelNextHeader,
  writeEspHeader,
  writeOuterHeader,
  writeTrailer,
} from "./framing.ts";
import type { SecurityAssociation, UdpEncapsulation } from "./sa.ts";
import { openEsp, sealEsp } from "./seal.ts";
import { EspInsertion, writeTransportHeader } from "./transport.ts";
import { isEncapsulatedEsp, outerProtocol, writeUdpChecksum, writeUdpHeader } from "./udp_encapsulation.ts";

/** What the length field of an IP header counts at most; that of IPv6 does not count the header. */
const MAX_LENGTH_FIELD = 65535;

/**
 * A new ESP packet that protects `inner`, an IPv4 or IPv6 packet, which is copied: whole in tunnel mode, in transport mode
 * what follows its headers. `sequence` is taken from `sa.nextSequence()`; `id` is the identification of the outer IPv4
 * header of tunnel mode. `aead` is that of `sa`. Where `sa` has it, ESP goes behind a UDP header; over IPv6 its checksum is that of
 * the whole packet, over IPv4 it is 0 (RFC 3948, section 2.1).
 *
 * @throws {RangeError} if the sequence number is 0, the packet would be longer than IP can carry, or transport mode cannot
 * protect `inner`: it is a fragment, or its headers or length are wrong.
 */
export function sealEspPacket(
  inner: Uint8Array,
  sa: SecurityAssociation,
  aead: Aead,
  sequence: number,
  id: number,
): Uint8Array {
  if (sequence === 0) throw new RangeError("Cannot seal a packet: 0 is no sequence number, the association is used up");
  return sa.mode === "tunnel" ? sealTunnel(inner, sa, aead, sequence, id) : sealTransport(inner, sa, aead, sequence);
}

function sealTunnel(
  inner: Uint8Array,
  sa: SecurityAssociation,
  aead: Aead,
  sequence: number,
  id: number,
): Uint8Array {
  const headersBytes = outerHeaderBytes(sa.outerVersion);
  const espAt = headersBytes + sa.encapsulationBytes;
  const packet = espRoom(inner.length, espAt, sa, sa.outerVersion === 6);
  const payloadAt = espAt + ESP_HEADER_BYTES + sa.ivBytes;
  packet.set(inner, payloadAt);
  const protocol = outerProtocol(sa);
  writeOuterHeader(packet, 0, payloadAt, packet.length, id, sa.source, sa.destination, sa.tunnelHeader, protocol);
  sealPayload(packet, espAt, inner.length, tunnelNextHeader(inner, 0), sa, aead, sequence);
  return packet;
}

function sealTransport(inner: Uint8Array, sa: SecurityAssociation, aead: Aead, sequence: number): Uint8Array {
  const insertion = new EspInsertion();
  if (!insertion.find(inner, 0, inner.length)) {
    throw new RangeError("Cannot seal a packet in transport mode: its IP headers are damaged");
  }
  if (ip.totalBytes(inner, 0) !== inner.length) {
    throw new RangeError(
      `Cannot seal a packet in transport mode: it claims ${ip.totalBytes(inner, 0)} bytes and has ${inner.length}`,
    );
  }
  const isIpv6 = ip.isIpv6(inner, 0);
  if (isIpv6 ? insertion.nextHeader === PROTOCOL_FRAGMENT : ipv4.isFragment(inner, 0)) {
    throw new RangeError("Cannot seal a packet in transport mode: it is a fragment");
  }
  const { headersBytes } = insertion;
  const espAt = headersBytes + sa.encapsulationBytes;
  const payload = inner.subarray(headersBytes);
  const packet = espRoom(payload.length, espAt, sa, isIpv6);
  packet.set(inner.subarray(0, headersBytes));
  packet.set(payload, espAt + ESP_HEADER_BYTES + sa.ivBytes);
  writeTransportHeader(packet, 0, insertion.nextHeaderOffset, outerProtocol(sa), packet.length);
  sealPayload(packet, espAt, payload.length, insertion.nextHeader, sa, aead, sequence);
  return packet;
}

/** An array for a packet with `espAt` bytes in front of ESP and `payloadBytes` inside. */
function espRoom(payloadBytes: number, espAt: number, sa: SecurityAssociation, isIpv6: boolean): Uint8Array {
  const protectedBytes = payloadBytes + padAndTrailerBytes(payloadBytes, sa.blockBytes);
  const totalBytes = espAt + ESP_HEADER_BYTES + sa.ivBytes + protectedBytes + sa.icvBytes;
  if (totalBytes > MAX_LENGTH_FIELD + (isIpv6 ? ipv6.HEADER_BYTES : 0)) {
    throw new RangeError(`Cannot seal ${payloadBytes} bytes: the packet would have ${totalBytes} bytes`);
  }
  return new Uint8Array(totalBytes);
}

/** Writes everything of ESP and UDP but the payload, which is there, and encrypts. */
function sealPayload(
  packet: Uint8Array,
  espAt: number,
  payloadBytes: number,
  nextHeader: number,
  sa: SecurityAssociation,
  aead: Aead,
  sequence: number,
): void {
  writeEspHeader(packet, espAt, sa.spi, sequence, sa.ivFor(sequence));
  const trailerAt = espAt + ESP_HEADER_BYTES + sa.ivBytes + payloadBytes;
  const padAndTrailer = padAndTrailerBytes(payloadBytes, sa.blockBytes);
  writeTrailer(packet, trailerAt, padAndTrailer - ESP_TRAILER_BYTES, nextHeader);
  sealEsp(sa, aead, packet, espAt, payloadBytes + padAndTrailer, sequenceHigh(sequence));
  if (sa.encapsulation === null) return;
  const udpAt = espAt - sa.encapsulationBytes;
  writeUdpHeader(packet, udpAt, sa.encapsulation, packet.length - udpAt);
  if (ip.isIpv6(packet, 0)) writeUdpChecksum(packet, 0, udpAt);
}

/** Why a packet was not opened. */
export type OpenFailure =
  /** No IP header, or an IPv4 header whose length is impossible, or damaged IPv6 extension headers. */
  | "not-ip"
  /** The IP header claims more bytes than there are, or fewer than itself. */
  | "truncated"
  /** The checksum of the IPv4 header is wrong. */
  | "header-checksum"
  /** A fragment: to be put together first. */
  | "fragment"
  /** Another protocol than ESP; under an association with UDP encapsulation also a NAT keepalive, or IKE. */
  | "not-esp"
  /** Too short for ESP header, IV, trailer and ICV. */
  | "too-short"
  /** Another SPI than that of the association. */
  | "spi"
  /** The ICV is wrong: other key, or changed on the way. */
  | "icv"
  /** The pad length leaves no payload. */
  | "pad-length"
  /** A dummy packet, made to hide traffic (RFC 4303, section 2.6). */
  | "dummy"
  /** In tunnel mode: neither IPv4 nor IPv6 inside. */
  | "next-header";

/** What came out of a packet. */
export type OpenedPacket = {
  /** Whether the packet was opened. */
  opened: true;
  /**
   * The packet that was protected; a copy. In transport mode it is put together again: protocol, length and IPv4 checksum
   * of its header are those without ESP.
   */
  inner: Uint8Array;
  /** Its sequence number. */
  sequence: number;
  /** How many bytes of padding it had. */
  padBytes: number;
  /** In tunnel mode 4 for IPv4 inside and 41 for IPv6; in transport mode what follows the headers that are not protected. */
  nextHeader: number;
} | {
  /** Whether the packet was opened. */
  opened: false;
  /** Why not. */
  reason: OpenFailure;
};

/**
 * Opens the ESP packet that begins with the IP header at the start of `packet`, in the mode of `sa`. Bytes behind the length
 * that the header claims, as of Ethernet padding, are ignored. `packet` is not changed. `aead` is that of `sa`. `high` is the upper
 * half of its extended sequence number, and means nothing of any other.
 */
export function openEspPacket(packet: Uint8Array, sa: SecurityAssociation, aead: Aead, high: number = 0): OpenedPacket {
  const place = placeOfEsp(packet, sa);
  if (typeof place === "string") return { opened: false, reason: place };
  const esp = packet.slice(place.espAt, place.endAt);
  if (esp.length < ESP_HEADER_BYTES + sa.ivBytes + ESP_TRAILER_BYTES + sa.icvBytes) {
    return { opened: false, reason: "too-short" };
  }
  if (get32(esp, 0) !== sa.spi) return { opened: false, reason: "spi" };
  if (!openEsp(sa, aead, esp, 0, esp.length, high)) return { opened: false, reason: "icv" };

  const clear = esp.subarray(ESP_HEADER_BYTES + sa.ivBytes, esp.length - sa.icvBytes);
  const padBytes = clear.at(-2)!;
  const nextHeader = clear.at(-1)!;
  const payloadBytes = clear.length - ESP_TRAILER_BYTES - padBytes;
  if (payloadBytes <= 0) return { opened: false, reason: "pad-length" };
  if (nextHeader === PROTOCOL_NONE) return { opened: false, reason: "dummy" };
  const payload = clear.subarray(0, payloadBytes);
  const sequence = (sa.esn ? high * 2 ** 32 : 0) + get32(esp, OFFSET_SEQUENCE);
  if (sa.mode === "transport") {
    return { opened: true, inner: restored(packet, place, payload, nextHeader), sequence, padBytes, nextHeader };
  }
  if (nextHeader !== PROTOCOL_IPIP && nextHeader !== PROTOCOL_IPV6) return { opened: false, reason: "next-header" };
  return { opened: true, inner: payload.slice(), sequence, padBytes, nextHeader };
}

/** The sequence number as it stands in a packet of `sa`, of an extended one the lower half; undefined where there is none. */
export function lowSequenceOf(packet: Uint8Array, sa: SecurityAssociation): number | undefined {
  const place = placeOfEsp(packet, sa);
  if (typeof place === "string" || place.endAt - place.espAt < ESP_HEADER_BYTES) return undefined;
  return get32(packet, place.espAt + OFFSET_SEQUENCE);
}

/**
 * Offset of the SPI in the IP packet at the start of `packet`, whose ESP comes behind UDP to the port of `encapsulation`, or
 * behind IP where that is null; undefined where there is no whole ESP header.
 */
export function espOffsetOf(packet: Uint8Array, encapsulation: UdpEncapsulation | null): number | undefined {
  const place = placeOfEsp(packet, { encapsulation });
  return typeof place === "string" || place.endAt - place.espAt < ESP_HEADER_BYTES ? undefined : place.espAt;
}

/** The packet that transport mode protected: headers of `packet` as they were, then `payload`. */
function restored(packet: Uint8Array, place: EspPlace, payload: Uint8Array, nextHeader: number): Uint8Array {
  const inner = new Uint8Array(place.headersBytes + payload.length);
  inner.set(packet.subarray(0, place.headersBytes));
  inner.set(payload, place.headersBytes);
  writeTransportHeader(inner, 0, place.nextHeaderAt, nextHeader, inner.length);
  return inner;
}

/** Where ESP is in a packet: offsets from its start. */
interface EspPlace {
  /** Where the IP headers end, and a UDP header begins if there is one. */
  readonly headersBytes: number;
  readonly espAt: number;
  /** The byte that says 50, or 17. */
  readonly nextHeaderAt: number;
  /** The end of the packet as its header claims it. */
  readonly endAt: number;
}

function placeOfEsp(
  packet: Uint8Array,
  { encapsulation }: Pick<SecurityAssociation, "encapsulation">,
): EspPlace | OpenFailure {
  const protocol = encapsulation === null ? PROTOCOL_ESP : PROTOCOL_UDP;
  const place = placeOfProtocol(packet, protocol);
  if (encapsulation === null || typeof place === "string") return place;
  const { espAt, endAt } = place;
  if (!isEncapsulatedEsp(packet, espAt, endAt, encapsulation.destinationPort)) return "not-esp";
  return { ...place, espAt: espAt + udp.HEADER_BYTES, endAt: espAt + udp.length(packet, espAt) };
}

function placeOfProtocol(packet: Uint8Array, protocol: number): EspPlace | OpenFailure {
  switch (packet.length > 0 ? ip.version(packet, 0) : 0) {
    case 4:
      return placeInIpv4(packet, protocol);
    case 6:
      return placeInIpv6(packet, protocol);
    default:
      return "not-ip";
  }
}

function placeInIpv4(packet: Uint8Array, protocol: number): EspPlace | OpenFailure {
  const espAt = ipv4.ihlBytes(packet, 0);
  if (packet.length < ipv4.HEADER_BYTES || espAt < ipv4.HEADER_BYTES) return "not-ip";
  const endAt = ipv4.totalLength(packet, 0);
  if (endAt < espAt || endAt > packet.length) return "truncated";
  if (!ipv4.headerChecksumOk(packet, 0)) return "header-checksum";
  if (ipv4.isFragment(packet, 0)) return "fragment";
  if (ipv4.protocol(packet, 0) !== protocol) return "not-esp";
  return { headersBytes: espAt, espAt, nextHeaderAt: ipv4.OFFSET_PROTOCOL, endAt };
}

function placeInIpv6(packet: Uint8Array, protocol: number): EspPlace | OpenFailure {
  if (packet.length < ipv6.HEADER_BYTES) return "not-ip";
  const endAt = ip.totalBytes(packet, 0);
  if (endAt > packet.length) return "truncated";
  const extensions = new Ipv6Extensions();
  extensions.read(packet, 0, endAt);
  if (extensions.isMalformed) return "not-ip";
  if (extensions.isFragment) return "fragment";
  if (extensions.protocol !== protocol) return "not-esp";
  const espAt = extensions.transportAt;
  return { headersBytes: espAt, espAt, nextHeaderAt: extensions.protocolAt, endAt };
}
