/**
 * ICMP errors: what a gateway answers to a packet that it drops because it is too large or has come too far.
 *
 * icmp_send (net/ipv4/icmp.c, net/ipv4/ip_output.c: ip_append_data) and icmp6_send (net/ipv6/icmp.c); 4.4 and 6.1. An answer
 * quotes the packet: 548 bytes of it over IPv4, 1232 over IPv6, copied and summed in one pass into a linear buffer. It goes back
 * to the sender through the device that the packet came in by, in the clear: the policy of the SA is for the way on. Nobody
 * answers an ICMP error, a fragment that is not the first, or what was sent to a group; how many answers there are stands in
 * `icmp_limit.ts`.
 *
 * Departures: the device always takes an answer at once, and its link is not modelled. The gateway has one address of each
 * version inside. IPv4 ids count from 0, flow labels are 0.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { push, put, reserve } from "../skb/head_ops.ts";
import { packetAt, packetsIn } from "../skb/members.ts";
import { copyBits } from "../skb/paged_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { set16 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSumIpv6 } from "../wire/checksum.ts";
import { ETH_ALEN, ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_SOURCE, writeEthernet } from "../wire/ethernet.ts";
import * as icmp from "../wire/icmp.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";
import type { Host } from "./host.ts";
import { IcmpLimit } from "./icmp_limit.ts";

/** Room for an Ethernet header, rounded up to 16 (LL_RESERVED_SPACE). */
const LL_RESERVED_SPACE = 16;
/** What an answer may measure: every IPv4 host takes that much (RFC 1812, section 4.3.2.3), and every IPv6 link. */
const MOST_V4_BYTES = 576;
const MOST_V6_BYTES = 1280;
/** What IP output asks for beside the packet and its headroom. */
const SPARE_BYTES = 15;
const HOP_LIMIT = 64;
/** Precedence "internetwork control", and of the type of service what is kept. */
const TOS_CONTROL = 0xc0;
const TOS_KEPT = 0x1e;
/** The gateway's addresses inside: 198.19.0.1 (RFC 2544: for benchmarks) and 2001:2:0:1::1 (RFC 5180: likewise). */
const ADDRESS_V4 = 0xc6130001;
const ADDRESS_V6 = Uint8Array.of(0x20, 0x01, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
/** First byte of the addresses of groups. */
const GROUP_V6 = 0xff;
const ADDRESS_V4_BYTES = 4;
/** MAC address of NIC 0: locally administered. */
const GATEWAY_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);
/** Time that one limited error to one receiver is worth: `icmp_ratelimit`; of IPv6 a quarter, for a link that is a /64. */
const PEER_V4_NS = 1000000000;
const PEER_V6_NS = PEER_V4_NS >> 2;

/** Sends ICMP errors about packets, which stay the caller's; their data begin at the IP header. */
export class IcmpErrors {
  readonly #limitV4 = new IcmpLimit(PEER_V4_NS);
  readonly #limitV6 = new IcmpLimit(PEER_V6_NS);
  readonly #extensions = new Ipv6Extensions();
  readonly #type = new Uint8Array(1);
  #id = 0;

  constructor(readonly host: Host) {}

