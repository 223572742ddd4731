/**
 * The receive half of a driver: turns received frames into skbs (`rx_layout`).
 *
 * linux-datapath 1.9. What the buffer looks like here decides what everybody behind it has to copy:
 *
 * - `page-frag` (ixgbe and igb of 4.4, "legacy-rx" of 6.1): a small frame is copied whole into the linear area; of a larger
 *   one the headers are, and the rest stays in its page as a fragment. The nonlinear receive buffer of the slides.
 * - `build-skb` (ixgbe of 6.1): an sk_buff is put around the receive buffer, 192 bytes of headroom, nothing is copied.
 * - `virtio`: 128 bytes are copied and the rest stays in its page; 6.1 puts an sk_buff around the buffer where it has room
 *   for the shared info, which full-size frames do not leave.
 * - `netdev-linear` (mlx5 of 4.4): the NIC writes into a head of the size of the ring's buffers.
 * - `kmalloc`: the same in a kmalloc head, whose bytes GRO cannot take by reference.
 * - `napi-linear`: the same in a page-fragment head of just the frame's size, so with hardly any tailroom.
 * - `frags:N`: an empty head, and the frame, Ethernet header included, in N pages (drivers that call napi_gro_frags).
 * - `hdrsplit:N`: the NIC writes the headers into the head and the payload into N pages.
 *
 * The last two cut what goes into pages as the kernel recordings do: pieces of one size, the last one shorter, and so fewer
 * than N where there are few bytes.
 *
 * Super-packets of the capture arrive as from a virtual NIC, or one with LRO: an aggregate in 4 KiB pages, its segment size
 * in front of it, its checksum left to whoever segments it. No linear layout can hold one: they are received as `page-frag`
 * whatever `rx_layout` says, but for `virtio`, whose 128 bytes are copied of them too.
 *
 * Departure: the frame is received into 2 KiB buffers and moved into the head where a real NIC would have written it
 * there; that move is no event. The skb of a packet that GRO has merged is not used again (napi_reuse_skb): every frame has
 * a new one.
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { placeInHead, placeInPages, RX_BUFFER_BYTES, type RxFrame } from "../skb/dma.ts";
import { NET_SKB_PAD, PAGE_SIZE } from "../skb/geometry.ts";
import { pull, put, reserve } from "../skb/head_ops.ts";
import { inheritMembers } from "../skb/members.ts";
import { addFrag } from "../skb/paged_ops.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import { ethernetHeaderBytes } from "../wire/header_length.ts";
import * as tcp from "../wire/tcp.ts";
import { type Host, visit } from "./host.ts";

/** Frames up to this length are copied whole, and as much linear area is allocated (IXGBE_RX_HDR_SIZE). */
const COPYBREAK = 256;
/** Copies are rounded up to the size of a long. */
const LONG_BYTES = 8;
/** Bytes that virtio_net copies into the linear area (GOOD_COPY_LEN). */
const GOOD_COPY_LEN = 128;
/** Frame bytes that ixgbe wants room for in a half page, or in a page where that is too small (IXGBE_RXBUFFER_1536, _3K). */
const IXGBE_FRAME_BYTES = 1536;
const IXGBE_LONG_FRAME_BYTES = 3072;
/** Length of virtio_net_hdr_mrg_rxbuf, which the device writes in front of the frame. */
const VIRTIO_HEADROOM = 12;
/** Mergeable receive buffer of virtio_net: header and a frame of 1518 bytes, rounded up to a cache line. */
const VIRTIO_BUFFER_BYTES = 1536;
/** Receive buffer of mlx5 for an MTU of 1500. */
const RING_BUFFER_BYTES = 1536;

/** Linear area of the skbs that napi_get_frags makes (GRO_MAX_HEAD, with a MAX_HEADER of 176). */
const GRO_MAX_HEAD = 304;
/** Pages of `frags:N` and `hdrsplit:N` at most. */
const PAGES_MAX = 17;

/** Makes the skb of a frame, which it takes over; the Ethernet header is at its data. */
type Layout = (host: Host, frame: RxFrame) => Skb;

