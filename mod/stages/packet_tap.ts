/**
 * A packet tap on NIC 0: somebody looks at all that is received, as a sniffer does (`tap`).
 *
 * linux-datapath 4.4, 5.11 (net/packet/af_packet.c: packet_rcv, tpacket_rcv; 4.4 and 6.1). Taps see buffers as they go up,
 * behind GRO. `tap=mmap`, what libpcap does, copies each frame into a ring at once: a copy of the CPU that receives, counted
 * as such. `tap=packet-socket` keeps a clone until it is read, and that clone is what ESP input finds when it asks whether a
 * buffer is shared. With `tap=none` nobody looks, and the rows say what a tap would see.
 *
 * Departures: the process keeps up and is not charged: it reads the oldest buffers when the socket has no room for the next.
 * Taps on what is sent are not modelled.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { clone } from "../skb/clone_ops.ts";
import { push } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { truesize } from "../skb/truesize.ts";
import type { Host } from "./host.ts";

/** Bytes of a frame that libpcap asks for. */
const SNAPLEN = 262144;
/** Receive buffer of a socket (net.core.rmem_default). */
const RECEIVE_BUFFER_BYTES = 212992;

/** One tap. */
export class PacketTap {
  /** Clones that wait to be read, the oldest first, and what each is charged. */
  readonly #held: Skb[] = [];
  readonly #charges: number[] = [];
  #chargedBytes = 0;

  constructor(readonly host: Host) {}

  /** Sees `skb`, whose Ethernet header is in front of its data. */
  see(skb: Skb, isEsp: boolean): void {
    const { config, ledger } = this.host;
    ledger.stage = STAGE.napi;
    const frameBytes = skb.len + skb.data - skb.macHeader;
    ledger.note(EVENT.tap, isEsp ? REASON.tapEsp : REASON.tapPlain, skb, frameBytes);
    if (config.tap === "mmap") this.#copy(skb, Math.min(frameBytes, SNAPLEN));
    else if (config.tap === "packet-socket") this.#hold(skb);
  }

  /** The socket is closed: what it holds is given back. */
  release(): void {
    while (this.#held.length > 0) this.#read();
  }

  /** The first `bytes` bytes of the frame go into the ring (tpacket_rcv). */
  #copy(skb: Skb, bytes: number): void {
    const { ledger, skbs } = this.host;
    skbs.memory.watch?.readOut(skb, skb.macHeader - skb.data, bytes);
    ledger.note(EVENT.copy, REASON.tapCopy, skb, bytes);
  }

  /** The socket gets a clone with the Ethernet header (packet_rcv). */
  #hold(skb: Skb): void {
    const { skbs } = this.host;
    const charge = truesize(skbs, skb);
    while (this.#held.length > 0 && this.#chargedBytes + charge > RECEIVE_BUFFER_BYTES) this.#read();
    const twin = clone(skbs, skb);
    push(twin, twin.data - twin.macHeader);
    this.#held.push(twin);
    this.#charges.push(charge);
    this.#chargedBytes += charge;
  }

  #read(): void {
    this.#chargedBytes -= this.#charges.shift()!;
    this.host.skbs.free(this.#held.shift()!, REASON.consumed);
  }
}
