/**
 * The buffers that a TCP socket gathers what is written into: their layout.
 *
 * linux-datapath 1.10 (net/ipv4/tcp.c: tcp_sendmsg, select_size, sk_stream_alloc_skb of 4.4; tcp_sendmsg_locked,
 * tcp_stream_alloc_skb of 6.1). Era 4.4 puts what is written into the linear area: all of it where the socket has no GSO,
 * as over an IPsec route, and about 1.4 KB of it where it has; the rest goes to page fragments. Era 6.1 has no linear payload
 * at all. Fragments are pieces of the socket's page-frag pool, and one that follows its predecessor becomes part of it, so
 * that 64 KiB are 2 to 4 fragments. With `sendfile` the fragments are the pages of the file themselves.
 *
 * Departures: `MAX_TCP_HEADER` is that of a build with IP tunnels and wireless mesh (304 and 320); every process has a pool
 * of its own for each socket (Linux: one for each task).
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import { PAGE_SIZE } from "../skb/geometry.ts";
import { reserve } from "../skb/head_ops.ts";
import { PageFragPool } from "../skb/page_frag_pool.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { copyToLinear, copyToPages, referToFilePage, roomInPages, takesFilePage } from "../skb/user_copy.ts";
import { type OutgoingPacket, PayloadCursor } from "./outgoing.ts";

/** Room for the headers of all layers (MAX_TCP_HEADER). */
export const MAX_TCP_HEADER = { "4.4": 304, "6.1": 320 } as const;
/** Block from which heads of sockets with GSO are cut in 4.4. */
const SMALL_BLOCK_BYTES = 2048;
/** Largest GSO packet of a device (GSO_MAX_SIZE). */
const GSO_MAX_BYTES = 65536;

/** What decides about the buffers of sockets. */
export type SocketGsoKeys = Pick<Config, "socket_gso" | "gso" | "offload" | "mode" | "era" | "nic_sg">;

/**
 * Whether the sockets of a configuration build buffers larger than a segment (sk_can_gso). Without IPsec they do where the device has
 * GSO, which needs that it gathers; since 4.17 in front of any device (sk_setup_caps, netdev_fix_features).
 */
export function hasSocketGso({ socket_gso, gso, offload, mode, era, nic_sg }: SocketGsoKeys): boolean {
  if (socket_gso !== "auto") return socket_gso === "on";
  if (mode === "none") return era === "6.1" || nic_sg === "on";
  return gso === "l2" || (gso === "xfrm" && offload !== "none");
}

/** Makes the buffers of one socket. */
export class TcpBuilder {
  readonly #pool: PageFragPool;
  readonly #cursor = new PayloadCursor();
  readonly #maxHeader: number;
  readonly #usesFilePages: boolean;
  readonly #gathers: boolean;

  /**
   * A buffer has `maxSegments` segments at most: 1 without GSO. A socket with GSO does not mind whether the device gathers
   * (`nic_sg`); without either there is no sendfile (sock_no_sendpage), and in 4.4 nothing but linear payload.
   */
  constructor(
    readonly skbs: SkbMemory,
    { sendfile, nic_sg }: Pick<Config, "sendfile" | "nic_sg">,
    readonly maxSegments: number,
  ) {
    this.#gathers = nic_sg === "on" || maxSegments > 1;
    this.#pool = new PageFragPool(skbs.memory, skbs.pageOrder);
    this.#maxHeader = MAX_TCP_HEADER[skbs.era];
    this.#usesFilePages = sendfile === "on" && this.#gathers;
  }

  /** Gives back what the socket holds itself. */
  release(): void {
    this.#pool.release();
  }

  /**
   * Most payload bytes of one buffer (tcp_xmit_size_goal): one segment of `mss` bytes, or with GSO as many as 64 KiB less the
   * headers hold. What a slow flow would send at once (tcp_tso_autosize) is not limited further.
   */
  sizeGoal(mss: number): number {
    const most = GSO_MAX_BYTES - 1 - this.#maxHeader;
    return Math.max(1, Math.min(this.maxSegments, Math.floor(most / mss))) * mss;
  }

  /** An empty buffer for what is written. Its owner promises to look at the payload only. */
  newBuffer(mss: number): Skb {
    const skb = this.bareBuffer((this.#linearBytes(mss) + 3) & ~3);
    headerRelease(skb);
    return skb;
  }

  /** A buffer with the headroom of TCP and room for `bytes` linear bytes: also for segments without payload. */
  bareBuffer(bytes: number): Skb {
    const skb = this.skbs.allocSkb(bytes + this.#maxHeader);
    reserve(skb, this.#maxHeader);
    return skb;
  }

  /** Appends payload bytes of `from`, from byte `at` on: `most` at most. Returns how many; 0 when no fragment is left. */
  append(skb: Skb, mss: number, from: OutgoingPacket, at: number, most: number): number {
    const cursor = this.#cursor;
    cursor.seek(from, at);
    const bytes = Math.min(most, cursor.bytes);
    if (this.#usesFilePages) return this.#refer(skb, from.packet, bytes);
    // The MSS may have grown since the buffer was made (skb_availroom).
    const linear = skb.dataLen > 0 ? 0 : Math.min(this.#linearBytes(mss) - skb.headlen, skb.tailroom);
    if (linear > 0) return this.#copyLinear(skb, from.packet, Math.min(bytes, linear));
    return this.#copyPages(skb, from.packet, bytes);
  }

  /** Bytes of payload that go to the linear area of a new buffer (select_size). */
  #linearBytes(mss: number): number {
    const { skbs } = this;
    if (skbs.era === "6.1" || this.#usesFilePages) return 0;
    if (this.maxSegments > 1) return skbs.geometry.withOverhead(SMALL_BLOCK_BYTES - this.#maxHeader);
    if (!this.#gathers) return mss;
    const most = skbs.geometry.maxHead(this.#maxHeader);
    return mss >= most && mss <= most + (skbs.maxSkbFrags - 1) * PAGE_SIZE ? most : mss;
  }

  #copyLinear(skb: Skb, packet: number, bytes: number): number {
    copyToLinear(this.skbs, skb, packet, this.#cursor.block!.at + this.#cursor.offset, bytes);
    return bytes;
  }

  #copyPages(skb: Skb, packet: number, most: number): number {
    const bytes = Math.min(most, roomInPages(this.skbs, skb, this.#pool));
    if (bytes > 0) {
      copyToPages(this.skbs, skb, this.#pool, packet, this.#cursor.block!.at + this.#cursor.offset, bytes);
    }
    return bytes;
  }

  #refer(skb: Skb, packet: number, bytes: number): number {
    const { block, offset } = this.#cursor;
    if (!takesFilePage(this.skbs, skb, block!, offset)) return 0;
    referToFilePage(this.skbs, skb, packet, block!, offset, bytes);
    return bytes;
  }
}
