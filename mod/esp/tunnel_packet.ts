/**
 * Sealing and opening whole tunnel-mode packets, outer IPv4 header to ICV, one array to another: for tests, for judging
 * captures, for making an ESP capture of a clear one. The stages do the same piece by piece in their own buffers.
 *
 * The order of the tests of opening is that of Linux: SPI, ICV, then the trailer (4.4 and 6.1 esp_input, esp_input_done2),
 * which is believed once the ICV is right: the bytes of the padding are not looked at. Replay is not tested here.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { testSecurityAssociation } from "./sa.ts";
 * import { openTunnelPacket, sealTunnelPacket } from "./tunnel_packet.ts";
 * const sa = testSecurityAssociation(1);
 * const aead = sa.aead(ENGINES.noble);
 * const inner = new Uint8Array(60).fill(0x45);
 * openTunnelPacket(sealTunnelPacket(inner, sa, aead, sa.nextSequence(), 0), sa, aead); // { opened: true, inner, ... }
 * ```
 *
 * @module
 */
import type { Aead } from "../crypto/aead.ts";
import { get32 } from "../wire/bytes.ts";
import { PROTOCOL_ESP, PROTOCOL_IPIP, PROTOCOL_IPV6, PROTOCOL_NONE } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES, headerBytes, padAndTrailerBytes } from "./arithmetic.ts";
import { OFFSET_SEQUENCE, tunnelNextHeader, writeEspHeader, writeOuterIpv4, writeTrailer } from "./framing.ts";
import type { SecurityAssociation } from "./sa.ts";
import { openEsp, sealEsp } from "./seal.ts";

const MAX_IPV4_BYTES = 65535;

/**
 * A new tunnel-mode packet around `inner`, an IPv4 or IPv6 packet, which is copied. `sequence` is taken from
 * `sa.nextSequence()`; `id` is the identification of the outer header. `aead` is that of `sa`.
 *
 * @throws {RangeError} if the sequence number is 0 or the packet would be longer than 65535 bytes.
 */
export function sealTunnelPacket(
  inner: Uint8Array,
  sa: SecurityAssociation,
  aead: Aead,
  sequence: number,
  id: number,
): Uint8Array {
  if (sequence === 0) throw new RangeError("Cannot seal a packet: 0 is no sequence number, the association is used up");
  const innerAt = headerBytes("tunnel", sa.ivBytes);
  const clearBytes = inner.length + padAndTrailerBytes(inner.length, sa.blockBytes);
  const totalBytes = innerAt + clearBytes + sa.icvBytes;
  if (totalBytes > MAX_IPV4_BYTES) {
    throw new RangeError(`Cannot seal a packet of ${inner.length} bytes: the result would have ${totalBytes} bytes`);
  }
  const packet = new Uint8Array(totalBytes);
  packet.set(inner, innerAt);
  writeOuterIpv4(packet, 0, innerAt, totalBytes, id, sa.source, sa.destination);
  writeEspHeader(packet, ipv4.HEADER_BYTES, sa.spi, sequence, sa.ivFor(sequence));
  const padBytes = clearBytes - inner.length - ESP_TRAILER_BYTES;
  writeTrailer(packet, innerAt + inner.length, padBytes, tunnelNextHeader(packet, innerAt));
  sealEsp(sa, aead, packet, ipv4.HEADER_BYTES, clearBytes);
  return packet;
}

/** Why a packet was not opened. */
export type OpenFailure =
  /** No IPv4 header, or one whose header length is impossible. */
  | "not-ipv4"
  /** The IPv4 header claims more bytes than there are, or fewer than itself. */
  | "truncated"
  /** The checksum of the outer header is wrong. */
  | "header-checksum"
  /** A fragment: to be put together first. */
  | "fragment"
  /** Another protocol than ESP. */
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
  /** Neither IPv4 nor IPv6 inside: not tunnel mode. */
  | "next-header";

/** What came out of a packet. */
export type OpenedPacket = {
  /** Whether the packet was opened. */
  opened: true;
  /** The packet inside; a copy. */
  inner: Uint8Array;
  /** Its sequence number. */
  sequence: number;
  /** How many bytes of padding it had. */
  padBytes: number;
  /** 4 for IPv4 inside, 41 for IPv6. */
  nextHeader: number;
} | {
  /** Whether the packet was opened. */
  opened: false;
  /** Why not. */
  reason: OpenFailure;
};

/**
 * Opens the ESP packet that begins with the outer IPv4 header at the start of `packet`. Bytes behind the total length of
 * that header, as of Ethernet padding, are ignored. `packet` is not changed. `aead` is that of `sa`.
 */
export function openTunnelPacket(packet: Uint8Array, sa: SecurityAssociation, aead: Aead): OpenedPacket {
  const reason = outerFailure(packet);
  if (reason !== undefined) return { opened: false, reason };
  const esp = packet.slice(ipv4.ihlBytes(packet, 0), ipv4.totalLength(packet, 0));
  if (esp.length < ESP_HEADER_BYTES + sa.ivBytes + ESP_TRAILER_BYTES + sa.icvBytes) {
    return { opened: false, reason: "too-short" };
  }
  if (get32(esp, 0) !== sa.spi) return { opened: false, reason: "spi" };
  if (!openEsp(sa, aead, esp, 0, esp.length)) return { opened: false, reason: "icv" };

  const clearEnd = esp.length - sa.icvBytes;
  const clear = esp.subarray(ESP_HEADER_BYTES + sa.ivBytes, clearEnd);
  const padBytes = esp[clearEnd - 2]!;
  const nextHeader = esp[clearEnd - 1]!;
  if (padBytes + ESP_TRAILER_BYTES >= clear.length) return { opened: false, reason: "pad-length" };
  if (nextHeader === PROTOCOL_NONE) return { opened: false, reason: "dummy" };
  if (nextHeader !== PROTOCOL_IPIP && nextHeader !== PROTOCOL_IPV6) return { opened: false, reason: "next-header" };
  return {
    opened: true,
    inner: clear.slice(0, clear.length - ESP_TRAILER_BYTES - padBytes),
    sequence: get32(esp, OFFSET_SEQUENCE),
    padBytes,
    nextHeader,
  };
}

function outerFailure(packet: Uint8Array): OpenFailure | undefined {
  if (packet.length < ipv4.HEADER_BYTES || ipv4.version(packet, 0) !== 4) return "not-ipv4";
  const headerBytes = ipv4.ihlBytes(packet, 0);
  if (headerBytes < ipv4.HEADER_BYTES) return "not-ipv4";
  const totalBytes = ipv4.totalLength(packet, 0);
  if (totalBytes < headerBytes || totalBytes > packet.length) return "truncated";
  if (!ipv4.headerChecksumOk(packet, 0)) return "header-checksum";
  if (ipv4.isFragment(packet, 0)) return "fragment";
  if (ipv4.protocol(packet, 0) !== PROTOCOL_ESP) return "not-esp";
  return undefined;
}
