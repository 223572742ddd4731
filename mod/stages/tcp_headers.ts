/**
 * TCP and IP headers of what a socket sends (tcp_transmit_skb, __tcp_v4_send_check, ip_queue_xmit, inet6_csk_xmit; 4.4 and
 * 6.1).
 *
 * The headers of the captured packet that the last byte of a buffer comes from are kept in its headroom until it is sent:
 * addresses, ports, acknowledgment, window, options, time to live are those of the captured host. Then lengths, sequence
 * number, flags, ids and checksums are written. The checksum is left to the device or to segmentation (CHECKSUM_PARTIAL).
 *
 * Departures: urgent data is sent as any other.
 *
 * @module
 */

import { push } from "../skb/head_ops.ts";
import type { Memory } from "../skb/memory.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { set16 } from "../wire/bytes.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import type { OutgoingPacket } from "./outgoing.ts";

/** Flags that the headers of a captured packet decide; the others are said for each buffer. */
const FLAGS_KEPT = tcp.FLAG_ACK | tcp.FLAG_ECE | tcp.FLAG_CWR | tcp.FLAG_RST;

/** Headers of a packet: where they lie, and how long they are. */
export type PacketHeaders = Pick<OutgoingPacket, "headers" | "networkBytes" | "headerBytes">;

/** Longest headers that are remembered; TCP buffers have room for no longer ones. */
const REMEMBERED_BYTES_MAX = 256;

/**
 * The newest headers of a socket, for what is sent again: those kept in front of a buffer that was sent have been overwritten,
 * as a clone may (by ESP in transport mode, for example). One for each length, since the length of a segment goes with it.
 */
export class RememberedHeaders {
  readonly #byLength = new Map<number, PacketHeaders>();

  constructor(readonly memory: Memory) {}

  /** Remembers the headers of `from`. */
  remember(from: OutgoingPacket): void {
    const { headerBytes, networkBytes } = from;
    let known = this.#byLength.get(headerBytes);
    if (known === undefined || known.networkBytes !== networkBytes) {
      const headers = known?.headers ?? this.memory.allocate(REMEMBERED_BYTES_MAX);
      known = { headers, headerBytes, networkBytes };
      this.#byLength.set(headerBytes, known);
    }
    this.memory.move(from.headers.at, known.headers.at, headerBytes);
  }

  /** The newest headers as long as those that were kept in front of `skb`. */
  of(skb: Skb): PacketHeaders {
    return this.#byLength.get(keptBytes(skb))!;
  }

  /** Gives back what is held here. */
  release(): void {
    for (const { headers } of this.#byLength.values()) this.memory.put(headers);
    this.#byLength.clear();
  }
}

/** Keeps the headers of `from` in front of the data of `skb`, which has the room. */
export function keepHeaders(memory: Memory, skb: Skb, from: PacketHeaders): void {
  skb.networkHeader = skb.data - from.headerBytes;
  skb.transportHeader = skb.networkHeader + from.networkBytes;
  memory.move(from.headers.at, skb.head.at + skb.networkHeader, from.headerBytes);
}

/** Bytes of the headers that are kept in front of the data of `skb`. */
export function keptBytes(skb: Skb): number {
  return skb.data - skb.networkHeader;
}

/** Puts the kept headers in front of `skb`: it begins with `sequence`, and `flags` are SYN, FIN and PSH as they are due. */
export function pushHeaders(memory: Memory, skb: Skb, sequence: number, flags: number, id: number): void {
  push(skb, keptBytes(skb));
  const { u8 } = memory;
  const at = skb.dataAt;
  ip.setTotalBytes(u8, at, skb.len);
  if (!ip.isIpv6(u8, at)) {
    ipv4.setId(u8, at, id);
    ipv4.writeHeaderChecksum(u8, at);
  }
  const transportAt = skb.head.at + skb.transportHeader;
  const transportBytes = skb.len - (skb.transportHeader - skb.data);
  tcp.setSequence(u8, transportAt, sequence);
  tcp.setFlags(u8, transportAt, (tcp.flags(u8, transportAt) & FLAGS_KEPT) | flags);
  set16(u8, transportAt + tcp.OFFSET_URGENT, 0);
  tcp.setChecksum(u8, transportAt, pseudoHeaderSum(u8, at, PROTOCOL_TCP, transportBytes));
  skb.ipSummed = CHECKSUM.partial;
  skb.checksumOffset = tcp.OFFSET_CHECKSUM;
}
