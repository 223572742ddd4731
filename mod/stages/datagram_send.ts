/**
 * Datagrams of this host: UDP, and whatever else is not TCP.
 *
 * linux-datapath 1.12 (net/ipv4/udp.c: udp_sendmsg; net/ipv4/ip_output.c: ip_make_skb, ip_send_skb; net/ipv6/udp.c,
 * net/ipv6/ip6_output.c; 4.4 and 6.1). Buffers are laid out by `datagram_layout.ts` and are nobody's clones. A datagram above
 * the MTU is one buffer with a frag_list of what will be its fragments. IPv4 cannot leave the checksum to the device under a
 * transform: it is summed while the datagram is copied. UDP over IPv6 can, if the datagram is one buffer.
 *
 * What is written in parts (MSG_MORE) goes behind the first part: into tailroom where the device does not gather, for which the
 * buffer was made as long as the MTU allows, else into pages of the process.
 *
 * Departures: one captured packet is one call of sendmsg, and what is written in parts fits into one buffer. Who asked never to fragment (IP_PMTUDISC_DO) is
 * fragmented all the same.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { put, reserve } from "../skb/head_ops.ts";
import { addToFragList, trim } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb, type SkbOwner } from "../skb/skb.ts";
import { PageFragPool } from "../skb/page_frag_pool.ts";
import { copyAndSum, copyToLinear, copyToPages, roomInPages } from "../skb/user_copy.ts";
import { set16 } from "../wire/bytes.ts";
import { combine, finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as udp from "../wire/udp.ts";
import { type DatagramLayout, Ipv4Layout, Ipv6Layout, type TransformRoom } from "./datagram_layout.ts";
import { framesIn, type Host, observe, type Stage } from "./host.ts";
import { type OutgoingPacket, PayloadCursor } from "./outgoing.ts";
import type { InnerMtu } from "./xfrm_output.ts";

/** Memory of the datagrams of one socket that are on their way, at most (net.core.wmem_default). */
const SEND_BUFFER_BYTES = 212992;

/** A socket that datagrams are sent through: what they fill of its send buffer. */
export class DatagramSocket implements SkbOwner {
  #heldBytes = 0;

  /** `onRoom` is called when a datagram has left. */
  constructor(readonly onRoom: () => void) {}

  /** Whether a process that sends has to wait (sock_alloc_send_skb). */
  get isFull(): boolean {
    return this.#heldBytes >= SEND_BUFFER_BYTES;
  }

  charge(skb: Skb): void {
    skb.owner = this;
    skb.chargedBytes = skb.truesize;
    this.#heldBytes += skb.chargedBytes;
  }

  release(skb: Skb): void {
    skb.owner = null;
    this.#heldBytes -= skb.chargedBytes;
    this.onRoom();
  }
}

/** What the sender of datagrams has to know. */
export interface DatagramParts {
  readonly host: Host;
  /** Takes what is sent, its IP header in front. */
  readonly output: Stage;
  readonly room: TransformRoom;
  readonly innerMtu: InnerMtu;
  readonly isTunnel: boolean;
}

/** Sends datagrams. */
export class DatagramSender {
  readonly #ipv4: DatagramLayout;
  readonly #ipv6: DatagramLayout;
  readonly #cursor = new PayloadCursor();
  /** The pages that parts of datagrams are written to (sk_page_frag). */
  readonly #pool: PageFragPool;
  /** Ones-complement sum of the bytes copied so far, and how many these are. */
  #sum = 0;
  #copied = 0;

  constructor(readonly parts: DatagramParts) {
    const { room, innerMtu, isTunnel, host } = parts;
    this.#ipv4 = new Ipv4Layout(room, innerMtu.ipv4);
    this.#ipv6 = new Ipv6Layout(room, isTunnel ? innerMtu.ipv6 : host.config.mtu, isTunnel);
    this.#pool = new PageFragPool(host.skbs.memory, host.skbs.pageOrder);
  }

  /** Gives back what it holds itself. */
  release(): void {
    this.#pool.release();
  }

