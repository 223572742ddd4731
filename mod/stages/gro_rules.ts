/**
 * GRO's verdicts: does this packet belong to a buffer that is held, may it join, and who has to go up now?
 *
 * linux-datapath 5.1, 5.3 to 5.6, 15.8 (gro_list_prepare, tcp_gro_receive, udp_gro_receive, udp_gro_receive_segment). The
 * rules themselves are in `wire/merge_rules.ts`, the reading of headers in `gro_headers.ts`. `match()` leaves its verdict in
 * the fields, so that nothing is allocated per packet.
 *
 * Departures: packets other than TCP and UDP are not held. An ESP packet with bytes behind it is left to IP input, which
 * cuts them off; Linux hands it to the ESP handler, which takes them for its ICV. UDP is held as if no socket here asked for
 * it (`udp_gro`), but for that of encapsulated ESP (`udp_gro=encap`), by the rules of 6.1 in every era. Super-packets of UDP are not merged.
 *
 * @module
 */

import { NAT_TRAVERSAL } from "../esp/sa.ts";
import { NONE, REASON } from "../ledger/schema.ts";
import { joins } from "../skb/gro_receive.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { PROTOCOL_ESP, PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import {
  END,
  isSameFlow,
  type MergeRules,
  whyLastTcp,
  whyLastUdp,
  whyNotMergedTcp,
  whyNotMergedUdp,
} from "../wire/merge_rules.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { verifyChecksum } from "./gro_checksum.ts";
import type { GroHeaders } from "./gro_headers.ts";
import type { Held } from "./gro_held.ts";
import type { Host } from "./host.ts";

/** Behind the last of `END`: what only a host can say, `gro_overflow=stop`. */
const FRAGS_FULL: number = Object.keys(END).length;
/** Reasons of the `flush` event, by `END`. */
const FLUSH_REASONS: readonly number[] = reasonsByEnd();

/** Decides about one packet at a time. */
export class GroRules implements MergeRules {
  /** Verdict: the packet joins the buffer that `match()` returned. */
  mayMerge = false;
  /** Verdict: why that buffer has to go up, a reason of the `flush` event; REASON.none where it stays. */
  flushReason = REASON.none;
  /** Verdict: the packet may be held, if it does not join. */
  mayHold = false;
  /** The packet is for the ESP handler, and nothing else is known about it. */
  isEsp = false;
  /** TCP flags of the packet. */
  tcpFlags = 0;
  /** UDP packets are chained whole. */
  readonly chainsUdp: boolean;

  readonly linux44: boolean;
  readonly #mergesUdp: boolean;
  /** UDP is merged that comes to this port, or to any other than the second one; NONE where the port does not matter. */
  readonly #udpPort: number;
  readonly #otherUdpPort: number;
  readonly #stopsAtFullFrags: boolean;

  /** `bytesMax` is the gro_max_size of the device. */
  constructor(readonly host: Host, readonly headers: GroHeaders, readonly bytesMax: number) {
    const { config } = host;
    this.linux44 = config.era === "4.4";
    this.#mergesUdp = config.udp_gro !== "off";
    this.chainsUdp = config.udp_gro === "frag-list";
    this.#udpPort = config.udp_gro === "encap" ? NAT_TRAVERSAL.destinationPort : NONE;
    // What is for a socket that has not asked for it is not merged as what is forwarded.
    const hasEncapSocket = config.encap === "udp" && config.path !== "forward" && config.udp_gro === "forward";
    this.#otherUdpPort = hasEncapSocket ? NAT_TRAVERSAL.destinationPort : NONE;
    this.#stopsAtFullFrags = config.gro_overflow === "stop";
  }

  /** Finds the held buffer of the packet's flow, null when there is none, and sets the verdicts. */
  match(skb: Skb, bucket: readonly Held[]): Held | null {
    this.mayMerge = false;
    this.flushReason = REASON.none;
    this.mayHold = false;
    this.isEsp = false;
    if (!this.headers.readNetwork(skb)) return null;
    if (skb.hasFragList) this.headers.isWhole = false;
    if (this.headers.protocol === PROTOCOL_ESP) {
      this.isEsp = this.headers.isWhole;
      return null;
    }
    return this.headers.protocol === PROTOCOL_TCP ? this.#matchTcp(skb, bucket) : this.#matchUdp(skb, bucket);
  }

  /** tcp4_gro_receive, tcp6_gro_receive, tcp_gro_receive. */
  #matchTcp(skb: Skb, bucket: readonly Held[]): Held | null {
    const { headers } = this;
    const { skbs } = this.host;
    if (headers.isWhole && !verifyChecksum(skbs, skb, headers)) return null;
    if (!headers.needsTransport(skb, tcp.HEADER_BYTES)) return null;
    const headerBytes = tcp.dataOffsetBytes(skbs.memory.u8, headers.at + headers.networkBytes);
    if (headerBytes < tcp.HEADER_BYTES || !headers.needsTransport(skb, headerBytes)) return null;
    headers.takeTransport(skb, headerBytes);
    this.tcpFlags = tcp.flags(skbs.memory.u8, headers.at + headers.networkBytes);
    const held = this.#findFlow(skb, bucket);
    const why = held === null ? END.none : this.#whyNotTcp(skb, held);
    this.mayMerge = held !== null && why === END.none;
    // A packet that has not joined is judged as if a full segment had one byte: it is held if it carries payload.
    const last = whyLastTcp(this.tcpFlags, headers.payloadBytes, this.#fullBytes(skb, this.mayMerge ? held!.mss : 1));
    this.flushReason = held === null ? REASON.none : FLUSH_REASONS[why || last]!;
    this.mayHold = headers.isWhole && last === END.none;
    return held;
  }