/** A layout for each value of `rx_layout`. */
const LAYOUTS: Readonly<Record<Host["config"]["rx_layout"], Layout>> = {
  "page-frag": receivePageFrag,
  "build-skb": (host, frame) => inHead(host, frame, buildAround(host, frame)),
  virtio: receiveVirtio,
  "netdev-linear": (host, frame) => {
    return inHead(host, frame, host.skbs.netdevAllocSkb(Math.max(frame.bytes, RING_BUFFER_BYTES)));
  },
  kmalloc: (host, frame) => {
    const skb = host.skbs.allocSkb(frame.bytes + NET_SKB_PAD);
    reserve(skb, NET_SKB_PAD);
    return inHead(host, frame, skb);
  },
  "napi-linear": (host, frame) => inHead(host, frame, host.skbs.napiAllocSkb(frame.bytes)),
  ...numbered("frags:", (pages) => (host, frame) => {
    return inPages(host, frame, host.skbs.napiAllocSkb(GRO_MAX_HEAD), 0, pages);
  }),
  ...numbered("hdrsplit:", (pages) => (host, frame) => {
    return inPages(host, frame, host.skbs.napiAllocSkb(COPYBREAK), headersInFirstBuffer(host, frame), pages);
  }),
};

/** One layout for each number of pages. */
function numbered(prefix: string, layoutOf: (pages: number) => Layout): Record<string, Layout> {
  return Object.fromEntries(Array.from({ length: PAGES_MAX }, (_, i) => [`${prefix}${i + 1}`, layoutOf(i + 1)]));
}

/**
 * Builds the skb of a received frame; takes the frame's buffers over. The Ethernet header is taken off (eth_type_trans),
 * unless it is not in the head (`frags:N`): then the data begins with it, and GRO takes it off.
 */
export function receiveFrame(host: Host, frame: RxFrame): Skb {
  const skb = layoutOf(host, frame)(host, frame);
  skb.ipSummed = frame.checksumGood ? CHECKSUM.unnecessary : CHECKSUM.none;
  skb.macHeader = skb.data;
  if (frame.gsoSize > 0) markGso(host, frame, skb);
  pull(skb, Math.min(ETH_HLEN, skb.headlen));
  skb.networkHeader = skb.data;
  return skb;
}

function layoutOf({ config }: Host, frame: RxFrame): Layout {
  const takesIt = frame.gsoSize === 0 || config.rx_layout === "virtio";
  return takesIt ? LAYOUTS[config.rx_layout]! : receivePageFrag;
}

/** What the device says about a super-packet goes into the skb (virtio_net_hdr_to_skb); data is the Ethernet header. */
function markGso({ skbs }: Host, frame: RxFrame, skb: Skb): void {
  skb.head.gsoSize = frame.gsoSize;
  skb.head.gsoSegs = frame.gsoSegs;
  skb.head.gsoType = etherType(skbs.memory.u8, skb.dataAt) === ETHERTYPE_IPV6 ? GSO_TYPE.tcpV6 : GSO_TYPE.tcpV4;
  skb.ipSummed = CHECKSUM.partial;
  skb.transportHeader = skb.data + frame.transportOffset;
  skb.checksumOffset = tcp.OFFSET_CHECKSUM;
}

/** The skb is the frame's from here on, and its fixed work is priced. */
function claim(host: Host, frame: RxFrame, skb: Skb): void {
  inheritMembers(skb, frame);
  skb.flow = frame.flow;
  skb.leftClear = frame.leftClear;
  skb.rxEsp = frame.rxEsp;
  if (host.config.rx_hash === "on") skb.hash = frame.hash;
  visit(host, "driver-rx", skb);
}

function inHead(host: Host, frame: RxFrame, skb: Skb): Skb {
  claim(host, frame, skb);
  placeInHead(host.skbs.memory, frame, skb);
  return skb;
}

/**
 * An sk_buff around a receive buffer: 2 KiB, more for longer frames. The headroom is what a full-size frame and the shared
 * info leave: 2048 - 320 - 1536 = 192; where that is less than NET_SKB_PAD the buffer is a whole page (ixgbe_skb_pad).
 */
