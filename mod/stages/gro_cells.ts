/**
 * GRO cells: decrypted packets wait for a NAPI poll of their own, so that GRO sees them once more, now in the clear.
 *
 * linux-datapath 4.5, 5.9 (net/core/gro_cells.c: gro_cells_receive, gro_cell_poll; xfrm uses it since 4.11). A queue and a
 * NAPI on a dummy device for each CPU. What GRO must not touch, clones and packets of a device without GRO, takes netif_rx
 * instead.
 *
 * @module
 */

import { REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import type { Gro } from "./gro.ts";
import { drop, type Host, type Stage, visit } from "./host.ts";
import type { Napi, NetRx } from "./net_rx.ts";
import { NETDEV_MAX_BACKLOG, PacketQueue } from "./packet_queue.ts";

/** Packets of one poll (NAPI_POLL_WEIGHT). */
const CELL_WEIGHT = 64;

/** The cell of one CPU. */
export class GroCells implements Stage, Napi {
  readonly weight = CELL_WEIGHT;
  readonly #queue: PacketQueue;
  /** It is on the list of NET_RX (NAPI_STATE_SCHED), and has been scheduled since (NAPI_STATE_MISSED). */
  #isScheduled = false;
  #hasMissed = false;

  constructor(
    readonly host: Host,
    readonly netRx: NetRx,
    /** The GRO state of its NAPI. */
    readonly gro: Gro,
    /** Where packets go that GRO must not touch. */
    readonly netifRx: Stage,
  ) {
    this.#queue = new PacketQueue(host, "gro-cells");
  }

  /** Captured packets that wait or are held. */
  get heldPackets(): number {
    return this.#queue.heldPackets + this.gro.heldPackets;
  }

  /** Packets that wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** gro_cells_receive. */
  process(skb: Skb): void {
    if (skb.isCloned || this.host.config.gro === "off") return this.netifRx.process(skb);
    if (this.#queue.length > NETDEV_MAX_BACKLOG) return this.#drop(skb);
    this.#queue.put(skb);
    if (this.#queue.length > 1) return;
    if (this.#isScheduled) this.#hasMissed = true;
    else this.#schedule();
  }

  takeOne(): boolean {
    const skb = this.#queue.take();
    if (skb === null) return false;
    visit(this.host, "gro-cells", skb);
    this.gro.receive(skb);
    return true;
  }

  endPoll(complete: boolean): boolean {
    this.gro.endPoll(complete);
    if (!complete) return false;
    const goesOn = this.#hasMissed;
    this.#hasMissed = false;
    this.#isScheduled = goesOn;
    return goesOn;
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.netRx.schedule(this, this.host.ledger.nowNs);
  }

  #drop(skb: Skb): void {
    this.host.ledger.stage = STAGE["gro-cells"];
    drop(this.host, skb, REASON.cellFull);
  }
}
