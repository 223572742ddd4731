/**
 * The socket buffer: a linear area with headroom and tailroom, page fragments behind it, and a list of whole buffers
 * behind those.
 *
 * ```text
 *            skb.head                     skb.head.frags[]          skb.head.fragList
 *  +----------+-----------+----------+   +-------+  +-------+      +-----+    +-----+
 *  | headroom |  linear   | tailroom |   | frag0 |  | frag1 | ...  | skb | -> | skb | ...
 *  +----------+-----------+----------+   +-------+  +-------+      +-----+    +-----+
 *  0          data        tail       endOffset
 *             |<------------------------------ len --------------------------------->|
 *                                     |<--------------------- dataLen -------------->|
 * ```
 *
 * Names follow `struct sk_buff` and `struct skb_shared_info` (include/linux/skbuff.h, 4.4 and 6.1). The block that holds
 * the linear area also holds the shared info, so clones share both: here that pair is one `HeadBuffer`. Offsets (`data`,
 * `tail`, `macHeader`, ...) count from the start of the head, as the kernel's do. Invariant: `len = (tail - data) +
 * dataLen`, and `dataLen` is the sum of the fragments and of the lengths of the buffers in `fragList`.
 *
 * Departures: an skb remembers which captured packets it carries (`packet` to `payloadBytes`, see `members.ts`), which is how
 * costs find their way back to packets.
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import type { Block } from "./memory.ts";

/** What is known about a packet's checksum (`skb->ip_summed`). */
export const CHECKSUM = { none: 0, unnecessary: 1, complete: 2, partial: 3 } as const;

/** What the NIC that received a packet has done of its ESP (`xfrm_offload.flags`, `status`). */
export const RX_ESP = {
  /** Nothing: it is in the clear, or for the stack to open. */
  none: 0,
  /** It is decrypted, its headers and trailer are still there (CRYPTO_DONE, CRYPTO_SUCCESS). */
  decrypted: 1,
  /** Its ICV is wrong (CRYPTO_DONE, CRYPTO_TUNNEL_ESP_AUTH_FAILED). */
  failed: 2,
  /** It came as ESP and is a clear packet now (packet offload). */
  decapsulated: 3,
} as const;

/** What an aggregate has to be cut into (`skb_shinfo(skb)->gso_type`); `fragList`: UDP packets chained whole. */
export const GSO_TYPE = { none: 0, tcpV4: 1, tcpV6: 2, udpL4: 3, fragList: 4 } as const;

/** Memory of a struct sk_buff, aligned (sizeof(struct sk_buff) is 232). */
const SK_BUFF_BYTES = 256;

/** A page fragment: `bytes` bytes at `offset` in a block on which it holds a reference. */
export class Frag {
  constructor(
    readonly block: Block,
    public offset: number,
    public bytes: number,
  ) {}

  /** Offset of the first byte in the arena. */
  get at(): number {
    return this.block.at + this.offset;
  }
}

/** A head block and its `skb_shared_info`; shared by an skb and its clones. */
export class HeadBuffer {
  /** sk_buffs that use this head (low half of the kernel's dataref). */
  dataref = 1;
  /** Of those, users that promised to look at the payload only (high half of the kernel's dataref). */
  payloadRefs = 0;
  readonly frags: Frag[] = [];
  fragList: Skb | null = null;
  gsoSize = 0;
  gsoSegs = 0;
  /** One of {@linkcode GSO_TYPE}. */
  gsoType: number = GSO_TYPE.none;
  /** The aggregate was merged from packets with one constant IP id (SKB_GSO_TCP_FIXEDID, 6.1). */
  gsoFixedId = false;
  /** Somebody outside may write to the pages of the fragments: a file's (SKBFL_SHARED_FRAG; SKBTX_SHARED_FRAG in 4.4). */
  hasSharedFrag = false;
  /** Another head has, or had, the same fragments: this one is private, its pages may not be. */
  sharesPages = false;

  constructor(
    readonly block: Block,
    /** Offset of the first head byte in the block: a head may begin inside a page. */
    readonly offset: number,
    /** Usable bytes, from the start of the head to the shared info. */
    readonly endOffset: number,
  ) {}

  /** Offset of the first head byte in the arena. */
  get at(): number {
    return this.block.at + this.offset;
  }
}

/** Who answers for buffers until they are freed: a socket, whose send buffer they fill (`skb->sk` and its destructor). */
export interface SkbOwner {
  /** Takes `skb` on; its lengths are final (skb_set_owner_w). */
  charge(skb: Skb): void;
  /** `skb` is freed (sock_wfree, tcp_wfree). */
  release(skb: Skb): void;
}

/**
 * ESP that is left to the device, under an SA that it knows (`sec_path` and `xfrm_offload` of a packet on its way to the driver).
 * All lengths are those of frames, Ethernet header included.
 */