  /** Sends `from` as one datagram; `owner` answers for its memory. */
  send(from: OutgoingPacket, owner: SkbOwner): void {
    const { host, output } = this.parts;
    host.ledger.visit(STAGE.socket, from.packet, NONE, from.payloadBytes, 1);
    const isIpv6 = ip.isIpv6(host.skbs.memory.u8, from.headers.at);
    const skb = this.#isInParts(from, isIpv6) ? this.#buildInParts(from, isIpv6) : this.#build(from, isIpv6);
    this.#writeHeaders(skb, from, isIpv6);
    skb.packet = from.packet;
    skb.members = from.members;
    skb.memberEnds = from.memberEnds;
    skb.payloadBytes = from.memberEnds?.at(-1) ?? from.payloadBytes;
    skb.flow = from.flow;
    skb.hash = from.hash;
    owner.charge(skb);
    observe(host, skb);
    host.gate.enter(framesIn(skb));
    host.cpu.handOn(output, skb);
  }

  /** The buffers, their data behind the IP header that only the first gets yet. */
  #build(from: OutgoingPacket, isIpv6: boolean): Skb {
    const layout = isIpv6 ? this.#ipv6 : this.#ipv4;
    const isUdp = from.headerBytes > from.networkBytes;
    this.#sum = 0;
    this.#copied = 0;
    let first: Skb | null = null;
    let last: Skb | null = null;
    const total = from.headerBytes - from.networkBytes + from.payloadBytes;
    for (layout.start(from.networkBytes, total); layout.next();) {
      const skb = this.parts.host.skbs.allocSkb(layout.allocBytes);
      reserve(skb, layout.headroom + from.networkBytes);
      if (last !== null && layout.gapBytes > 0) this.#moveGap(last, skb, from.packet, layout.gapBytes);
      if (first === null && isUdp) this.#putHeader(skb, from);
      const isSummed = !(this.#leavesSum(isIpv6) && isUdp && layout.dataBytes === total);
      this.#copyData(skb, from, layout.dataBytes - skb.len, isSummed);
      if (first === null) first = skb;
      else addToFragList(first, last === first ? null : last, skb);
      last = skb;
    }
    return first!;
  }

