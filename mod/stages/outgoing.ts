/**
 * What our host has to send: one captured packet, as the process or the TCP of the captured host had it.
 *
 * Its headers say what the socket of the model writes in front of the bytes; its payload lies in pages of the process, or of
 * a file. Both are blocks of the arena on which the packet holds references.
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import type { Block, Memory } from "../skb/memory.ts";
import type { Frag } from "../skb/skb.ts";

/** A captured packet of ours on its way into a socket. */
export class OutgoingPacket {
  /** Where it goes: to the socket of `flow`. */
  flow = NONE;
  /** Receive hash of the flow; a sent packet has the same. */
  hash = 0;
  /** A whole TCP segment: any other packet is sent as a datagram. */
  isTcp = false;
  /** A write of the process ends with it, as far as the capture shows writes. */
  endsWrite = false;
  /** Bytes of IP header and extension headers. */
  networkBytes = 0;
  /** Bytes of all headers: with those of TCP or UDP, where it has them. */
  headerBytes = 0;
  payloadBytes = 0;
  /** The calls of sendmsg that a datagram is written in (MSG_MORE), bytes of each; null for one. A capture does not show them. */
  writes: readonly number[] | null = null;
  /** The captured packets that a datagram came in, if there were several, and where in what they brought each of them ends. */
  members: number[] | null = null;
  memberEnds: number[] | null = null;
  /** Its payload in order. */
  readonly pieces: Frag[] = [];

  constructor(
    /** Number of the captured packet. */
    readonly packet: number,
    /** Holds its headers from the first byte on. */
    readonly headers: Block,
  ) {}

  /** Gives the references on its bytes back. */
  release(memory: Memory): void {
    memory.put(this.headers);
    for (const { block } of this.pieces) memory.put(block);
    this.pieces.length = 0;
  }
}

/** Walks over the payload of an outgoing packet. */
export class PayloadCursor {
  /** Block of the current piece, offset of its next byte in it, and bytes left of it. */
  block: Block | null = null;
  offset = 0;
  bytes = 0;

  /** Goes to byte `at` of the payload of `packet`, which is below its length. */
  seek(packet: OutgoingPacket, at: number): void {
    let left = at;
    for (const piece of packet.pieces) {
      if (left < piece.bytes) {
        this.block = piece.block;
        this.offset = piece.offset + left;
        this.bytes = piece.bytes - left;
        return;
      }
      left -= piece.bytes;
    }
    throw new Error(`Cannot read byte ${at} of packet ${packet.packet}: it has ${packet.payloadBytes}`);
  }
}
