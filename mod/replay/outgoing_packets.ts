/**
 * Captured packets of our host become what its process has to send.
 *
 * Headers and payload are put into blocks of the arena that stand for the memory of the process; with `sendfile` the payload
 * of each flow fills the pages of a file. Bytes cut off by the snap length are filled in.
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { MISSING_BYTE } from "../skb/dma.ts";
import { PAGE_SIZE } from "../skb/geometry.ts";
import type { Block, Memory } from "../skb/memory.ts";
import { Frag } from "../skb/skb.ts";
import { OutgoingPacket } from "../stages/outgoing.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import type { Oddities } from "./oddities.ts";
import type { Datagram } from "./reassembly.ts";

/** Longest headers that fit into the headroom of a TCP buffer beside those of ESP and the link. */
const TCP_HEADERS_MAX = 200;
/** Flags of packets behind which a write of the process ends. */
const FLAGS_END_OF_WRITE = tcp.FLAG_PSH | tcp.FLAG_FIN | tcp.FLAG_URG;

/** Largest buffer that TCP hands to a device at once (GSO_MAX_SIZE of 6.1, BIG TCP). */
const GSO_MAX_BYTES = 8 * 65536;

/** What a length field of IP can say. */
function longestPacketBytes(isIpv6: boolean): number {
  return 0xffff + (isIpv6 ? ipv6.HEADER_BYTES : 0);
}

/** Makes outgoing packets; they hold references on their bytes. */
export class OutgoingPackets {
  /** Page that the file of a flow is being written to, by flow, and bytes in it. */
  readonly #pages = new Map<number, { block: Block; bytes: number }>();

  constructor(
    readonly memory: Memory,
    /** MTU of the device: what is larger was gathered by the captured host. */
    readonly mtu: number,
    readonly sendfile: boolean,
    readonly oddities: Oddities,
  ) {}

  /** Gives the pages of files back. */
  release(): void {
    for (const { block } of this.#pages.values()) this.memory.put(block);
    this.#pages.clear();
  }

  /** Whether a socket takes the packet that `facts` have been read from: lengths of captures may be any. */
  canSend({ bytes }: CapturePacket, facts: FrameFacts): boolean {
    if (isSegment(bytes, facts)) return facts.payloadBytes <= GSO_MAX_BYTES;
    return facts.transportAt - facts.ipAt + facts.transportBytes <= longestPacketBytes(facts.isIpv6);
  }

  /** The packet that `facts` have been read from, which a socket can send. */
  whole(packet: CapturePacket, facts: FrameFacts, flow: number, hash: number): OutgoingPacket {
    const { bytes } = packet;
    const isTcp = isSegment(bytes, facts);
    const networkBytes = facts.transportAt - facts.ipAt;
    const headerBytes = networkBytes + transportHeaderBytes(bytes, facts, isTcp);
    const headers = this.#place(bytes, facts.ipAt, there(facts, facts.ipAt), headerBytes);
    const outgoing = new OutgoingPacket(packet.index, headers);
    outgoing.flow = flow;
    outgoing.hash = hash;
    outgoing.isTcp = isTcp;
    outgoing.networkBytes = isTcp ? this.#dropJumbo(headers, networkBytes, headerBytes) : networkBytes;
    outgoing.headerBytes = headerBytes - (networkBytes - outgoing.networkBytes);
    outgoing.payloadBytes = facts.transportBytes - (headerBytes - networkBytes);
    outgoing.endsWrite = isTcp &&
      (facts.ipBytes > this.mtu || (tcp.flags(bytes, facts.transportAt) & FLAGS_END_OF_WRITE) !== 0);
    const payloadAt = facts.ipAt + headerBytes;
    if (facts.capturedFrameBytes < facts.frameBytes) this.oddities.cut += 1;
    if (outgoing.payloadBytes === 0) return outgoing;
    if (isTcp && this.sendfile) this.#writeFile(outgoing, bytes, payloadAt, there(facts, payloadAt));
    else this.#writeOwn(outgoing, bytes, payloadAt, there(facts, payloadAt));
    return outgoing;
  }

  /** A datagram that was put together of fragments; what IP cannot carry of it is left out. */
  datagram(datagram: Datagram): OutgoingPacket {
    const { headers, data, members } = datagram;
    const isIpv6 = headers.length > 0 && ip.isIpv6(headers, 0);
    const bytes = Math.min(datagram.bytes, longestPacketBytes(isIpv6) - headers.length);
    const isUdp = headers.length > 0 && ip.protocol(headers, 0) === PROTOCOL_UDP && bytes >= udp.HEADER_BYTES;
    const transportBytes = isUdp ? udp.HEADER_BYTES : 0;
    const block = this.memory.allocate(headers.length + transportBytes);
    this.memory.u8.set(headers, block.at);
    this.memory.u8.set(data.subarray(0, transportBytes), block.at + headers.length);
    const outgoing = new OutgoingPacket(members[0]!, block);
    outgoing.flow = datagram.flow;
    outgoing.hash = datagram.hash;
    outgoing.networkBytes = headers.length;
    outgoing.headerBytes = headers.length + transportBytes;
    outgoing.payloadBytes = bytes - transportBytes;
    outgoing.members = datagram.members;
    outgoing.memberEnds = datagram.memberEnds;
    if (outgoing.payloadBytes > 0) this.#writeOwn(outgoing, data, transportBytes, outgoing.payloadBytes);
    return outgoing;
  }

  /** `bytes` bytes of which `captured` are at `at` in `from`. */
  #place(from: Uint8Array, at: number, captured: number, bytes: number): Block {
    const block = this.memory.allocate(Math.max(1, bytes));
    this.#fill(block, 0, from, at, captured, bytes);
    return block;
  }

