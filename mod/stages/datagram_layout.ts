/**
 * How a datagram of this host is laid out over buffers: one, or as many as there will be fragments.
 *
 * linux-datapath 1.12 (net/ipv4/ip_output.c: __ip_append_data; net/ipv6/ip6_output.c: __ip6_append_data,
 * ip6_append_data_mtu; 4.4 and 6.1). Each buffer is a linear one with an IP header's room in front of its part of the data. The
 * first also has the room that a transform wants in front (dst.header_len), the last that behind (dst.trailer_len). IPv4
 * counts the room in front as length of the first buffer, finds it too long when the second begins, and moves the bytes that
 * are too many there. IPv6 leaves them out of the first at once, and lets what is in transport mode fill the MTU of the link.
 *
 * Departure: buffers above SKB_MAX_ALLOC stay linear.
 *
 * ```ts
 * const layout = new Ipv4Layout({ headerBytes: 16, trailerBytes: 21 }, 1466);
 * for (layout.start(20, 3008); layout.next();) layout.dataBytes; // 1440, 1440 of which 16 were in the first, 144
 * ```
 *
 * @module
 */

import { LL_RESERVED_SPACE } from "./forward.ts";

/** What the route says of the transform. */
export interface TransformRoom {
  /** Bytes that it puts in front (dst.header_len). */
  readonly headerBytes: number;
  /** Bytes that it may put behind (dst.trailer_len). */
  readonly trailerBytes: number;
}

/** Most that a fragment header of IPv6 takes. */
const FRAGMENT_HEADER_BYTES = 8;
/** Added to every allocation by __ip_append_data. */
const ALLOCATION_SLACK = 15;

/** The buffers of one datagram after the other. */
export interface DatagramLayout {
  /** Largest packet that fits. */
  readonly mtu: number;
  /** Bytes that the buffer asks for. */
  readonly allocBytes: number;
  /** Bytes in front of its IP header. */
  readonly headroom: number;
  /** Bytes behind its IP header; the first `gapBytes` come from the end of the buffer before. */
  readonly dataBytes: number;
  /** Bytes that move here from the buffer before. */
  readonly gapBytes: number;
  /** Begins a datagram of `dataBytes` bytes behind IP headers of `networkBytes` bytes. */
  start(networkBytes: number, dataBytes: number): void;
  /** Goes to the next buffer; false when there is none. */
  next(): boolean;
}

/** Layout for IPv4. */
export class Ipv4Layout implements DatagramLayout {
  allocBytes = 0;
  headroom = 0;
  dataBytes = 0;
  gapBytes = 0;

  #networkBytes = 0;
  #left = 0;
  #roomInFront = 0;
  #hasNext = false;

  /** `mtu`: largest IP packet that the transform still makes fit. */
  constructor(readonly room: TransformRoom, readonly mtu: number) {}

  start(networkBytes: number, dataBytes: number): void {
    this.#networkBytes = networkBytes;
    this.#left = dataBytes;
    this.#roomInFront = this.room.headerBytes;
    this.gapBytes = 0;
    this.dataBytes = 0;
    this.#hasNext = true;
  }

  next(): boolean {
    if (!this.#hasNext) return false;
    const most = this.mtu - this.#networkBytes;
    const wholeUnits = most & ~7;
    // The room in front of the first buffer counted as its length, so that much of its data was too much.
    this.gapBytes = this.dataBytes === 0 ? 0 : this.#lengthBefore - wholeUnits;
    const wanted = this.#left + this.gapBytes;
    this.dataBytes = wanted > most ? wholeUnits : wanted;
    this.#hasNext = this.dataBytes < wanted;
    this.#left -= this.dataBytes - this.gapBytes;
    const behind = this.#hasNext ? 0 : this.room.trailerBytes;
    const asked = this.#networkBytes + this.dataBytes + this.#roomInFront + behind;
    this.allocBytes = asked + LL_RESERVED_SPACE + ALLOCATION_SLACK;
    this.headroom = LL_RESERVED_SPACE + this.#roomInFront;
    this.#lengthBefore = this.dataBytes + this.#roomInFront;
    this.#roomInFront = 0;
    return true;
  }

  #lengthBefore = 0;
}

/** Layout for IPv6. */
export class Ipv6Layout implements DatagramLayout {
  allocBytes = 0;
  headroom = 0;
  dataBytes = 0;
  readonly gapBytes = 0;

  #networkBytes = 0;
  #total = 0;
  #left = 0;
  #roomInFront = 0;
  #mtu = 0;
  #hasNext = false;

  /** `mtu`: largest packet that fits: inside the transform where `isTunnel`, else on the link. */
  constructor(readonly room: TransformRoom, readonly mtu: number, readonly isTunnel: boolean) {}

  start(networkBytes: number, dataBytes: number): void {
    this.#networkBytes = networkBytes;
    this.#total = dataBytes;
    this.#left = dataBytes;
    this.#roomInFront = this.room.headerBytes;
    this.#mtu = this.isTunnel ? this.mtu : this.mtu - this.room.headerBytes;
    this.#hasNext = true;
  }

  next(): boolean {
    if (!this.#hasNext) return false;
    const space = this.#mtu - this.#networkBytes;
    const wholeUnits = (space & ~7) - FRAGMENT_HEADER_BYTES;
    // The length without headers is held against the MTU here, as Linux does.
    const most = this.#total <= this.#mtu ? space : wholeUnits;
    this.dataBytes = this.#left > most ? wholeUnits : this.#left;
    this.#hasNext = this.dataBytes < this.#left;
    this.#left -= this.dataBytes;
    const behind = this.#hasNext ? 0 : this.room.trailerBytes;
    this.headroom = LL_RESERVED_SPACE + FRAGMENT_HEADER_BYTES + this.#roomInFront;
    this.allocBytes = this.headroom + this.#networkBytes + this.dataBytes + behind;
    this.#roomInFront = 0;
    this.#mtu = this.mtu;
    return true;
  }
}
