/**
 * GRO's rules: does this TCP/IPv4 packet belong to a buffer that is held, may it join, and who has to go up now?
 *
 * linux-datapath 5.1, 5.3, 5.5 (gro_list_prepare, inet_gro_receive, tcp4_gro_receive, tcp_gro_receive; 4.4 and 6.1, which
 * differ in IP ids and fragments only). `match()` leaves its verdict in the fields, so that nothing is allocated per packet.
 *
 * Departure: packets other than TCP over IPv4 are not held (4.4, and 6.1 without UDP_GRO sockets, do not either; IPv6 is
 * not built).
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { get32 } from "../wire/bytes.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4 } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";

/** Version 4, header of 20 bytes. */
const IPV4_WITHOUT_OPTIONS = 0x45;
/** Aggregates stay below this length, IP header included (GRO_LEGACY_MAX_SIZE). */
const GRO_MAX_SIZE = 65536;
/** TCP flags that a packet may have and still join: they are handled apart. */
const FLAGS_NOT_COMPARED = tcp.FLAG_CWR | tcp.FLAG_FIN | tcp.FLAG_PSH;
/** TCP flags that send an aggregate up at once. */
const FLAGS_THAT_FLUSH = tcp.FLAG_URG | tcp.FLAG_PSH | tcp.FLAG_RST | tcp.FLAG_SYN | tcp.FLAG_FIN;

/** A buffer that GRO holds (napi_gro_cb of a held skb). */
export class Held {
  /** Last buffer of its frag_list, or the buffer itself. */
  last: Skb;
  /** Packets merged into it, itself included. */
  count = 1;

  constructor(
    readonly skb: Skb,
    /** When it was held first. */
    readonly jiffy: number,
    /** Its payload bytes at that time: the mss of the aggregate. */
    readonly mss: number,
    /** Bytes of headers in front of its payload, from the network header on. */
    readonly headerBytes: number,
    /** 6.1: all IP ids so far may be one constant, as DF allows. */
    public isAtomic: boolean,
  ) {
    this.last = skb;
    skb.head.gsoSize = mss;
  }
}

/** Decides about one packet at a time. */
export class GroRules {
  /** The packet's transport checksum was found wrong; set before `match()`. */
  checksumBad = false;
  /** Verdict: the packet may be merged into the buffer that `match()` returned. */
  mayMerge = false;
  /** Verdict: that buffer has to go up. */
  completes = false;
  /** Verdict: the packet may be held, if it was not merged. */
  mayHold = false;
  /** Header bytes of the packet, from the network header on. */
  headerBytes = 0;

  #isAtomic = false;

  constructor(readonly skbs: SkbMemory) {}

  /** Whether the transport checksum has to be right for the packet to get any further. */
  wantsChecksum(skb: Skb): boolean {
    return (this.#isPlainTcp(skb) || this.#isSummedUdp(skb)) && !this.#ipFlush(skb);
  }

  /** What a packet becomes when it is held. */
  held(skb: Skb, jiffy: number): Held {
    return new Held(skb, jiffy, skb.len - this.headerBytes, this.headerBytes, this.#isAtomic);
  }

  /** Finds the held buffer of the packet's flow, null when there is none, and sets the verdicts. */
  match(skb: Skb, bucket: readonly Held[]): Held | null {
    this.mayMerge = false;
    this.completes = false;
    this.mayHold = false;
    if (this.checksumBad || !this.#isPlainTcp(skb)) return null;
    const { u8 } = this.skbs.memory;
    const tcpAt = skb.dataAt + ipv4.HEADER_BYTES;
    skb.transportHeader = skb.data + ipv4.HEADER_BYTES;
    this.headerBytes = ipv4.HEADER_BYTES + tcp.dataOffsetBytes(u8, tcpAt);
    if (tcp.dataOffsetBytes(u8, tcpAt) < tcp.HEADER_BYTES || this.headerBytes > skb.headlen) return null;
    const ipFlush = this.#ipFlush(skb);
    this.#isAtomic = ipv4.dontFragment(u8, skb.dataAt);
    const payload = skb.len - this.headerBytes;
    const held = this.#findFlow(skb, bucket);
    this.mayMerge = held !== null && !ipFlush && this.#fits(held, skb, payload);
    // A packet that cannot join is judged as if a full segment had one byte: it flushes unless it carries payload.
    const mss = this.mayMerge ? held!.mss : 1;
    const flags = tcp.flags(u8, tcpAt);
    const flush = payload < mss || (flags & FLAGS_THAT_FLUSH) !== 0;
    this.completes = held !== null && (!this.mayMerge || flush);
    this.mayHold = !ipFlush && !flush;
    return held;
  }

  #isPlainTcp(skb: Skb): boolean {
    return this.#isPlain(skb, PROTOCOL_TCP, tcp.HEADER_BYTES);
  }

  /** UDP is not merged here, but udp4_gro_receive verifies a checksum that is there before it finds that out. */
  #isSummedUdp(skb: Skb): boolean {
    return this.#isPlain(skb, PROTOCOL_UDP, udp.HEADER_BYTES) &&
      udp.checksum(this.skbs.memory.u8, skb.dataAt + ipv4.HEADER_BYTES) !== 0;
  }

  /** IPv4 without options, of that protocol, its header right and linear, and no fragment that 6.1 refuses. */
  #isPlain(skb: Skb, protocol: number, transportHeaderBytes: number): boolean {
    const { u8 } = this.skbs.memory;
    const ip = skb.dataAt;
    return skb.headlen >= ipv4.HEADER_BYTES + transportHeaderBytes &&
      etherType(u8, skb.head.at + skb.macHeader) === ETHERTYPE_IPV4 && u8[ip] === IPV4_WITHOUT_OPTIONS &&
      ipv4.protocol(u8, ip) === protocol && ipv4.headerChecksumOk(u8, ip) && !this.#isRefusedFragment(skb);
  }

