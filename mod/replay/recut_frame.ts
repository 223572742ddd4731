/**
 * Builds one TCP frame from the headers of a captured packet and payload that may come from several.
 *
 * ```ts
 * const builder = new FrameBuilder();
 * builder.begin(packet, facts);
 * builder.append(carry.payload, 0, 54);
 * builder.appendPayload(packet, facts, 0, 1340);
 * builder.finish(sequence, id, flags); // The frame is in builder.bytes, builder.length long.
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { MISSING_BYTE } from "../skb/dma.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { writeEthernetHeader } from "./reframe.ts";

/** Longer than any frame whose length an IP header can say. */
const SCRATCH_BYTES = 1 << 17;

/** Bytes of Ethernet, IP and TCP headers of a packet of which `isWholeTcp()` is true. */
export function headerBytesOf(packet: CapturePacket, facts: FrameFacts): number {
  return facts.transportAt - facts.frameAt + tcp.dataOffsetBytes(packet.bytes, facts.transportAt);
}

/** Writes these headers to the start of `into`. */
export function copyHeaders(packet: CapturePacket, facts: FrameFacts, into: Uint8Array): void {
  const headerBytes = headerBytesOf(packet, facts);
  writeEthernetHeader(packet, facts, into);
  for (let i = ETH_HLEN; i < headerBytes; i++) into[i] = packet.bytes[facts.frameAt + i]!;
}

/** Copies `bytes` payload bytes of the packet from byte `offset` of its payload on, made up where the capture lacks them. */
export function copyPayload(
  packet: CapturePacket,
  facts: FrameFacts,
  offset: number,
  bytes: number,
  into: Uint8Array,
  at: number,
): void {
  const from = facts.frameAt + headerBytesOf(packet, facts) + offset;
  const there = Math.max(0, Math.min(bytes, facts.frameAt + facts.capturedFrameBytes - from));
  into.set(packet.bytes.subarray(from, from + there), at);
  if (there < bytes) into.fill(MISSING_BYTE, at + there, at + bytes);
}

/** Builds frames, always in the same place. */
export class FrameBuilder {
  /** The frame, from 0 on; made with the first. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Its length. */
  length = 0;

  #transportOffset = 0;

  /** Begins with the headers of a packet. */
  begin(packet: CapturePacket, facts: FrameFacts): void {
    this.#makeRoom();
    copyHeaders(packet, facts, this.bytes);
    this.length = headerBytesOf(packet, facts);
    this.#transportOffset = facts.transportAt - facts.frameAt;
  }

  /** Begins with headers that were kept; that of TCP is at `transportOffset`. */
  beginAgain(headers: Uint8Array, headerBytes: number, transportOffset: number): void {
    this.#makeRoom();
    for (let i = 0; i < headerBytes; i++) this.bytes[i] = headers[i]!;
    this.length = headerBytes;
    this.#transportOffset = transportOffset;
  }

  /** Appends `bytes` bytes from `at` in `from`. */
  append(from: Uint8Array, at: number, bytes: number): void {
    this.bytes.set(from.subarray(at, at + bytes), this.length);
    this.length += bytes;
  }

  /** Appends `bytes` payload bytes of a packet, from byte `offset` of its payload on. */
  appendPayload(packet: CapturePacket, facts: FrameFacts, offset: number, bytes: number): void {
    copyPayload(packet, facts, offset, bytes, this.bytes, this.length);
    this.length += bytes;
  }

  /** Writes what differs from frame to frame, and the checksums. The id is for IPv4. */
  finish(sequence: number, id: number, flags: number): void {
    const { bytes } = this;
    const transport = this.#transportOffset;
    ip.setTotalBytes(bytes, ETH_HLEN, this.length - ETH_HLEN);
    if (!ip.isIpv6(bytes, ETH_HLEN)) {
      ipv4.setId(bytes, ETH_HLEN, id);
      ipv4.writeHeaderChecksum(bytes, ETH_HLEN);
    }
    tcp.setSequence(bytes, transport, sequence);
    tcp.setFlags(bytes, transport, flags);
    tcp.setChecksum(bytes, transport, 0);
    const transportBytes = this.length - transport;
    const pseudo = pseudoHeaderSum(bytes, ETH_HLEN, PROTOCOL_TCP, transportBytes);
    tcp.setChecksum(bytes, transport, finish(partialSum(bytes, transport, transportBytes, pseudo)));
  }

  /** Most runs build no frame. */
  #makeRoom(): void {
    if (this.bytes.length === 0) this.bytes = new Uint8Array(SCRATCH_BYTES);
  }
}
