/**
 * Fragments of a capture, put together to the datagrams that their host sent.
 *
 * The sending host cut a datagram after its socket had sent it, so the model begins with the whole one. Fragments may come in
 * any order. What is missing when the capture ends, or when too many datagrams are open, is filled in with the pattern for
 * missing bytes.
 *
 * ```ts
 * const datagram = reassembly.take(packet, facts, pair, flow, hash); // undefined until it is complete
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import { MISSING_BYTE } from "../skb/dma.ts";
import { get16, get32, set16 } from "../wire/bytes.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_FRAGMENT } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Datagrams that are put together at once. */
const OPEN_MAX = 64;
/** The fixed header of IPv6 and a fragment header behind it, and where the latter has offset and identification. */
const IPV6_HEADERS_BYTES = ipv6.HEADER_BYTES + ipv6.FRAGMENT_HEADER_BYTES;
const IPV6_OFFSET_FRAGMENT = ipv6.HEADER_BYTES + 2;
const IPV6_OFFSET_ID = ipv6.HEADER_BYTES + 4;
const IPV6_FRAGMENT_OFFSET_MASK = 0xfff8;
/** Longest datagram that IP can carry, and more. */
const DATA_BYTES_MAX = 1 << 16;

/** A datagram, whole or not. */
export class Datagram {
  /** Its IP header, as that of a packet that is no fragment: of its first fragment, or, while that is missing, of another. */
  headers: Uint8Array = new Uint8Array(0);
  /** What is behind it. */
  data: Uint8Array = new Uint8Array(2048).fill(MISSING_BYTE);
  /** Bytes of `data` that belong to it, as far as is known. */
  bytes = 0;
  /** Number and hash of the flow of that fragment. */
  flow = NONE;
  hash = 0;
  /** The captured packets that it came in, and L4 payload that each of them brought, added up. */
  readonly members: number[] = [];
  readonly memberEnds: number[] = [];
  /** Bytes that fragments have brought; more than there are where they overlap. */
  brought = 0;
  /** Its first fragment is here, and its last. */
  hasStart = false;
  hasEnd = false;

  /** Nothing is missing. */
  get isComplete(): boolean {
    return this.hasEnd && this.hasStart && this.brought >= this.bytes;
  }

  /** Puts captured bytes at their place. */
  put(from: Uint8Array, fromAt: number, captured: number, at: number, bytes: number): void {
    const end = Math.min(at + bytes, DATA_BYTES_MAX);
    if (end > this.data.length) this.#grow(end);
    const there = Math.max(0, Math.min(captured, end - at));
    this.data.set(from.subarray(fromAt, fromAt + there), at);
    this.bytes = Math.max(this.bytes, end);
    this.brought += bytes;
  }

  #grow(atLeast: number): void {
    let length = this.data.length;
    while (length < atLeast) length *= 2;
    const grown = new Uint8Array(length).fill(MISSING_BYTE);
    grown.set(this.data);
    this.data = grown;
  }
}

/** Whether a packet is a fragment that can be put together: any of IPv4, and of IPv6 one without other extension headers. */
export function isReassembled(u8: Uint8Array, facts: FrameFacts): boolean {
  if (!facts.isFragment || facts.isIpv4) return facts.isFragment;
  const there = facts.frameAt + facts.capturedFrameBytes - facts.ipAt;
  return there >= IPV6_HEADERS_BYTES && ipv6.nextHeader(u8, facts.ipAt) === PROTOCOL_FRAGMENT;
}

/** Puts the fragments of one capture together. */
export class Reassembly {
  /** Datagrams that were never complete. */
  incomplete = 0;

  readonly #open = new Map<string, Datagram>();

  /**
   * Takes a fragment of which `isReassembled()` is true. `pair` is a number for its addresses and protocol, `flow` and `hash`
   * are those of its flow. Returns the datagram that is complete now, or that has waited longest when too many do.
   */
  take(packet: CapturePacket, facts: FrameFacts, pair: number, flow: number, hash: number): Datagram | undefined {
    const { bytes } = packet;
    const key = `${pair} ${facts.isIpv4 ? ipv4.id(bytes, facts.ipAt) : get32(bytes, facts.ipAt + IPV6_OFFSET_ID)}`;
    let datagram = this.#open.get(key);
    if (datagram === undefined) {
      datagram = new Datagram();
      this.#open.set(key, datagram);
    }
    const offset = offsetOf(bytes, facts);
    if (offset === 0 || datagram.headers.length === 0) {
      datagram.headers = wholeHeader(bytes, facts);
      datagram.flow = flow;
      datagram.hash = hash;
    }
    datagram.hasStart ||= offset === 0;
    const captured = facts.frameAt + facts.capturedFrameBytes - facts.transportAt;
    datagram.put(bytes, facts.transportAt, captured, offset, facts.transportBytes);
    datagram.members.push(packet.index);
    datagram.memberEnds.push((datagram.memberEnds.at(-1) ?? 0) + facts.payloadBytes);
    datagram.hasEnd ||= !hasMore(bytes, facts);
    if (datagram.isComplete) {
      this.#open.delete(key);
      return datagram;
    }
    return this.#open.size > OPEN_MAX ? this.takeOldest() : undefined;
  }

  /** The datagram that has waited longest, as it is; undefined when none waits. */
  takeOldest(): Datagram | undefined {
    for (const [key, datagram] of this.#open) {
      this.#open.delete(key);
      this.incomplete += 1;
      return datagram;
    }
    return undefined;
  }
}

/** Offset of a fragment in the data of its datagram. */
function offsetOf(u8: Uint8Array, { isIpv4, ipAt }: FrameFacts): number {
  return isIpv4
    ? ipv4.fragmentOffsetBytes(u8, ipAt)
    : get16(u8, ipAt + IPV6_OFFSET_FRAGMENT) & IPV6_FRAGMENT_OFFSET_MASK;
}

function hasMore(u8: Uint8Array, { isIpv4, ipAt }: FrameFacts): boolean {
  return isIpv4 ? ipv4.moreFragments(u8, ipAt) : (get16(u8, ipAt + IPV6_OFFSET_FRAGMENT) & 1) !== 0;
}

/** The IP header of a fragment as that of the whole packet; its length is written when the packet is sent. */
function wholeHeader(u8: Uint8Array, { isIpv4, ipAt, transportAt }: FrameFacts): Uint8Array {
  if (!isIpv4) {
    const header = u8.slice(ipAt, ipAt + ipv6.HEADER_BYTES);
    ipv6.setNextHeader(header, 0, u8[ipAt + ipv6.HEADER_BYTES]!);
    return header;
  }
  const header = u8.slice(ipAt, transportAt);
  set16(header, ipv4.OFFSET_FRAGMENT, ipv4.fragmentWord(header, 0) & ipv4.FLAG_DF);
  return header;
}