  #fullBytes(skb: Skb, mss: number): number {
    return skb.isGso ? skb.head.gsoSegs * skb.head.gsoSize : mss;
  }

  #whyNotTcp(skb: Skb, held: Held): number {
    if (!this.headers.isWhole) return END.ipRefused;
    const { u8 } = this.host.skbs.memory;
    const why = whyNotMergedTcp(u8, this.headers, skb.head.gsoSize, u8, held, this);
    return why || this.#whyNoRoom(skb, held);
  }

  /** udp4_gro_receive, udp6_gro_receive, udp_gro_receive, udp_gro_receive_segment. */
  #matchUdp(skb: Skb, bucket: readonly Held[]): Held | null {
    const { headers } = this;
    const { skbs } = this.host;
    if (!headers.needsTransport(skb, udp.HEADER_BYTES)) return null;
    const at = headers.at + headers.networkBytes;
    const hasChecksum = udp.checksum(skbs.memory.u8, at) !== 0;
    const bytes = udp.length(skbs.memory.u8, at);
    if (headers.isWhole && hasChecksum && !verifyChecksum(skbs, skb, headers)) return null;
    if (!this.#mergesUdp || !hasChecksum || skb.isGso) return null;
    const port = udp.destinationPort(skbs.memory.u8, at);
    if ((this.#udpPort !== NONE && port !== this.#udpPort) || port === this.#otherUdpPort) return null;
    if (bytes <= udp.HEADER_BYTES || bytes !== skb.len - headers.networkBytes) return null;
    headers.takeTransport(skb, udp.HEADER_BYTES);
    const held = this.#findFlow(skb, bucket);
    this.mayHold = headers.isWhole;
    if (held !== null) this.#judgeUdp(skb, held);
    return held;
  }

  #judgeUdp(skb: Skb, held: Held): void {
    const { headers } = this;
    const why = this.#whyNotUdp(skb, held);
    if (why !== END.none) {
      this.flushReason = FLUSH_REASONS[why]!;
      return;
    }
    this.mayMerge = true;
    this.flushReason = FLUSH_REASONS[whyLastUdp(headers.payloadBytes, held.mss, held.count + 1)]!;
  }

  #whyNotUdp(skb: Skb, held: Held): number {
    if (!this.headers.isWhole) return END.ipRefused;
    const { u8 } = this.host.skbs.memory;
    const why = whyNotMergedUdp(u8, this.headers, this.chainsUdp, u8, held, this);
    return why || (this.chainsUdp ? END.none : this.#whyNoRoom(skb, held));
  }

  /** The fair buffers of the slides: a frag_list is not begun. */
  #whyNoRoom(skb: Skb, held: Held): number {
    const stops = this.#stopsAtFullFrags && !joins(this.host.skbs, held.last, skb, this.headers.headerBytes);
    return stops ? FRAGS_FULL : END.none;
  }

  /** Same hash, Ethernet header and flow; the newest first. */
  #findFlow(skb: Skb, bucket: readonly Held[]): Held | null {
    const { u8 } = this.host.skbs.memory;
    const { headers } = this;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const held = bucket[i]!;
      const other = held.skb;
      if (other.hash !== skb.hash || !isSameFlow(u8, headers, u8, held, this)) continue;
      if (sameBytes(u8, skb.head.at + skb.macHeader, other.head.at + other.macHeader, ETH_HLEN)) return held;
    }
    return null;
  }
}

function sameBytes(u8: Uint8Array, a: number, b: number, bytes: number): boolean {
  for (let i = 0; i < bytes; i++) if (u8[a + i] !== u8[b + i]) return false;
  return true;
}

function reasonsByEnd(): number[] {
  const reasons: number[] = [];
  reasons[END.none] = REASON.none;
  reasons[END.short] = REASON.flushShort;
  reasons[END.push] = REASON.flushPush;
  reasons[END.count] = REASON.flushCount;
  reasons[END.ipRefused] = REASON.flushIpRefused;
  reasons[END.noPayload] = REASON.flushNoPayload;
  reasons[END.sequence] = REASON.flushSequence;
  reasons[END.flags] = REASON.flushFlags;
  reasons[END.window] = REASON.flushWindow;
  reasons[END.acknowledgment] = REASON.flushAcknowledgment;
  reasons[END.options] = REASON.flushOptions;
  reasons[END.ttl] = REASON.flushTtl;
  reasons[END.tos] = REASON.flushTos;
  reasons[END.dontFragment] = REASON.flushDf;
  reasons[END.ipId] = REASON.flushIpId;
  reasons[END.longer] = REASON.flushLonger;
  reasons[END.gsoSize] = REASON.flushGsoSize;
  reasons[END.size] = REASON.flushSize;
  reasons[FRAGS_FULL] = REASON.flushFragsFull;
  return reasons;
}
