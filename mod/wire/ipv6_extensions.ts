/**
 * The extension headers of an IPv6 packet, and what is behind them (RFC 8200, section 4).
 *
 * Followed, in any order and number: hop-by-hop options, routing, fragment, destination options, mobility (RFC 6275). The
 * walk stops at everything else: transports, ESP, AH, no next header, and numbers that nobody knows. Behind the header of a
 * fragment that is not the first there is no header, only data. Every header takes at least 8 bytes, so that the walk ends
 * within the packet, in time that grows with its length at most.
 *
 * ```ts
 * import { Ipv6Extensions } from "./ipv6_extensions.ts";
 * const u8 = new Uint8Array(64);
 * u8.set([0x60, 0, 0, 0, 0, 24, 0, 64], 0); // Next header 0: hop-by-hop options.
 * u8.set([17, 0, 1, 4], 40); // Next header 17, 8 bytes, padding.
 * const extensions = new Ipv6Extensions();
 * extensions.read(u8, 0, 64);
 * extensions.protocol; // 17
 * extensions.transportAt; // 48
 * ```
 *
 * @module
 */
import { get16 } from "./bytes.ts";
import {
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_MOBILITY,
  PROTOCOL_NONE,
  PROTOCOL_ROUTING,
} from "./ip_protocol.ts";
import { FRAGMENT_HEADER_BYTES, HEADER_BYTES, nextHeader, OFFSET_NEXT_HEADER } from "./ipv6.ts";

const FRAGMENT_OFFSET_MASK = 0xfff8;
const FRAGMENT_MORE = 0x0001;

/** Where the extension headers of one packet lead; overwritten by the next `read()`. */
export class Ipv6Extensions {
  /** Protocol of what the walk stopped at (`ip_protocol.ts`); PROTOCOL_NONE where not even the IPv6 header is there. */
  protocol: number = PROTOCOL_NONE;
  /** Absolute offset of what the walk stopped at; never beyond `endAt`. */
  transportAt = 0;
  /** Absolute offset of the byte that says `protocol`: in the IPv6 header, or in the last extension header. */
  protocolAt = 0;
  /**
   * A part of a packet that was fragmented on the way. A fragment header with offset 0 and nothing to follow makes none
   * (RFC 6946; Linux `ipv6_frag_rcv`).
   */
  isFragment = false;
  /** Absolute offset of the first fragment header, or -1 without one. */
  fragmentAt: number = -1;
  /** Offset in bytes of this fragment's data in the fragmentable part of the packet: 0, 8, ... 65528. */
  fragmentOffsetBytes = 0;
  /** More fragments follow. */
  moreFragments = false;
  /** A routing header has segments left: the destination in the IPv6 header is not the last one (RFC 8200, section 8.1). */
  hasSegmentsLeft = false;
  /** The IPv6 header or an extension header goes beyond `endAt`; it is the one that the walk stopped at. */
  isMalformed = false;

  /**
   * Reads the headers of the packet whose IPv6 header begins at absolute offset `at`, and no byte from `endAt` on: the end
   * of the packet, or of what is there of it.
   */
  read(u8: Uint8Array, at: number, endAt: number): void {
    this.#forget(at);
    if (at + HEADER_BYTES > endAt) {
      this.transportAt = Math.min(at, endAt);
      this.isMalformed = true;
      return;
    }
    this.protocol = nextHeader(u8, at);
    this.protocolAt = at + OFFSET_NEXT_HEADER;
    this.transportAt = at + HEADER_BYTES;
    while (this.fragmentOffsetBytes === 0 && isExtension(this.protocol)) {
      if (!this.#readExtension(u8, endAt)) {
        this.isMalformed = true;
        return;
      }
    }
  }

  #forget(at: number): void {
    this.protocol = PROTOCOL_NONE;
    this.transportAt = at;
    this.protocolAt = at + OFFSET_NEXT_HEADER;
    this.isFragment = false;
    this.fragmentAt = -1;
    this.fragmentOffsetBytes = 0;
    this.moreFragments = false;
    this.hasSegmentsLeft = false;
    this.isMalformed = false;
  }

  /** Goes behind the extension header at hand; false where it is not all there. */
  #readExtension(u8: Uint8Array, endAt: number): boolean {
    const here = this.transportAt;
    // The smallest extension header has 8 bytes, which is also what the fragment header has.
    if (here + FRAGMENT_HEADER_BYTES > endAt) return false;
    const isFragment = this.protocol === PROTOCOL_FRAGMENT;
    // The length counts 8-byte units behind the first (RFC 8200, section 4); the fragment header has none.
    const bytes = isFragment ? FRAGMENT_HEADER_BYTES : (u8[here + 1]! + 1) * 8;
    if (here + bytes > endAt) return false;
    if (isFragment) this.#readFragment(u8, here);
    else if (this.protocol === PROTOCOL_ROUTING && u8[here + 3] !== 0) this.hasSegmentsLeft = true;
    this.protocol = u8[here]!;
    this.protocolAt = here;
    this.transportAt = here + bytes;
    return true;
  }

  #readFragment(u8: Uint8Array, here: number): void {
    const word = get16(u8, here + 2);
    if (this.fragmentAt === -1) this.fragmentAt = here;
    this.fragmentOffsetBytes = word & FRAGMENT_OFFSET_MASK;
    this.moreFragments = (word & FRAGMENT_MORE) !== 0;
    if (this.moreFragments || this.fragmentOffsetBytes !== 0) this.isFragment = true;
  }
}

function isExtension(protocol: number): boolean {
  switch (protocol) {
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_FRAGMENT:
    case PROTOCOL_DESTINATION_OPTIONS:
    case PROTOCOL_MOBILITY:
      return true;
    default:
      return false;
  }
}
