/**
 * Super-packets: TCP packets above the MTU, as a capture shows them that was taken on a host with offloads, where TSO had
 * not cut them yet or GRO and LRO had merged them.
 *
 * They arrive as the aggregates they are. The segment size, which the capture does not hold, is the MSS of the flow as far
 * as the capture shows it: the largest payload so far of a packet of the flow that fits the MTU and does not push (what is
 * pushed may be short), else what fits the MTU behind the headers of the super-packet.
 *
 * A packet that no host can have meant to be cut like this is none: other protocols, fragments, SYN, RST and URG, frames
 * with something behind the packet, and what is above 65535 bytes or claims a length of 0 (BIG TCP).
 *
 * ```ts
 * const superPackets = new SuperPackets(1500);
 * superPackets.learn(flow, u8, facts);
 * superPackets.gsoSize(flow, u8, facts); // 1448; 0 when it is none
 * ```
 *
 * @module
 */

import { ETH_HLEN } from "./ethernet.ts";
import type { FrameFacts } from "./frame_facts.ts";
import * as ip from "./ip.ts";
import { PROTOCOL_TCP } from "./ip_protocol.ts";
import * as tcp from "./tcp.ts";

/** Least MSS that Linux works with (TCP_MIN_MSS): a smaller payload is no evidence of one. */
const TCP_MIN_MSS = 88;
/** Flags of packets that are not cut into segments. */
const FLAGS_WHOLE = tcp.FLAG_SYN | tcp.FLAG_RST | tcp.FLAG_URG;
/** Flags of packets whose payload may be shorter than the MSS. */
const FLAGS_SHORT = FLAGS_WHOLE | tcp.FLAG_PSH | tcp.FLAG_FIN;

/** Whether all headers of a TCP packet are there and right enough to be repeated, and all its payload is on the wire. */
export function isWholeTcp(u8: Uint8Array, facts: FrameFacts): boolean {
  if (facts.protocol !== PROTOCOL_TCP || facts.isFragment || facts.hasSegmentsLeft) return false;
  const there = facts.frameAt + facts.capturedFrameBytes - facts.transportAt;
  if (Math.min(there, facts.transportBytes) < tcp.HEADER_BYTES) return false;
  const headerBytes = tcp.dataOffsetBytes(u8, facts.transportAt);
  if (headerBytes < tcp.HEADER_BYTES || headerBytes > Math.min(there, facts.transportBytes)) return false;
  return facts.ipBytes + ETH_HLEN <= facts.frameBytes && ip.totalBytes(u8, facts.ipAt) === facts.ipBytes;
}

/** Tells super-packets of one capture, and the MSS of their flows. */
export class SuperPackets {
  /** Largest payload seen so far, by flow. */
  readonly #largest: number[] = [];

  /** `mtu` is that of the device that receives. */
  constructor(readonly mtu: number) {}

  /** Looks at a packet of `flow` that fits the MTU. `facts` have been read from `u8`, here and below. */
  learn(flow: number, u8: Uint8Array, facts: FrameFacts): void {
    const { payloadBytes } = facts;
    if (payloadBytes < TCP_MIN_MSS || payloadBytes <= (this.#largest[flow] ?? 0)) return;
    if (!isWholeTcp(u8, facts) || (tcp.flags(u8, facts.transportAt) & FLAGS_SHORT) !== 0) return;
    this.#largest[flow] = payloadBytes;
  }

  /** Payload bytes of the segments of a super-packet of `flow`; 0 when the packet is none. */
  gsoSize(flow: number, u8: Uint8Array, facts: FrameFacts): number {
    if (facts.ipBytes <= this.mtu || facts.payloadBytes === 0 || facts.ipBytes + ETH_HLEN !== facts.frameBytes) {
      return 0;
    }
    if (!isWholeTcp(u8, facts)) return 0;
    if ((tcp.flags(u8, facts.transportAt) & FLAGS_WHOLE) !== 0) return 0;
    const fitting = this.mtu - (facts.ipBytes - facts.payloadBytes);
    return fitting < 1 ? 0 : Math.min(fitting, this.#largest[flow] ?? fitting);
  }
}
