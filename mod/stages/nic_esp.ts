/**
 * What a NIC makes of the frames that it sends under an SA that is offloaded to it: real ESP packets, at no cost to a CPU.
 *
 * linux-datapath 8.2, in the words of the drivers: a packet with all its headers and a trailer is encrypted (`encrypting`); a frame
 * that the NIC has cut out of an aggregate gets sequence number, IV and trailer first (`segmenting`, NETIF_F_GSO_ESP); a clear one
 * gets all of ESP (`encapsulating`, packet offload, where the NIC counts the sequence numbers). The frames are those that software
 * would have sent. Their lengths are known without their bytes, which are made when somebody looks (`wire_frames.ts`).
 *
 * Each frame is one `seal` row with reason `nic`, of no scatterlist entry and no cipher step, at the time of its last bit: it counts in
 * `crypto_ops` and `crypto_bytes`, which say what is encrypted, whoever does it, and not in the cost of any CPU.
 *
 * Departures: the NIC encrypts as fast as its link sends. Traffic flow confidentiality and UDP encapsulation are not offloaded.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import {
  ESP_TRAILER_BYTES,
  headerBytes,
  outerHeaderBytes,
  padAndTrailerBytes,
  trailerBytes,
} from "../esp/arithmetic.ts";
import {
  OFFSET_SEQUENCE,
  outerDontFragment,
  sequenceHigh,
  tunnelNextHeader,
  writeEspHeader,
  writeOuterHeader,
  writeTrailer,
} from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { sealEsp } from "../esp/seal.ts";
import { writeTransportHeader } from "../esp/transport.ts";
import { moveInFrame } from "../skb/dma.ts";
import type { DeviceEsp, Skb } from "../skb/skb.ts";
import { get32, set16 } from "../wire/bytes.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_TYPE } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_ESP, PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { espHeaderBytes } from "./esp_transform.ts";

const BEYOND_LOWER_HALF = 2 ** 32;

/** The ESP engine of a NIC, for one SA. */
export class NicEsp {
  /** A packet with headers and trailer. */
  readonly encrypting: DeviceEsp;
  /** An aggregate with headers, without trailer. */
  readonly segmenting: DeviceEsp;
  /** A clear packet, or an aggregate of such. */
  readonly encapsulating: DeviceEsp;

  /** `aead` is that of `sa`; null when nobody looks at the bytes, which then stay clear. */
  constructor(sa: SecurityAssociation, aead: Aead | null) {
    this.encrypting = new Encrypting(sa, aead);
    this.segmenting = new Segmenting(sa, aead);
    this.encapsulating = new Encapsulating(sa, aead);
  }
}

/** Bytes in front of ESP in the frame at `at`: the driver has taken no packet with options or extension headers. */
function bytesInFront(u8: Uint8Array, at: number): number {
  return ETH_HLEN + (ip.isIpv6(u8, at + ETH_HLEN) ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES);
}

/** What it encrypts as it is. */
class Encrypting implements DeviceEsp {
  /** Bytes of SPI, sequence number and IV. */
  readonly espBytes: number;

  constructor(readonly sa: SecurityAssociation, readonly aead: Aead | null) {
    this.espBytes = espHeaderBytes(sa);
  }

  wireFrameBytes(_u8: Uint8Array, _at: number, bytes: number): number {
    return bytes;
  }

  sealedBytes(u8: Uint8Array, at: number, bytes: number): number {
    return this.#ciphertextBytes(u8, at, bytes);
  }

  ipOffset(u8: Uint8Array): number {
    return this.sa.mode === "tunnel" ? bytesInFront(u8, 0) + this.espBytes : ETH_HLEN;
  }

  clearEnd(u8: Uint8Array, bytes: number): number {
    const trailerAt = bytes - this.sa.icvBytes - ESP_TRAILER_BYTES;
    return trailerAt - u8[trailerAt]!;
  }

  finish(skb: Skb, u8: Uint8Array, bytes: number, _index: number): number {
    this.#seal(u8, bytes, skb.espSequenceHigh);
    return bytes;
  }

  /** Encrypts the frame of `bytes` bytes at the start of `u8`, when somebody looks; `high` is the upper half of its number. */
  #seal(u8: Uint8Array, bytes: number, high: number): void {
    if (this.aead === null) return;
    sealEsp(this.sa, this.aead, u8, bytesInFront(u8, 0), this.#ciphertextBytes(u8, 0, bytes), high);
  }

  /** Of the frame as it is on the wire. */
  #ciphertextBytes(u8: Uint8Array, at: number, bytes: number): number {
    return bytes - bytesInFront(u8, at) - this.espBytes - this.sa.icvBytes;
  }

  /** Appends the trailer to the frame, which has its headers, says how long it is now, and encrypts; returns its length. */
  complete(u8: Uint8Array, bytes: number, nextHeader: number, high: number): number {
    const { blockBytes, icvBytes } = this.sa;
    const padded = padAndTrailerBytes(bytes - bytesInFront(u8, 0) - this.espBytes, blockBytes);
    writeTrailer(u8, bytes, padded - ESP_TRAILER_BYTES, nextHeader);
    const wireBytes = bytes + padded + icvBytes;
    u8.fill(0, wireBytes - icvBytes, wireBytes);
    ip.setTotalBytes(u8, ETH_HLEN, wireBytes - ETH_HLEN);
    if (!ip.isIpv6(u8, ETH_HLEN)) ipv4.writeHeaderChecksum(u8, ETH_HLEN);
    this.#seal(u8, wireBytes, high);
    return wireBytes;
  }
}

