/**
 * What the whole path of the model makes of a recording's frames, in the columns of the recording's tables.
 *
 * `watch.ts` puts the probes into the stages that write it.
 *
 * @module
 */

import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { EVENT, REASON } from "../ledger/schema.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "../stages/host.ts";
import { get32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { ESP_SEQUENCE } from "./per_cpu.ts";
import type { RecordedPacket } from "./recording.ts";
import { rangesOf, type ResultRow, skbRow } from "./skb_row.ts";
import { Work, type WorkLedger } from "./stage_host.ts";

/** Snap length of `output.pcap` where it is of delivered packets, less the Ethernet header. */
const DELIVERED_BYTES = 128 - ETH_HLEN;

/** What a driver returns (NETDEV_TX_OK, NETDEV_TX_BUSY). */
export const TAKEN = 0;
const BUSY = 16;

/** The rows of one run, by table. */
export class PathLog {
  /** `expected_inputs.csv`. */
  readonly inputs: Record<string, string | number>[] = [];
  /** `expected.csv` of path gro, `expected_gro.csv` of path forward. */
  readonly delivered: ResultRow[] = [];
  /** `expected_xfrm_output.csv`. */
  readonly forwarded: ResultRow[] = [];
  /** `expected.csv` of ESP output. */
  readonly trailers: ResultRow[] = [];
  /** `expected_gso.csv`. */
  readonly segmented: ResultRow[] = [];
  /** `expected_esp_rx.csv`. */
  readonly espInputs: ResultRow[] = [];
  /** `expected_tx.csv`. */
  readonly sent: ResultRow[] = [];
  /** The IP packets of `output.pcap`. */
  readonly frames: Uint8Array[] = [];
  /** The packets of `output.pcap` of paths gro and receive, without their Ethernet header and cut. */
  readonly deliveredPackets: RecordedPacket[] = [];
  /** All copies. */
  readonly work: Work = new Work();

  constructor(readonly host: Host, readonly ledger: WorkLedger) {}

  /** The bytes of the arena. */
  get u8(): Uint8Array {
    return this.host.skbs.memory.u8;
  }

  /** The work since this was last called; it is counted in `work` too. */
  takeWork(): Work {
    const work = this.ledger.takeWork();
    this.work.add(work);
    return work;
  }

  /** A frame as the driver hands it to GRO, with napi_gro_frags or not: lengths without the Ethernet header. */
  received(index: number, skb: Skb, inFrags: boolean): void {
    this.inputs[index] = {
      entry: inFrags ? "napi_gro_frags" : "napi_gro_receive",
      len: skb.len - (skb.headlen === 0 ? ETH_HLEN : 0),
      headlen: skb.headlen,
      nr_frags: skb.nrFrags,
      head_frag: Number(skb.headFrag),
      ip_summed: skb.ipSummed,
    };
  }

  /** A buffer that goes up; `numberOf` says how the recording numbers the packets in it, by frame unless given. */
  deliver(skb: Skb, numberOf: (packet: number) => number = (packet) => packet): void {
    const members = (skb.members ?? [skb.packet]).map(numberOf);
    this.delivered.push({
      first_input: members[0]!,
      n_inputs: members.length,
      inputs: rangesOf(members),
      ...skbRow(this.u8, skb),
    });
  }

  /** The first bytes of a packet that reaches netif_receive_skb, as far as recordings have them. */
  receive(skb: Skb): void {
    const bytes = new Uint8Array(Math.min(skb.len, DELIVERED_BYTES));
    gather(this.host.skbs, skb, 0, bytes.length, bytes);
    this.deliveredPackets.push({ bytes, originalBytes: skb.len + ETH_HLEN });
  }

  /** A packet that enters xfrm output. */
  forward(skb: Skb): void {
    this.forwarded.push(skbRow(this.u8, skb));
  }

  /** The end of the road of a buffer that nobody follows further. */
  take(skb: Skb): void {
    this.host.skbs.free(skb, REASON.consumed);
  }

  /** Sequence number of an ESP packet; means nothing of any other. */
  #sequenceOf(skb: Skb): number {
    return get32(this.u8, skb.head.at + skb.transportHeader + OFFSET_SEQUENCE);
  }

  /** A frame that the driver refuses: it comes again. */
  refuse(skb: Skb): void {
    this.sent.push({ ...skbRow(this.u8, skb), rc: BUSY, [ESP_SEQUENCE]: this.#sequenceOf(skb) });
  }

  /** A frame that the driver takes, and has sent. */
  send(skb: Skb): void {
    this.sent.push({ ...skbRow(this.u8, skb), rc: TAKEN, [ESP_SEQUENCE]: this.#sequenceOf(skb) });
    const packet = new Uint8Array(skb.len - ETH_HLEN);
    gather(this.host.skbs, skb, ETH_HLEN, packet.length, packet);
    this.frames.push(packet);
    this.host.skbs.free(skb, REASON.sent);
  }
}

/** Says what napi_gro_receive returned for each packet, from the ledger. */
export class GroResults implements Fold {
  readonly #results = new Map<number, string>();
  readonly #packetOf = new Map<number, number>();

  add({ rows, event, reason, packet, skb }: EventBlock): void {
    for (let row = 0; row < rows; row++) {
      if (event[row] === EVENT.visit && packet[row]! >= 0) this.#packetOf.set(skb[row]!, packet[row]!);
      if (event[row] === EVENT.merge) {
        this.#results.set(packet[row]!, reason[row] === REASON.fragList ? "MERGED" : "MERGED_FREE");
      }
      if (event[row] === EVENT.flush) this.#results.set(this.#packetOf.get(skb[row]!)!, "HELD");
    }
  }

  /** The packet will be seen once more. */
  forget(packet: number): void {
    this.#results.delete(packet);
  }

  /** The result of a packet. */
  of(packet: number): string {
    return this.#results.get(packet) ?? "NORMAL";
  }
}
