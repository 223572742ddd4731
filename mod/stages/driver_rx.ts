/**
 * The receive half of a driver: turns frames in pages into skbs.
 *
 * `rx_layout=page-frag` (linux-datapath 1.9, profile PF: ixgbe and igb of 4.4, "legacy-rx" of 6.1): a small frame is
 * copied whole into the linear area; of a larger one the headers are, and the rest stays in its page as a fragment. This
 * is the nonlinear receive buffer of the slides.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { RX_BUFFER_BYTES, type RxFrame } from "../skb/dma.ts";
import { pull, put } from "../skb/head_ops.ts";
import { addFrag } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { ethernetHeaderBytes } from "../wire/header_length.ts";
import { type Host, visit } from "./host.ts";

/** Frames up to this length are copied whole, and as much linear area is allocated (IXGBE_RX_HDR_SIZE). */
const COPYBREAK = 256;
/** Copies are rounded up to the size of a long. */
const LONG_BYTES = 8;

/** Builds the skb of a received frame and takes its Ethernet header off (eth_type_trans); takes the frame's buffers over. */
export function receiveFrame(host: Host, frame: RxFrame): Skb {
  const skb = host.skbs.napiAllocSkb(COPYBREAK);
  skb.packet = frame.packet;
  skb.payloadBytes = frame.payloadBytes;
  skb.flow = frame.flow;
  skb.hash = frame.hash;
  skb.ipSummed = frame.checksumGood ? CHECKSUM.unnecessary : CHECKSUM.none;
  visit(host, "driver-rx", skb);
  if (frame.bytes <= COPYBREAK) copyWhole(host, frame, skb);
  else pullHeaders(host, frame, skb);
  skb.macHeader = skb.data;
  pull(skb, Math.min(ETH_HLEN, skb.headlen));
  skb.networkHeader = skb.data;
  return skb;
}

function copyWhole(host: Host, frame: RxFrame, skb: Skb): void {
  const buffer = frame.buffers[0]!;
  copyAligned(host, skb, buffer.at, frame.bytes, REASON.copybreak);
  host.skbs.memory.put(buffer);
}

/** The frame becomes fragments, one per receive buffer; then the first loses its headers to the linear area. */
function pullHeaders(host: Host, frame: RxFrame, skb: Skb): void {
  const first = frame.buffers[0]!;
  const firstBytes = Math.min(RX_BUFFER_BYTES, frame.bytes);
  const headers = ethernetHeaderBytes(host.skbs.memory.u8, first.at, Math.min(COPYBREAK, firstBytes));
  copyAligned(host, skb, first.at, headers, REASON.driverPull);
  addFrag(skb, first, headers, firstBytes - headers);
  for (let i = 1; i < frame.buffers.length; i++) {
    addFrag(skb, frame.buffers[i]!, 0, Math.min(RX_BUFFER_BYTES, frame.bytes - i * RX_BUFFER_BYTES));
  }
}

function copyAligned(host: Host, skb: Skb, from: number, bytes: number, reason: number): void {
  const copied = Math.ceil(bytes / LONG_BYTES) * LONG_BYTES;
  host.skbs.memory.move(from, skb.head.at + skb.tail, copied);
  put(skb, bytes);
  host.ledger.write(EVENT.copy, reason, skb.packet, skb.id, NONE, copied, 1, 0);
}
