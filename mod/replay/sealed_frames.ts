/**
 * Frames with an ESP packet in them, made of clear packets: what a peer would have sent us.
 *
 * ```ts
 * const sealed = new SealedFrames(memory, sa, aead, false);
 * if (sealed.canSeal(inner)) ring.arrive(sealed.frame(inner, addresses, sa.nextSequence()), nowNs);
 * ```
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { headerBytes } from "../esp/arithmetic.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { EspInsertion } from "../esp/transport.ts";
import { RX_BUFFER_BYTES, RxFrame, writeFrame } from "../skb/dma.ts";
import { DEFAULT_MAX_SKB_FRAGS, PAGE_SIZE } from "../skb/geometry.ts";
import type { Memory } from "../skb/memory.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_ALEN, ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_TYPE } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_ESP, PROTOCOL_FRAGMENT } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Scratch } from "../wire/scratch.ts";

/** Longest frame that the small receive buffers hold without running out of fragments. */
const SMALL_BUFFERS_BYTES = DEFAULT_MAX_SKB_FRAGS * RX_BUFFER_BYTES;
/** What ESP appends at most: padding, trailer and ICV. */
const TRAILER_BYTES_MAX = 64;
/** What the length field of an IP header counts at most. */
const MAX_LENGTH_FIELD = 65535;

/** Seals packets under one SA, and puts them into receive buffers. */
export class SealedFrames {
  readonly #scratch = new Scratch();
  readonly #outerFlows = new FlowTable();
  readonly #insertion = new EspInsertion();
  #outerId = 0;

  constructor(
    readonly memory: Memory,
    readonly sa: SecurityAssociation,
    readonly aead: Aead,
    /** `aead` does not encrypt: nobody looks at the bytes. */
    readonly leavesClear: boolean,
  ) {}

  /** Whether the IP packet `inner` can be protected as it is. */
  canSeal(inner: Uint8Array): boolean {
    const { mode, outerVersion, ivBytes, encapsulationBytes } = this.sa;
    const inFront = headerBytes(mode, outerVersion, ivBytes, encapsulationBytes);
    if (inner.length + inFront + TRAILER_BYTES_MAX > MAX_LENGTH_FIELD) return false;
    return mode === "tunnel" || this.#canTransport(inner);
  }

  /** The frame of the ESP packet around `inner`; it begins with the two Ethernet addresses at the start of `addresses`. */
  frame(inner: Uint8Array, addresses: Uint8Array, sequence: number): RxFrame {
    const isTunnel = this.sa.mode === "tunnel";
    const id = !isTunnel || ip.dontFragment(inner, 0) ? 0 : this.#outerId++ & 0xffff;
    const packet = sealEspPacket(inner, this.sa, this.aead, sequence, id);
    const bytes = ETH_HLEN + packet.length;
    const into = this.#scratch.room(bytes);
    for (let i = 0; i < 2 * ETH_ALEN; i++) into[i] = addresses[i]!;
    set16(into, OFFSET_TYPE, ip.isIpv6(packet, 0) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    into.set(packet, ETH_HLEN);
    const frame = new RxFrame();
    frame.bufferBytes = bytes > SMALL_BUFFERS_BYTES ? PAGE_SIZE : RX_BUFFER_BYTES;
    writeFrame(this.memory, frame, into, 0, bytes, bytes);
    frame.hash = this.outerHash(packet, 0, ip.version(packet, 0));
    frame.leftClear = this.leavesClear;
    return frame;
  }

  /** Receive hash of an ESP packet: NICs know nothing but the addresses of its outer header. */
  outerHash(u8: Uint8Array, ipAt: number, version: number): number {
    this.#outerFlows.findAt(u8, ipAt, version, 0, 0, PROTOCOL_ESP);
    return this.#outerFlows.hash;
  }

  /** Transport mode wants a whole packet, and a host does not cut one before it is protected. */
  #canTransport(inner: Uint8Array): boolean {
    const insertion = this.#insertion;
    if (!insertion.find(inner, 0, inner.length) || ip.totalBytes(inner, 0) !== inner.length) return false;
    return ip.isIpv6(inner, 0) ? insertion.nextHeader !== PROTOCOL_FRAGMENT : !ipv4.isFragment(inner, 0);
  }
}