  #mtuOf(isIpv6: boolean): number {
    return isIpv6 ? this.#ipv6.mtu : this.#ipv4.mtu;
  }

  /**
   * The device is to fill the checksum in: of IPv4 behind ESP only one that sums before it encrypts (NETIF_F_HW_ESP_TX_CSUM),
   * without IPsec any that sums.
   */
  #leavesSum(isIpv6: boolean): boolean {
    const { mode, offload, nic_tx_csum } = this.parts.host.config;
    if (mode === "none") return nic_tx_csum === "on";
    return isIpv6 || (offload !== "none" && nic_tx_csum === "on");
  }

  #isInParts({ writes, headerBytes, payloadBytes }: OutgoingPacket, isIpv6: boolean): boolean {
    return writes !== null && writes.length > 1 && headerBytes + payloadBytes <= this.#mtuOf(isIpv6);
  }

  /** The first part is laid out as a datagram of its own, the others go behind it. */
  #buildInParts(from: OutgoingPacket, isIpv6: boolean): Skb {
    const { skbs, config } = this.parts.host;
    const layout = isIpv6 ? this.#ipv6 : this.#ipv4;
    const [first, ...others] = from.writes!;
    const transportBytes = from.headerBytes - from.networkBytes;
    this.#sum = 0;
    this.#copied = 0;
    layout.start(from.networkBytes, transportBytes + first!);
    layout.next();
    const gathers = config.nic_sg === "on";
    const roomBehind = gathers ? 0 : this.#mtuOf(isIpv6) - from.networkBytes - layout.dataBytes;
    const skb = skbs.allocSkb(layout.allocBytes + roomBehind);
    reserve(skb, layout.headroom + from.networkBytes);
    if (transportBytes > 0) this.#putHeader(skb, from);
    this.#copyData(skb, from, first!, true);
    for (const bytes of others) {
      if (!gathers && skb.tailroom >= bytes) this.#copyData(skb, from, bytes, true);
      else this.#copyToPages(skb, from, bytes);
    }
    return skb;
  }

  #copyToPages(skb: Skb, from: OutgoingPacket, bytes: number): void {
    const { skbs } = this.parts.host;
    const cursor = this.#cursor;
    for (let left = bytes; left > 0;) {
      cursor.seek(from, this.#copied);
      const size = Math.min(left, cursor.bytes, roomInPages(skbs, skb, this.#pool));
      const at = cursor.block!.at + cursor.offset;
      copyToPages(skbs, skb, this.#pool, from.packet, at, size);
      skbs.ledger.write(EVENT.checksum, REASON.fusedUser, from.packet, skb.id, NONE, size, 1, 0);
      this.#sum = combine(this.#sum, partialSum(skbs.memory.u8, at, size), this.#copied);
      this.#copied += size;
      left -= size;
    }
  }

  /** The last `bytes` bytes of `from` become the first of `to`. */
  #moveGap(from: Skb, to: Skb, packet: number, bytes: number): void {
    const { memory, ledger } = this.parts.host.skbs;
    put(to, bytes);
    memory.move(from.dataAt + from.len - bytes, to.dataAt, bytes);
    ledger.write(EVENT.copy, REASON.fragmentGap, packet, to.id, from.id, bytes, 1, 0);
    trim(this.parts.host.skbs, from, from.len - bytes);
  }

  #putHeader(skb: Skb, from: OutgoingPacket): void {
    const bytes = from.headerBytes - from.networkBytes;
    put(skb, bytes);
    this.parts.host.skbs.memory.move(from.headers.at + from.networkBytes, skb.dataAt, bytes);
  }

  /** The next `bytes` bytes of the payload go behind the data of `skb`. */
  #copyData(skb: Skb, from: OutgoingPacket, bytes: number, isSummed: boolean): void {
    const { skbs } = this.parts.host;
    const cursor = this.#cursor;
    for (let left = bytes; left > 0;) {
      cursor.seek(from, this.#copied);
      const size = Math.min(left, cursor.bytes);
      const at = cursor.block!.at + cursor.offset;
      if (isSummed) {
        const sum = copyAndSum(skbs, skb, from.packet, at, size, REASON.userDatagram);
        this.#sum = combine(this.#sum, sum, this.#copied);
      } else copyToLinear(skbs, skb, from.packet, at, size, REASON.userDatagram);
      this.#copied += size;
      left -= size;
    }
  }

  #writeHeaders(skb: Skb, from: OutgoingPacket, isIpv6: boolean): void {
    const { memory } = this.parts.host.skbs;
    skb.data -= from.networkBytes;
    skb.len += from.networkBytes;
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data + from.networkBytes;
    const { u8 } = memory;
    const at = skb.dataAt;
    memory.move(from.headers.at, at, from.networkBytes);
    ip.setTotalBytes(u8, at, skb.len);
    if (!isIpv6) {
      const mayNotFragment = skb.len <= this.parts.innerMtu.ipv4 && ipv4.dontFragment(u8, at);
      set16(u8, at + ipv4.OFFSET_FRAGMENT, mayNotFragment ? ipv4.FLAG_DF : 0);
      ipv4.writeHeaderChecksum(u8, at);
    }
    if (from.headerBytes > from.networkBytes) this.#writeUdp(skb, from, at + from.networkBytes, isIpv6);
  }

  /** Length and checksum; a checksum of 0 over IPv4 says that the process wants none. */
  #writeUdp(skb: Skb, from: OutgoingPacket, udpAt: number, isIpv6: boolean): void {
    const { u8 } = this.parts.host.skbs.memory;
    const bytes = skb.len - (skb.transportHeader - skb.data);
    udp.setLength(u8, udpAt, bytes);
    if (!isIpv6 && udp.checksum(u8, udpAt) === 0) return;
    udp.setChecksum(u8, udpAt, 0);
    const pseudo = pseudoHeaderSum(u8, skb.dataAt, PROTOCOL_UDP, bytes);
    if (this.#leavesSum(isIpv6) && !skb.hasFragList && !this.#isInParts(from, isIpv6)) {
      skb.ipSummed = CHECKSUM.partial;
      skb.checksumOffset = udp.OFFSET_CHECKSUM;
      udp.setChecksum(u8, udpAt, pseudo);
      return;
    }
    const checksum = finish(partialSum(u8, udpAt, udp.HEADER_BYTES, pseudo) + this.#sum);
    udp.setChecksum(u8, udpAt, checksum === 0 ? 0xffff : checksum);
  }
}
