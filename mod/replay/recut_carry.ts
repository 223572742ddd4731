/**
 * Payload of one flow that waits for the next packet, with the headers that it would leave with.
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import type { Carrier } from "../skb/members.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import { copyHeaders, copyPayload, headerBytesOf } from "./recut_frame.ts";

const START_BYTES = 2048;
const START_HEADER_BYTES = 128;

/** Payload that waits; used again for other flows. */
export class Carry implements Carrier {
  packet: number = NONE;
  members: number[] | null = null;
  memberEnds: number[] | null = null;
  isContinued = false;
  isKept = false;
  payloadBytes = 0;
  /** The payload, from 0 on. */
  payload: Uint8Array = new Uint8Array(START_BYTES);
  /** Its length. */
  length = 0;
  /** Headers of the packet that its last byte comes from, Ethernet, IP and TCP. */
  headers: Uint8Array = new Uint8Array(START_HEADER_BYTES);
  headerBytes = 0;
  /** Offset of the TCP header in these. */
  transportOffset = 0;
  /** Sequence number of its first byte. */
  sequence = 0;
  /** Number and hash of the flow. */
  flow: number = NONE;
  hash = 0;

  /** Appends the payload of a packet from byte `offset` on, and takes its headers. */
  append(packet: CapturePacket, facts: FrameFacts, offset: number): void {
    const bytes = facts.payloadBytes - offset;
    this.payload = grown(this.payload, this.length + bytes);
    copyPayload(packet, facts, offset, bytes, this.payload, this.length);
    this.length += bytes;
    this.headerBytes = headerBytesOf(packet, facts);
    this.headers = grown(this.headers, this.headerBytes);
    this.transportOffset = facts.transportAt - facts.frameAt;
    copyHeaders(packet, facts, this.headers);
  }

  /** Whether the payload of a packet of the flow follows without a gap, and its headers say nothing else. */
  isContinuedBy({ bytes }: CapturePacket, facts: FrameFacts): boolean {
    if (facts.transportAt - facts.frameAt !== this.transportOffset) return false;
    const own = this.transportOffset;
    const { transportAt } = facts;
    if (tcp.sequence(bytes, transportAt) !== (this.sequence + this.length) >>> 0) return false;
    if (bytes[transportAt + tcp.OFFSET_DATA_OFFSET] !== this.headers[own + tcp.OFFSET_DATA_OFFSET]) return false;
    return tcp.flags(bytes, transportAt) === tcp.flags(this.headers, own) && this.#hasIpHeaderOf(bytes, facts);
  }

  #hasIpHeaderOf(u8: Uint8Array, facts: FrameFacts): boolean {
    const isIpv6 = ip.isIpv6(u8, facts.ipAt);
    for (let i = ETH_HLEN; i < this.transportOffset; i++) {
      if (this.headers[i] === u8[facts.frameAt + i]) continue;
      if (isIpv6 ? !isIpv6Length(i - ETH_HLEN) : !differsInIpv4(i - ETH_HLEN)) return false;
    }
    return true;
  }
}

function grown(bytes: Uint8Array, needed: number): Uint8Array {
  if (needed <= bytes.length) return bytes;
  const longer = new Uint8Array(2 * needed);
  longer.set(bytes);
  return longer;
}

function isIpv6Length(offset: number): boolean {
  return offset === ipv6.OFFSET_PAYLOAD_LENGTH || offset === ipv6.OFFSET_PAYLOAD_LENGTH + 1;
}

/** Whether a byte of the IPv4 header is of a field that differs from packet to packet. */
function differsInIpv4(offset: number): boolean {
  return (offset >= ipv4.OFFSET_TOTAL_LENGTH && offset < ipv4.OFFSET_FRAGMENT) ||
    offset === ipv4.OFFSET_CHECKSUM || offset === ipv4.OFFSET_CHECKSUM + 1;
}
