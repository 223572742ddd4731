/**
 * A buffer in the queue of a TCP socket: bytes that are to be sent, or were sent and wait to be acknowledged.
 *
 * What the kernel keeps in TCP_SKB_CB (include/net/tcp.h, 4.4 and 6.1). What is sent is always a clone; the buffer knows how
 * many buffers that carry its bytes are still on their way to the wire (skb_still_in_host_queue).
 *
 * @module
 */

import type { Skb, SkbOwner } from "../skb/skb.ts";

/** Memory of buffers on their way to the wire, over all buffers of a socket (sk_wmem_alloc). */
export interface SendMemory {
  /** A buffer of `bytes` bytes of memory is on its way. */
  hold(bytes: number): void;
  /** One of `bytes` bytes was freed. */
  giveBack(bytes: number): void;
}

/** One buffer of the queue. */
export class TcpBuffer implements SkbOwner {
  /** SYN, FIN and PSH, where they are due. */
  flags = 0;
  /** Numbers that it takes besides those of its bytes: 1 for SYN or FIN. */
  controlNumbers = 0;
  /** More bytes may be appended while it waits. */
  isOpen = true;
  /** Buffers with its bytes on their way to the wire. */
  live = 0;

  constructor(
    readonly memory: SendMemory,
    /** The buffer itself, its data the payload; the headers that it will get are kept in front of them. */
    readonly skb: Skb,
    /** Number of its first byte. */
    readonly sequence: number,
    /** Payload bytes of the segments that it is cut into. */
    readonly mss: number,
  ) {}

  /** Number behind its last byte, modulo 2^32. */
  get end(): number {
    return (this.sequence + this.skb.len + this.controlNumbers) >>> 0;
  }

  /** Segments that it is cut into. */
  get segments(): number {
    return Math.max(1, Math.ceil(this.skb.len / this.mss));
  }

  /** Its last segment is shorter than the others may be. */
  get endsShort(): boolean {
    return this.skb.len < this.segments * this.mss;
  }

  /** Waits for `skb`, which carries its bytes, to be freed. */
  charge(skb: Skb): void {
    skb.owner = this;
    skb.chargedBytes = skb.truesize;
    this.live += 1;
    this.memory.hold(skb.chargedBytes);
  }

  /** One of those has been freed. */
  release(skb: Skb): void {
    skb.owner = null;
    this.live -= 1;
    this.memory.giveBack(skb.chargedBytes);
  }
}

/** How far sequence number `b` lies behind `a`, negative if in front of it (modulo 2^32). */
export function distance(a: number, b: number): number {
  return (b - a) | 0;
}