  /** "Fragmentation needed" or "packet too big": what is longer than `mtu` does not go on. */
  tooBig(skb: Skb, mtu: number): void {
    const isIpv6 = this.#isIpv6(skb);
    // Path MTU discovery works for groups too over IPv6 (RFC 4443, section 2.4, e.3).
    if ((this.#isToGroup(skb) && !isIpv6) || !this.#mayBeAnswered(skb)) return;
    const kind = isIpv6 ? icmp.ERROR_V6.packetTooBig : icmp.ERROR_V4.fragmentationNeeded;
    this.#answer(skb, kind, mtu, REASON.tooBigAnswer);
  }

  /** "Time exceeded": the time to live has run out. */
  timeExceeded(skb: Skb): void {
    if (this.#isToGroup(skb) || !this.#mayBeAnswered(skb) || !this.#isWithinLimit(skb)) return;
    const kind = this.#isIpv6(skb) ? icmp.ERROR_V6.timeExceeded : icmp.ERROR_V4.timeExceeded;
    this.#answer(skb, kind, 0, REASON.timeExceededAnswer);
  }

  /** The device takes an answer, whose data begin at the Ethernet header, and has sent it. */
  transmit(skb: Skb): void {
    this.host.skbs.free(skb, REASON.sent);
  }

  #isIpv6(skb: Skb): boolean {
    return ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
  }

  /** Its frame or its packet was sent to a group. */
  #isToGroup(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    if ((u8[skb.head.at + skb.macHeader]! & 1) !== 0) return true;
    const at = skb.dataAt;
    return this.#isIpv6(skb) ? u8[at + ipv6.OFFSET_DESTINATION] === GROUP_V6 : isGroupV4(ipv4.destination(u8, at));
  }

  #mayBeAnswered(skb: Skb): boolean {
    return this.#isIpv6(skb) ? this.#mayBeAnsweredV6(skb) : this.#mayBeAnsweredV4(skb);
  }

  #mayBeAnsweredV4(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    const at = skb.dataAt;
    const source = ipv4.source(u8, at);
    if (source === 0 || isGroupV4(source) || ipv4.fragmentOffsetBytes(u8, at) > 0) return false;
    if (ipv4.protocol(u8, at) !== PROTOCOL_ICMP) return true;
    const typeAt = ipv4.ihlBytes(u8, at);
    return typeAt < skb.len && !icmp.isErrorV4(this.#byteAt(skb, typeAt));
  }

  #mayBeAnsweredV6(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    const at = skb.dataAt;
    const source = u8.subarray(at + ipv6.OFFSET_SOURCE, at + ipv6.OFFSET_DESTINATION);
    if (source[0] === GROUP_V6 || source.every((byte) => byte === 0)) return false;
    const extensions = this.#extensions;
    extensions.read(u8, at, at + skb.headlen);
    if (extensions.isMalformed) return false;
    if (extensions.protocol !== PROTOCOL_ICMPV6 || extensions.fragmentOffsetBytes > 0) return true;
    const typeAt = extensions.transportAt - at;
    return typeAt < skb.len && !icmp.isErrorV6(this.#byteAt(skb, typeAt));
  }

  #byteAt(skb: Skb, offset: number): number {
    gather(this.host.skbs, skb, offset, 1, this.#type);
    return this.#type[0]!;
  }

