/**
 * What a NIC does with received ESP packets of an SA that is offloaded to it: it decrypts, or makes clear packets of them.
 *
 * linux-datapath 8.2. With `offload=crypto` the packet keeps headers and trailer, and the driver says whether the ICV was right; the
 * stack does the rest (`esp_input.ts`). With `offload=packet` the NIC tests the replay window and takes ESP off: what the stack gets
 * is clear, and hashed as such. Either verifies the transport checksum inside (`nic_rx_csum`).
 *
 * What the NIC cannot follow, a fragment, a packet with IPv4 options or IPv6 extension headers, one of an unknown SA, comes up as it
 * is, and the stack decrypts it.
 *
 * Each packet that it decrypts is one `open` row with reason `nic`, of no scatterlist entry and no cipher step.
 *
 * Departures: the window of the NIC and that of the stack are one. What the NIC drops, it drops when the frame arrives.
 *
 * ```ts
 * const nic = new NicEspInput(host, inbound);
 * if (nic.receive(frame, nowNs)) ring.arrive(frame, nowNs);
 * ```
 *
 * @module
 */

import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES } from "../esp/arithmetic.ts";
import { OFFSET_SEQUENCE, sequenceHigh } from "../esp/framing.ts";
import type { InboundAssociation, InboundTable } from "../esp/inbound.ts";
import { openEsp } from "../esp/seal.ts";
import { writeTransportHeader } from "../esp/transport.ts";
import { innerDsField } from "../esp/tunnel_header.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { moveInFrame, readRxFrame, releaseFrame, type RxFrame, writeFrame } from "../skb/dma.ts";
import { packetAt, packetsIn, payloadAt } from "../skb/members.ts";
import { RX_ESP } from "../skb/skb.ts";
import { get32, set16 } from "../wire/bytes.ts";
import { partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_TYPE } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import {
  PROTOCOL_ESP,
  PROTOCOL_IPIP,
  PROTOCOL_IPV6,
  PROTOCOL_NONE,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { espHeaderBytes } from "./esp_transform.ts";
import type { Host } from "./host.ts";

const SCRATCH_BYTES = 1 << 17;
const ALL_ONES = 0xffff;

/** The receive half of a NIC's ESP engine. */
export class NicEspInput {
  readonly #bytes = new Uint8Array(SCRATCH_BYTES);
  readonly #decapsulates: boolean;
  readonly #verifies: boolean;
  /** The packet at hand: where ESP begins and the packet ends. */
  #espAt = 0;
  #endAt = 0;

  constructor(readonly host: Host, readonly table: InboundTable) {
    const { offload, nic_rx_csum } = host.config;
    this.#decapsulates = offload === "packet";
    this.#verifies = nic_rx_csum === "on";
  }

  /** Takes a frame off the wire at `nowNs`; false when the NIC has dropped it, and its buffers are given back. */
  receive(frame: RxFrame, nowNs: number): boolean {
    const inbound = this.#find(frame);
    if (inbound === undefined) return true;
    const bytes = this.#bytes;
    const { sa, window } = inbound;
    const low = get32(bytes, this.#espAt + OFFSET_SEQUENCE);
    const sequence = sa.esn ? window.extended(low) : low;
    const isOpened = this.#open(frame, inbound, sequenceHigh(sequence), nowNs);
    if (!this.#decapsulates) {
      frame.rxEsp = isOpened ? RX_ESP.decrypted : RX_ESP.failed;
      if (isOpened) this.#rewrite(frame, frame.bytes, this.#isGoodInside(inbound));
      return true;
    }
    if (!isOpened) return this.#lose(frame, REASON.nicStatus, nowNs);
    if (!window.accepts(sequence)) return this.#lose(frame, REASON.replayed, nowNs);
    const refusal = this.#refusal(inbound);
    if (refusal !== REASON.none) return this.#lose(frame, refusal, nowNs);
    window.advance(sequence);
    const end = this.#decapsulate(inbound);
    frame.rxEsp = RX_ESP.decapsulated;
    this.#rewrite(frame, end, this.#isGood(ETH_HLEN, end));
    return true;
  }

  /** The association of a frame that the NIC can follow; reads it. */
  #find(frame: RxFrame): InboundAssociation | undefined {
    const bytes = this.#bytes;
    if (frame.gsoSize > 0 || frame.bytes < ETH_HLEN + ipv4.HEADER_BYTES) return undefined;
    readRxFrame(this.host.skbs.memory, frame, bytes);
    const isIpv6 = etherType(bytes, 0) === ETHERTYPE_IPV6;
    if (!isIpv6 && etherType(bytes, 0) !== ETHERTYPE_IPV4) return undefined;
    if (ip.isIpv6(bytes, ETH_HLEN) !== isIpv6 || ip.protocol(bytes, ETH_HLEN) !== PROTOCOL_ESP) return undefined;
    const headerBytes = isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    if (!isIpv6 && (ipv4.ihlBytes(bytes, ETH_HLEN) !== headerBytes || ipv4.isFragment(bytes, ETH_HLEN))) {
      return undefined;
    }
    this.#espAt = ETH_HLEN + headerBytes;
    this.#endAt = ETH_HLEN + ip.totalBytes(bytes, ETH_HLEN);
    if (this.#endAt > frame.bytes || this.#endAt - this.#espAt < ESP_HEADER_BYTES) return undefined;
    const inbound = this.table.find(bytes, ETH_HLEN, get32(bytes, this.#espAt));
    if (inbound === undefined) return undefined;
    const { sa } = inbound;
    const leastBytes = espHeaderBytes(sa) + ESP_TRAILER_BYTES + sa.icvBytes;
    return this.#endAt - this.#espAt < leastBytes ? undefined : inbound;
  }

  #open(frame: RxFrame, { sa, aead }: InboundAssociation, high: number, nowNs: number): boolean {
    const espBytes = this.#endAt - this.#espAt;
    const subject = { id: NONE, packet: frame.packet };
    const sealedBytes = espBytes - espHeaderBytes(sa) - sa.icvBytes;
    this.host.ledger.deviceRequest(nowNs, STAGE.nic, EVENT.open, REASON.nic, subject, sealedBytes, 0, 0);
    if (frame.leftClear || aead === null) return true;
    const isOpened = openEsp(sa, aead, this.#bytes, this.#espAt, espBytes, high);
    frame.leftClear = isOpened;
    return isOpened;
  }

  /** Where what ESP protects ends, without padding. */
  #innerEnd({ sa }: InboundAssociation): number {
    const trailerAt = this.#endAt - sa.icvBytes - ESP_TRAILER_BYTES;
    return trailerAt - this.#bytes[trailerAt]!;
  }

  /** Why what was decrypted makes no sense; REASON.none if it does. */
  #refusal(inbound: InboundAssociation): number {
    const { sa } = inbound;
    const innerAt = this.#espAt + espHeaderBytes(sa);
    const innerEnd = this.#innerEnd(inbound);
    const next = this.#nextHeader(inbound);
    if (innerEnd <= innerAt) return REASON.padLength;
    if (next === PROTOCOL_NONE) return REASON.dummy;
    if (sa.mode === "transport") return REASON.none;
    const leastBytes = next === PROTOCOL_IPV6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    const isIp = (next === PROTOCOL_IPV6 || next === PROTOCOL_IPIP) && innerEnd - innerAt >= leastBytes;
    return isIp ? REASON.none : REASON.notTunnelled;
  }

  #nextHeader({ sa }: InboundAssociation): number {
    return this.#bytes[this.#endAt - sa.icvBytes - 1]!;
  }

  /** Makes the clear frame at the start of the scratch array; returns its length. */
  #decapsulate(inbound: InboundAssociation): number {
    const { sa } = inbound;
    const bytes = this.#bytes;
    const nextHeader = this.#nextHeader(inbound);
    const innerAt = this.#espAt + espHeaderBytes(sa);
    const innerEnd = this.#innerEnd(inbound);
    if (sa.mode === "transport") {
      moveInFrame(bytes, this.#espAt, innerAt, innerEnd);
      const end = this.#espAt + innerEnd - innerAt;
      const protocolOffset = ip.isIpv6(bytes, ETH_HLEN) ? ipv6.OFFSET_NEXT_HEADER : ipv4.OFFSET_PROTOCOL;
      writeTransportHeader(bytes, ETH_HLEN, protocolOffset, nextHeader, end - ETH_HLEN);
      return end;
    }
    const inside = ip.dsField(bytes, innerAt);
    const field = innerDsField(inside, ip.dsField(bytes, ETH_HLEN), sa.tunnelHeader);
    moveInFrame(bytes, ETH_HLEN, innerAt, innerEnd);
    set16(bytes, OFFSET_TYPE, nextHeader === PROTOCOL_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    if (field !== inside) {
      ip.setDsField(bytes, ETH_HLEN, field);
      if (!ip.isIpv6(bytes, ETH_HLEN)) ipv4.writeHeaderChecksum(bytes, ETH_HLEN);
    }
    return ETH_HLEN + innerEnd - innerAt;
  }

  /** The first `length` bytes of the scratch array are the frame now. */
  #rewrite(frame: RxFrame, length: number, checksumGood: boolean): void {
    const { memory } = this.host.skbs;
    releaseFrame(memory, frame);
    frame.checksumGood = this.#verifies && checksumGood;
    writeFrame(memory, frame, this.#bytes, 0, length, length);
  }

  /** Whether the checksum inside a decrypted packet is right. */
  #isGoodInside(inbound: InboundAssociation): boolean {
    const innerAt = this.#espAt + espHeaderBytes(inbound.sa);
    const end = this.#innerEnd(inbound);
    if (inbound.sa.mode === "tunnel") return this.#isGood(innerAt, end);
    return this.#isGoodTransport(ETH_HLEN, innerAt, end, this.#nextHeader(inbound));
  }

  /** The same of the clear packet with the IP header at `ipAt`, which ends at `end`; only without options. */
  #isGood(ipAt: number, end: number): boolean {
    const bytes = this.#bytes;
    const isIpv6 = ip.isIpv6(bytes, ipAt);
    const headerBytes = isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    if (end - ipAt < headerBytes || ip.headerBytes(bytes, ipAt) !== headerBytes) return false;
    if (!isIpv6 && ipv4.isFragment(bytes, ipAt)) return false;
    return this.#isGoodTransport(ipAt, ipAt + headerBytes, end, ip.protocol(bytes, ipAt));
  }

  /** TCP and UDP are verified; a datagram without a checksum counts as if it were. */
  #isGoodTransport(ipAt: number, at: number, end: number, protocol: number): boolean {
    const bytes = this.#bytes;
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return false;
    if (end - at < (protocol === PROTOCOL_TCP ? tcp.HEADER_BYTES : udp.HEADER_BYTES)) return false;
    if (protocol === PROTOCOL_UDP && !ip.isIpv6(bytes, ipAt) && udp.checksum(bytes, at) === 0) return true;
    return partialSum(bytes, at, end - at, pseudoHeaderSum(bytes, ipAt, protocol, end - at)) === ALL_ONES;
  }

  /** The frame is dropped, with the packets that end in it. */
  #lose(frame: RxFrame, reason: number, nowNs: number): false {
    const { ledger, skbs } = this.host;
    const { bytes, flow } = frame;
    const packets = packetsIn(frame);
    const write = (packet: number, count: number, payloadBytes: number): void => {
      ledger.writeDevice(nowNs, STAGE.nic, EVENT.drop, reason, packet, NONE, bytes, count, payloadBytes, flow);
    };
    for (let i = 0; i < packets; i++) write(packetAt(frame, i), 1, payloadAt(frame, i));
    if (packets === 0) write(frame.packet, 0, 0);
    releaseFrame(skbs.memory, frame);
    return false;
  }
}