/** What it has cut, with the ESP header of the first frame in each. */
class Segmenting extends Encrypting {
  override wireFrameBytes(u8: Uint8Array, at: number, bytes: number): number {
    const { blockBytes, icvBytes } = this.sa;
    return bytes + trailerBytes(bytes - bytesInFront(u8, at) - this.espBytes, blockBytes, icvBytes);
  }

  override sealedBytes(u8: Uint8Array, at: number, bytes: number): number {
    return super.sealedBytes(u8, at, this.wireFrameBytes(u8, at, bytes));
  }

  override clearEnd(_u8: Uint8Array, bytes: number): number {
    return bytes;
  }

  override finish(skb: Skb, u8: Uint8Array, bytes: number, index: number): number {
    const { sa } = this;
    const espAt = bytesInFront(u8, 0);
    const low = get32(u8, espAt + OFFSET_SEQUENCE) + index;
    const sequence = skb.espSequenceHigh * BEYOND_LOWER_HALF + low;
    writeEspHeader(u8, espAt, sa.spi, sequence, sa.ivFor(sequence));
    const isTunnel = sa.mode === "tunnel";
    if (isTunnel && !ip.isIpv6(u8, ETH_HLEN)) {
      const step = skb.head.gsoFixedId ? 0 : index;
      ipv4.setId(u8, ETH_HLEN, (ipv4.id(u8, ETH_HLEN) + step) & 0xffff);
    }
    const nextHeader = isTunnel ? tunnelNextHeader(u8, espAt + this.espBytes) : PROTOCOL_TCP;
    return this.complete(u8, bytes, nextHeader, sequenceHigh(sequence));
  }
}

/** Clear frames. */
class Encapsulating extends Encrypting {
  readonly #addedBytes: number;
  #sequence = 0;
  #outerId = 0;

  constructor(sa: SecurityAssociation, aead: Aead | null) {
    super(sa, aead);
    this.#addedBytes = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes);
  }

  override wireFrameBytes(u8: Uint8Array, at: number, bytes: number): number {
    const { blockBytes, icvBytes } = this.sa;
    return bytes + this.#addedBytes + trailerBytes(this.#protectedBytes(u8, at, bytes), blockBytes, icvBytes);
  }

  override sealedBytes(u8: Uint8Array, at: number, bytes: number): number {
    const protectedBytes = this.#protectedBytes(u8, at, bytes);
    return protectedBytes + padAndTrailerBytes(protectedBytes, this.sa.blockBytes);
  }

  override ipOffset(): number {
    return ETH_HLEN;
  }

  override clearEnd(_u8: Uint8Array, bytes: number): number {
    return bytes;
  }

  override finish(_skb: Skb, u8: Uint8Array, bytes: number): number {
    const nextHeader = this.sa.mode === "tunnel" ? this.#pushTunnel(u8, bytes) : this.#pushTransport(u8, bytes);
    this.#sequence += 1;
    const { sa } = this;
    writeEspHeader(u8, bytesInFront(u8, 0), sa.spi, this.#sequence, sa.ivFor(this.#sequence));
    return this.complete(u8, bytes + this.#addedBytes, nextHeader, sequenceHigh(this.#sequence));
  }

  /** What ESP protects of the clear frame of `bytes` bytes at `at`. */
  #protectedBytes(u8: Uint8Array, at: number, bytes: number): number {
    return bytes - (this.sa.mode === "tunnel" ? ETH_HLEN : bytesInFront(u8, at));
  }

  /** Makes room for the headers of tunnel mode and writes the outer one; returns what it protects. */
  #pushTunnel(u8: Uint8Array, bytes: number): number {
    const { source, destination, tunnelHeader, outerVersion } = this.sa;
    const innerAt = ETH_HLEN + outerHeaderBytes(outerVersion) + this.espBytes;
    moveInFrame(u8, innerAt, ETH_HLEN, bytes);
    const id = outerDontFragment(u8, innerAt, tunnelHeader) ? 0 : this.#outerId++ & 0xffff;
    const total = bytes + this.#addedBytes - ETH_HLEN;
    writeOuterHeader(u8, ETH_HLEN, innerAt, total, id, source, destination, tunnelHeader, PROTOCOL_ESP);
    set16(u8, OFFSET_TYPE, outerVersion === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    return tunnelNextHeader(u8, innerAt);
  }

  /** Makes room for the ESP header behind the IP header; returns what followed that. */
  #pushTransport(u8: Uint8Array, bytes: number): number {
    const nextHeader = ip.protocol(u8, ETH_HLEN);
    const espAt = bytesInFront(u8, 0);
    moveInFrame(u8, espAt + this.espBytes, espAt, bytes);
    const protocolOffset = ip.isIpv6(u8, ETH_HLEN) ? ipv6.OFFSET_NEXT_HEADER : ipv4.OFFSET_PROTOCOL;
    writeTransportHeader(u8, ETH_HLEN, protocolOffset, PROTOCOL_ESP, bytes + this.#addedBytes - ETH_HLEN);
    return nextHeader;
  }
}