  #isWithinLimit(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    const isIpv6 = this.#isIpv6(skb);
    const limit = isIpv6 ? this.#limitV6 : this.#limitV4;
    const sourceAt = skb.dataAt + (isIpv6 ? ipv6.OFFSET_SOURCE : ipv4.OFFSET_SOURCE);
    const peer = u8.subarray(sourceAt, sourceAt + (isIpv6 ? ipv6.ADDRESS_BYTES : ADDRESS_V4_BYTES)).join();
    const { nowNs } = this.host.ledger;
    return limit.allowsOneMore(nowNs) && limit.allowsTo(peer, nowNs);
  }

  #answer(about: Skb, kind: icmp.IcmpKind, mtu: number, reason: number): void {
    const { skbs, ledger } = this.host;
    const isIpv6 = this.#isIpv6(about);
    const ipBytes = isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    const most = (isIpv6 ? MOST_V6_BYTES : MOST_V4_BYTES) - ipBytes - icmp.HEADER_BYTES;
    const quoteBytes = Math.min(about.len, most);
    const answer = skbs.allocSkb(LL_RESERVED_SPACE + ipBytes + icmp.HEADER_BYTES + quoteBytes + SPARE_BYTES);
    answer.packet = packetsIn(about) > 0 ? packetAt(about, 0) : about.packet;
    reserve(answer, LL_RESERVED_SPACE);
    put(answer, ipBytes + icmp.HEADER_BYTES + quoteBytes);
    answer.networkHeader = answer.data;
    answer.transportHeader = answer.data + ipBytes;
    icmp.writeError(skbs.memory.u8, answer.dataAt + ipBytes, kind, mtu);
    copyBits(skbs, about, 0, answer.dataAt + ipBytes + icmp.HEADER_BYTES, quoteBytes);
    ledger.note(EVENT.copy, REASON.icmpQuote, answer, quoteBytes, 1, about.id);
    ledger.note(EVENT.checksum, REASON.fused, answer, quoteBytes, 1, about.id);
    if (isIpv6) this.#writeIpv6(answer, about);
    else this.#writeIpv4(answer, about);
    this.#pushEthernet(answer, about, isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    // Its whole way out is this row: IP output and driver are priced with it.
    ledger.write(EVENT.answer, reason, answer.packet, answer.id, NONE, answer.len, 1, 0);
    this.transmit(answer);
  }

  #writeIpv4(answer: Skb, about: Skb): void {
    const { u8 } = this.host.skbs.memory;
    const at = answer.dataAt;
    const from = about.dataAt;
    u8[at] = 0x45;
    u8[at + ipv4.OFFSET_TOS] = ipv4.tos(u8, from) & TOS_KEPT | TOS_CONTROL;
    ipv4.setTotalLength(u8, at, answer.len);
    ipv4.setId(u8, at, this.#id++ & 0xffff);
    set16(u8, at + ipv4.OFFSET_FRAGMENT, 0);
    u8[at + ipv4.OFFSET_TTL] = HOP_LIMIT;
    u8[at + ipv4.OFFSET_PROTOCOL] = PROTOCOL_ICMP;
    ipv4.setSource(u8, at, ADDRESS_V4);
    ipv4.setDestination(u8, at, ipv4.source(u8, from));
    ipv4.writeHeaderChecksum(u8, at);
    this.#writeChecksum(answer, 0);
  }

  #writeIpv6(answer: Skb, about: Skb): void {
    const { u8 } = this.host.skbs.memory;
    const at = answer.dataAt;
    const from = about.dataAt;
    ipv6.setVersionClassFlow(u8, at, 0, 0);
    ipv6.setPayloadLength(u8, at, answer.len - ipv6.HEADER_BYTES);
    ipv6.setNextHeader(u8, at, PROTOCOL_ICMPV6);
    ipv6.setHopLimit(u8, at, HOP_LIMIT);
    ipv6.setSource(u8, at, ADDRESS_V6);
    ipv6.setDestination(u8, at, u8.subarray(from + ipv6.OFFSET_SOURCE, from + ipv6.OFFSET_DESTINATION));
    this.#writeChecksum(answer, pseudoHeaderSumIpv6(u8, at, PROTOCOL_ICMPV6, answer.len - ipv6.HEADER_BYTES));
  }

  #writeChecksum(answer: Skb, initial: number): void {
    const { u8 } = this.host.skbs.memory;
    const at = answer.head.at + answer.transportHeader;
    const sum = partialSum(u8, at, answer.len - (answer.transportHeader - answer.data), initial);
    set16(u8, at + icmp.OFFSET_CHECKSUM, finish(sum));
  }

  #pushEthernet(answer: Skb, about: Skb, etherType: number): void {
    const { u8 } = this.host.skbs.memory;
    const senderAt = about.head.at + about.macHeader + OFFSET_SOURCE;
    push(answer, ETH_HLEN);
    answer.macHeader = answer.data;
    writeEthernet(u8, answer.dataAt, u8.subarray(senderAt, senderAt + ETH_ALEN), GATEWAY_MAC, etherType);
  }
}

/** Multicast, or the broadcast address of all networks. */
function isGroupV4(address: number): boolean {
  return address >>> 28 === 0xe || address === 0xffffffff;
}