function buildAround(host: Host, frame: RxFrame): Skb {
  const { geometry } = host.skbs;
  const inHalfPage = geometry.withOverhead(RX_BUFFER_BYTES) - IXGBE_FRAME_BYTES;
  const fitsHalfPage = inHalfPage >= NET_SKB_PAD;
  const headroom = fitsHalfPage ? inHalfPage : geometry.withOverhead(PAGE_SIZE) - IXGBE_LONG_FRAME_BYTES;
  let bufferBytes = fitsHalfPage ? RX_BUFFER_BYTES : PAGE_SIZE;
  while (headroom + frame.bytes > geometry.withOverhead(bufferBytes)) bufferBytes *= 2;
  return host.skbs.buildSkb(bufferBytes, headroom);
}

function receivePageFrag(host: Host, frame: RxFrame): Skb {
  const skb = host.skbs.napiAllocSkb(COPYBREAK);
  claim(host, frame, skb);
  if (frame.bytes <= COPYBREAK) {
    copyWhole(host, frame, skb, REASON.copybreak);
    return skb;
  }
  copyFront(host, frame, skb, headersInFirstBuffer(host, frame), REASON.driverPull);
  return skb;
}

/** Bytes of the frame's headers (eth_get_headlen), as far as a head has room for them. */
function headersInFirstBuffer(host: Host, frame: RxFrame): number {
  const looked = Math.min(COPYBREAK, RX_BUFFER_BYTES, frame.bytes);
  return ethernetHeaderBytes(host.skbs.memory.u8, frame.buffers[0]!.at, looked);
}

/** The first `headBytes` bytes go into the head, the others into as many as `pages` pages. */
function inPages(host: Host, frame: RxFrame, skb: Skb, headBytes: number, pages: number): Skb {
  claim(host, frame, skb);
  const pieceBytes = Math.ceil((frame.bytes - headBytes) / pages);
  placeInPages(host.skbs.memory, frame, skb, headBytes, pieceBytes);
  return skb;
}

function receiveVirtio(host: Host, frame: RxFrame): Skb {
  const room = VIRTIO_BUFFER_BYTES - VIRTIO_HEADROOM - frame.bytes;
  if (host.config.era === "6.1" && frame.bytes > GOOD_COPY_LEN && room >= host.skbs.geometry.sharedInfoBytes) {
    return inHead(host, frame, host.skbs.buildSkb(VIRTIO_BUFFER_BYTES, VIRTIO_HEADROOM));
  }
  const skb = host.skbs.napiAllocSkb(GOOD_COPY_LEN);
  claim(host, frame, skb);
  if (frame.bytes <= GOOD_COPY_LEN) copyWhole(host, frame, skb, REASON.goodCopy);
  else copyFront(host, frame, skb, GOOD_COPY_LEN, REASON.goodCopy);
  return skb;
}

function copyWhole(host: Host, frame: RxFrame, skb: Skb, reason: number): void {
  const buffer = frame.buffers[0]!;
  copyAligned(host, skb, buffer.at, frame.bytes, reason);
  host.skbs.memory.put(buffer);
}

/** The first bytes go into the linear area; what is left of the receive buffers becomes fragments. */
function copyFront(host: Host, frame: RxFrame, skb: Skb, bytes: number, reason: number): void {
  copyAligned(host, skb, frame.buffers[0]!.at, bytes, reason);
  frame.buffers.forEach((buffer, i) => {
    const size = Math.min(frame.bufferBytes, frame.bytes - i * frame.bufferBytes);
    const skip = i === 0 ? bytes : 0;
    addFrag(skb, buffer, skip, size - skip);
  });
}

function copyAligned(host: Host, skb: Skb, from: number, bytes: number, reason: number): void {
  const copied = Math.ceil(bytes / LONG_BYTES) * LONG_BYTES;
  host.skbs.memory.move(from, skb.head.at + skb.tail, copied);
  put(skb, bytes);
  host.ledger.note(EVENT.copy, reason, skb, copied);
}