  #fill(block: Block, offset: number, from: Uint8Array, at: number, captured: number, bytes: number): void {
    const { u8 } = this.memory;
    const size = Math.max(0, Math.min(captured, bytes));
    u8.set(from.subarray(at, at + size), block.at + offset);
    if (size < bytes) u8.fill(MISSING_BYTE, block.at + offset + size, block.at + offset + bytes);
    this.memory.watch?.filled(block.at + offset, bytes);
  }

  /** The payload lies in memory of its own. */
  #writeOwn(outgoing: OutgoingPacket, from: Uint8Array, at: number, captured: number): void {
    const { payloadBytes } = outgoing;
    outgoing.pieces.push(new Frag(this.#place(from, at, captured, payloadBytes), 0, payloadBytes));
  }

  /** The payload goes on where the file of the flow ends. */
  #writeFile(outgoing: OutgoingPacket, from: Uint8Array, at: number, captured: number): void {
    for (let done = 0; done < outgoing.payloadBytes;) {
      let page = this.#pages.get(outgoing.flow);
      if (page === undefined || page.bytes === PAGE_SIZE) {
        if (page !== undefined) this.memory.put(page.block);
        page = { block: this.memory.allocate(PAGE_SIZE), bytes: 0 };
        this.#pages.set(outgoing.flow, page);
      }
      const size = Math.min(PAGE_SIZE - page.bytes, outgoing.payloadBytes - done);
      this.#fill(page.block, page.bytes, from, at + done, captured - done, size);
      this.memory.get(page.block);
      outgoing.pieces.push(new Frag(page.block, page.bytes, size));
      page.bytes += size;
      done += size;
    }
  }

  /** A jumbogram (BIG TCP) says its length in a header that its segments do not have; returns what IP headers are left. */
  #dropJumbo(headers: Block, networkBytes: number, headerBytes: number): number {
    const { u8 } = this.memory;
    const { at } = headers;
    if (!ip.isIpv6(u8, at) || ipv6.payloadLength(u8, at) > 0 || networkBytes === ipv6.HEADER_BYTES) return networkBytes;
    ipv6.setNextHeader(u8, at, PROTOCOL_TCP);
    this.memory.move(at + networkBytes, at + ipv6.HEADER_BYTES, headerBytes - networkBytes);
    return ipv6.HEADER_BYTES;
  }
}

/** Captured bytes from offset `at` on. */
function there(facts: FrameFacts, at: number): number {
  return Math.max(0, facts.frameAt + facts.capturedFrameBytes - at);
}

/** A TCP segment with a header that sockets can repeat. A reset with payload is none: nobody would keep that payload. */
function isSegment(u8: Uint8Array, facts: FrameFacts): boolean {
  if (facts.protocol !== PROTOCOL_TCP || facts.isFragment || facts.hasSegmentsLeft) return false;
  const bytes = Math.min(there(facts, facts.transportAt), facts.transportBytes);
  if (bytes < tcp.HEADER_BYTES) return false;
  const headerBytes = tcp.dataOffsetBytes(u8, facts.transportAt);
  if (headerBytes < tcp.HEADER_BYTES || headerBytes > bytes) return false;
  if (facts.transportAt - facts.ipAt + headerBytes > TCP_HEADERS_MAX) return false;
  return facts.payloadBytes === 0 || (tcp.flags(u8, facts.transportAt) & tcp.FLAG_RST) === 0;
}

/** Bytes of transport header that the socket writes itself. */
function transportHeaderBytes(u8: Uint8Array, facts: FrameFacts, isTcp: boolean): number {
  if (isTcp) return tcp.dataOffsetBytes(u8, facts.transportAt);
  const isUdp = facts.protocol === PROTOCOL_UDP && !facts.isFragment && !facts.hasSegmentsLeft;
  return isUdp && Math.min(facts.transportBytes, there(facts, facts.transportAt)) >= udp.HEADER_BYTES
    ? udp.HEADER_BYTES
    : 0;
}