export interface DeviceEsp {
  /** Length on the wire of what the device makes of the frame of `bytes` bytes whose headers lie at `at` in `u8`. */
  wireFrameBytes(u8: Uint8Array, at: number, bytes: number): number;
  /** How many bytes of that frame it encrypts. */
  sealedBytes(u8: Uint8Array, at: number, bytes: number): number;
  /** Where, in the frame at the start of `u8`, the IP header lies that the frames of an aggregate count in. */
  ipOffset(u8: Uint8Array): number;
  /** Where, in the frame of `bytes` bytes at the start of `u8`, the bytes end that a transport checksum covers. */
  clearEnd(u8: Uint8Array, bytes: number): number;
  /** Makes the frame of the wire out of the `index`-th of `skb`, `bytes` bytes at the start of `u8`; returns its length. */
  finish(skb: Skb, u8: Uint8Array, bytes: number, index: number): number;
}

/** A socket buffer. Made and freed by `SkbMemory`; bytes are moved by the operations of this folder only. */
export class Skb {
  data = 0;
  tail = 0;
  len = 0;
  dataLen = 0;
  cloned = false;
  nohdr = false;
  /** Owners of this sk_buff itself (`skb->users`). */
  users = 1;
  /** Headroom the original had when it was cloned from a payload-only user (`skb->hdr_len`). */
  hdrLen = 0;
  macHeader = 0;
  networkHeader = 0;
  transportHeader = 0;
  ipSummed: number = CHECKSUM.none;
  /** Where behind the transport header a partial checksum is to be stored (`skb->csum_offset`). */
  checksumOffset = 0;
  /** Next header that ESP protects, on a packet whose ESP is left to layer 2 (xfrm_offload.proto); else 0. */
  espProtocol = 0;
  /** Upper half of its extended ESP sequence number, which is not in the packet (xfrm_offload.seq.hi, XFRM_SKB_CB.seq). */
  espSequenceHigh = 0;
  /** Its ESP was left in the clear, because nobody looks at the bytes: there is nothing to decrypt. */
  leftClear = false;
  /** What the device still does to its packets, which ESP output has left to it; null: nothing. */
  deviceEsp: DeviceEsp | null = null;
  /** One of {@linkcode RX_ESP}. */
  rxEsp: number = RX_ESP.none;
  /** Next buffer in a list (frag_list, segments, queues). */
  next: Skb | null = null;
  /** The socket that waits for it to be freed. */
  owner: SkbOwner | null = null;
  /** Bytes of memory that it took when its owner was charged for it (`skb->truesize`). */
  chargedBytes = 0;

  /** The captured packet this buffer carries bytes of, the first of them if there are several; NONE on an aggregate. */
  packet = NONE;
  /** The captured packets that its payload belongs to, in order; null where that is `packet` alone. */
  members: number[] | null = null;
  /** Where in the payload each of `members` ends: offset behind its last byte, or behind the payload if it goes on. */
  memberEnds: number[] | null = null;
  /** The last captured packet goes on in a later buffer, and counts there. */
  isContinued = false;
  /** Its sender keeps the bytes and sends them again if they are lost: no captured packet ends in it. */
  isKept = false;
  /** L4 payload bytes of the captured packets that end in this buffer, those in earlier buffers included. */
  payloadBytes = 0;
  /** Number of the L4 flow. */
  flow = NONE;
  /** Receive hash of the flow (`skb->hash`). */
  hash = 0;
  /** What a queue with bands puts it into one by, 0 to 15 (`skb->priority`). */
  priority = 0;
  /** When it was put into a queue that measures how long packets wait (codel_skb_cb). */
  queuedNs = 0;

  constructor(
    readonly id: number,
    public head: HeadBuffer,
    /** The head lies in a page, so its bytes can become a fragment by reference (`skb->head_frag`). */
    public headFrag: boolean,
  ) {}

  /** Bytes in front of the data. */
  get headroom(): number {
    return this.data;
  }

  /** Linear bytes (skb_headlen). */
  get headlen(): number {
    return this.len - this.dataLen;
  }

  get isNonlinear(): boolean {
    return this.dataLen > 0;
  }

  /** Room behind the linear bytes; none by definition when there is paged data (skb_tailroom). */
  get tailroom(): number {
    return this.dataLen > 0 ? 0 : this.head.endOffset - this.tail;
  }

  /** Memory that it takes, as sockets count it: sk_buff, head, paged data (`skb->truesize`). */
  get truesize(): number {
    let bytes = SK_BUFF_BYTES + this.head.block.bytes;
    for (const frag of this.head.frags) bytes += frag.bytes;
    for (let member = this.head.fragList; member !== null; member = member.next) bytes += member.truesize;
    return bytes;
  }

  get nrFrags(): number {
    return this.head.frags.length;
  }

  get hasFragList(): boolean {
    return this.head.fragList !== null;
  }

  /** Another owner holds this very sk_buff (skb_shared). */
  get isShared(): boolean {
    return this.users !== 1;
  }

  get isGso(): boolean {
    return this.head.gsoSize > 0;
  }

  /** Another sk_buff uses the same head now (skb_cloned: a live test, not a sticky bit). */
  get isCloned(): boolean {
    return this.cloned && this.head.dataref !== 1;
  }

  /** Another sk_buff may look at the header bytes (skb_header_cloned). */
  get isHeaderCloned(): boolean {
    return this.cloned && this.head.dataref - this.head.payloadRefs !== 1;
  }

  /** Offset of the first data byte in the arena. */
  get dataAt(): number {
    return this.head.at + this.data;
  }
}
