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
 *
 * Departure: the frame is received into 2 KiB buffers and moved into the head where a real NIC would have written it
 * there; that move is no event.
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { placeInHead, RX_BUFFER_BYTES, type RxFrame } from "../skb/dma.ts";
import { NET_SKB_PAD, SHARED_INFO_BYTES } from "../skb/geometry.ts";
import { pull, put, reserve } from "../skb/head_ops.ts";
import { addFrag } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { ethernetHeaderBytes } from "../wire/header_length.ts";
import { type Host, visit } from "./host.ts";

/** Frames up to this length are copied whole, and as much linear area is allocated (IXGBE_RX_HDR_SIZE). */
const COPYBREAK = 256;
/** Copies are rounded up to the size of a long. */
const LONG_BYTES = 8;
/** Bytes that virtio_net copies into the linear area (GOOD_COPY_LEN). */
const GOOD_COPY_LEN = 128;
/** Headroom of ixgbe's receive buffers: 2048 - 320 - 1536 (ixgbe_compute_pad). */
const IXGBE_HEADROOM = 192;
/** Length of virtio_net_hdr_mrg_rxbuf, which the device writes in front of the frame. */
const VIRTIO_HEADROOM = 12;
/** Mergeable receive buffer of virtio_net: header and a frame of 1518 bytes, rounded up to a cache line. */
const VIRTIO_BUFFER_BYTES = 1536;
/** Receive buffer of mlx5 for an MTU of 1500. */
const RING_BUFFER_BYTES = 1536;

/** Makes the skb of a frame, which it takes over; the Ethernet header is at its data. */
type Layout = (host: Host, frame: RxFrame) => Skb;

const LAYOUTS: Readonly<Record<Host["config"]["rx_layout"], Layout>> = {
  "page-frag": receivePageFrag,
  "build-skb": (host, frame) => inHead(host, frame, buildAround(host, frame, IXGBE_HEADROOM)),
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
};

/** Builds the skb of a received frame and takes its Ethernet header off (eth_type_trans); takes the frame's buffers over. */
export function receiveFrame(host: Host, frame: RxFrame): Skb {
  const skb = LAYOUTS[host.config.rx_layout](host, frame);
  skb.ipSummed = frame.checksumGood ? CHECKSUM.unnecessary : CHECKSUM.none;
  skb.macHeader = skb.data;
  pull(skb, Math.min(ETH_HLEN, skb.headlen));
  skb.networkHeader = skb.data;
  return skb;
}

/** The skb is the frame's from here on, and its fixed work is priced. */
function claim(host: Host, frame: RxFrame, skb: Skb): void {
  skb.packet = frame.packet;
  skb.payloadBytes = frame.payloadBytes;
  skb.flow = frame.flow;
  skb.hash = frame.hash;
  visit(host, "driver-rx", skb);
}

function inHead(host: Host, frame: RxFrame, skb: Skb): Skb {
  claim(host, frame, skb);
  placeInHead(host.skbs.memory, frame, skb);
  return skb;
}

/** An sk_buff around a receive buffer: 2 KiB, more for longer frames. */
function buildAround(host: Host, frame: RxFrame, headroom: number): Skb {
  let bufferBytes = RX_BUFFER_BYTES;
  while (headroom + frame.bytes + SHARED_INFO_BYTES > bufferBytes) bufferBytes *= 2;
  return host.skbs.buildSkb(bufferBytes, headroom);
}

function receivePageFrag(host: Host, frame: RxFrame): Skb {
  const skb = host.skbs.napiAllocSkb(COPYBREAK);
  claim(host, frame, skb);
  if (frame.bytes <= COPYBREAK) {
    copyWhole(host, frame, skb, REASON.copybreak);
    return skb;
  }
  const first = frame.buffers[0]!;
  const inFirst = Math.min(COPYBREAK, RX_BUFFER_BYTES, frame.bytes);
  copyFront(host, frame, skb, ethernetHeaderBytes(host.skbs.memory.u8, first.at, inFirst), REASON.driverPull);
  return skb;
}

function receiveVirtio(host: Host, frame: RxFrame): Skb {
  const room = VIRTIO_BUFFER_BYTES - VIRTIO_HEADROOM - frame.bytes;
  if (host.config.era === "6.1" && frame.bytes > GOOD_COPY_LEN && room >= SHARED_INFO_BYTES) {
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
    const size = Math.min(RX_BUFFER_BYTES, frame.bytes - i * RX_BUFFER_BYTES);
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