  /** 6.1 refuses fragments before it looks for their flow; 4.4 finds the flow, refuses to merge, and sends it up. */
  #isRefusedFragment(skb: Skb): boolean {
    return this.skbs.era === "6.1" && ipv4.isFragment(this.skbs.memory.u8, skb.dataAt);
  }

  /** Padding behind the packet, or any fragment bit but DF, keeps it out of GRO. */
  #ipFlush(skb: Skb): boolean {
    const { u8 } = this.skbs.memory;
    const ip = skb.dataAt;
    return ipv4.totalLength(u8, ip) !== skb.len || (ipv4.fragmentWord(u8, ip) & ~ipv4.FLAG_DF) !== 0;
  }

  /** Same Ethernet header, addresses and ports; the newest first. */
  #findFlow(skb: Skb, bucket: readonly Held[]): Held | null {
    const { u8 } = this.skbs.memory;
    const ip = skb.dataAt;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const other = bucket[i]!.skb;
      if (other.hash !== skb.hash) continue;
      const otherIp = other.dataAt;
      if (get32(u8, ip + ipv4.OFFSET_SOURCE) !== get32(u8, otherIp + ipv4.OFFSET_SOURCE)) continue;
      if (get32(u8, ip + ipv4.OFFSET_DESTINATION) !== get32(u8, otherIp + ipv4.OFFSET_DESTINATION)) continue;
      if (get32(u8, ip + ipv4.HEADER_BYTES) !== get32(u8, otherIp + ipv4.HEADER_BYTES)) continue;
      if (sameBytes(u8, skb.head.at + skb.macHeader, other.head.at + other.macHeader, ETH_HLEN)) return bucket[i]!;
    }
    return null;
  }

  #fits(held: Held, skb: Skb, payload: number): boolean {
    if (payload === 0 || payload > held.mss) return false;
    if (held.skb.len + payload >= GRO_MAX_SIZE) return false;
    return this.#sameIp(held, skb) && this.#sameTcp(held, skb) && this.#idFollows(held, skb);
  }

  #sameIp(held: Held, skb: Skb): boolean {
    const { u8 } = this.skbs.memory;
    const ip = skb.dataAt;
    const other = held.skb.dataAt;
    return ipv4.ttl(u8, ip) === ipv4.ttl(u8, other) && ipv4.tos(u8, ip) === ipv4.tos(u8, other) &&
      ipv4.dontFragment(u8, ip) === ipv4.dontFragment(u8, other);
  }

  #sameTcp(held: Held, skb: Skb): boolean {
    const { u8 } = this.skbs.memory;
    const own = skb.dataAt + ipv4.HEADER_BYTES;
    const other = held.skb.dataAt + ipv4.HEADER_BYTES;
    const flags = tcp.flags(u8, own);
    if ((flags & tcp.FLAG_CWR) !== 0) return false;
    if (((flags ^ tcp.flags(u8, other)) & ~FLAGS_NOT_COMPARED) !== 0) return false;
    if (u8[own + tcp.OFFSET_DATA_OFFSET] !== u8[other + tcp.OFFSET_DATA_OFFSET]) return false;
    if (tcp.window(u8, own) !== tcp.window(u8, other)) return false;
    if (tcp.acknowledgment(u8, own) !== tcp.acknowledgment(u8, other)) return false;
    const optionBytes = this.headerBytes - ipv4.HEADER_BYTES - tcp.HEADER_BYTES;
    if (!sameBytes(u8, own + tcp.OFFSET_OPTIONS, other + tcp.OFFSET_OPTIONS, optionBytes)) return false;
    const expected = (tcp.sequence(u8, other) + held.skb.len - held.headerBytes) >>> 0;
    return tcp.sequence(u8, own) === expected;
  }

  /** IP ids: counting up (4.4); from 4.10 on also constant, where DF is set and the second packet says so. */
  #idFollows(held: Held, skb: Skb): boolean {
    const { u8 } = this.skbs.memory;
    const step = (ipv4.id(u8, skb.dataAt) - ipv4.id(u8, held.skb.dataAt)) & 0xffff;
    if (this.skbs.era === "4.4") return step === (held.count & 0xffff);
    if (!held.isAtomic) return step === held.count;
    if (step === 0) return true;
    if (step !== 1 || held.count !== 1) return false;
    held.isAtomic = false;
    return true;
  }
}

function sameBytes(u8: Uint8Array, a: number, b: number, bytes: number): boolean {
  for (let i = 0; i < bytes; i++) if (u8[a + i] !== u8[b + i]) return false;
  return true;
}
