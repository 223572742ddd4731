/**
 * What became of the captured ESP packets of each association: a fold over the ledger, which knows packets, that is told of
 * every packet whose it is (`sas.csv`).
 *
 * Sequence numbers are those of packets that open; of associations nobody has keys for, those that the packets claim.
 *
 * ```ts
 * const statistics = new SaStatistics();
 * statistics.noteArrival(packet.index, packet.bytes, facts, captured); // And all blocks of the ledger to add().
 * statistics.rows; // One for each association, in the order in which they came.
 * ```
 *
 * @module
 */

import { ReplayWindow } from "../esp/replay_window.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { EVENT, REASON } from "../ledger/schema.ts";
import { get32 } from "../wire/bytes.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ip from "../wire/ip.ts";
import { formatAddress } from "../wire/ipv4.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import * as udp from "../wire/udp.ts";

/** Numbers by which a packet may come late and still be told from one that came twice. */
const WINDOW_NUMBERS = 1 << 16;
const ESP_HEADER_BYTES = 8;

/** Where things are in a packet with ESP in it: `FrameFacts` of it. Offsets are absolute. */
export interface ArrivedEsp {
  /** Start of the IP header. */
  readonly ipAt: number;
  /** Length that it claims. */
  readonly ipBytes: number;
  /** What follows the IP headers: 50, or 17. */
  readonly protocol: number;
  /** Whether it is a fragment. */
  readonly isFragment: boolean;
  /** Start of what follows the IP headers. */
  readonly transportAt: number;
  /** Bytes of it that are there. */
  readonly transportBytes: number;
}

/** What opening a packet has told. */
export interface OpenedEsp {
  /** The association that it says to be of; null where none is known. */
  readonly sa: SecurityAssociation | null;
  /** Its sequence number; 0 where it did not open. */
  readonly sequence: number;
}

/** One association: packets and bytes as they arrived, IP header included. */
export class SaCounts {
  /** Packets. */
  packets = 0;
  /** Their bytes. */
  bytes = 0;
  /** Arrived behind a packet with a higher number. */
  reordered = 0;
  /** Dropped by the replay window, or as one that came before. */
  replayed = 0;
  /** Dropped because their ICV was wrong. */
  icvFailures = 0;
  /** How many times a number was not the one that should have come. */
  sequenceGaps = 0;
  /** Dropped for another reason: no association, too short, padding, next header. */
  otherDrops = 0;
  /** Lowest number; 0 before there is one. */
  sequenceFirst = 0;
  /** Highest number. */
  sequenceLast = 0;
  #distinct = 0;
  readonly #window = new ReplayWindow(WINDOW_NUMBERS);

  /** An association of which nothing has come yet. */
  constructor(
    /** Its SPI. */
    readonly spi: number,
    /** Address of the sender, as text. */
    readonly source: string,
    /** Address of the receiver. */
    readonly destination: string,
    /** Name of the suite; undefined where no association is known. */
    readonly suite: string | undefined,
    /** Its mode; undefined likewise. */
    readonly mode: string | undefined,
  ) {}

  /** Numbers between the lowest and the highest that never came. */
  get lost(): number {
    return this.#distinct === 0 ? 0 : this.sequenceLast - this.sequenceFirst + 1 - this.#distinct;
  }

  /** A packet with that number, 1 or more, has come. */
  takeSequence(sequence: number): void {
    if (sequence > this.sequenceLast) {
      if (this.sequenceLast > 0 && sequence > this.sequenceLast + 1) this.sequenceGaps += 1;
      if (this.sequenceFirst === 0) this.sequenceFirst = sequence;
      this.sequenceLast = sequence;
    } else if (this.#window.accepts(sequence)) {
      this.reordered += 1;
      this.sequenceFirst = Math.min(this.sequenceFirst, sequence);
    } else {
      return;
    }
    this.#window.advance(sequence);
    this.#distinct += 1;
  }
}

/** Counts for all associations of a capture. */
export class SaStatistics implements Fold {
  readonly #byName = new Map<string, SaCounts>();
  /** Of packets whose end is not known yet. */
  readonly #byPacket = new Map<number, SaCounts>();

  /** All associations, in the order of their first packets. */
  get rows(): SaCounts[] {
    return [...this.#byName.values()];
  }

  /** Packet number `index`, from 0, of ESP arrives. */
  noteArrival(index: number, bytes: Uint8Array, facts: ArrivedEsp, captured: OpenedEsp): void {
    const { sa } = captured;
    const espAt = facts.transportAt + (facts.protocol === PROTOCOL_UDP ? udp.HEADER_BYTES : 0);
    const isThere = !facts.isFragment && espAt + ESP_HEADER_BYTES <= facts.transportAt + facts.transportBytes;
    if (sa === null && !isThere) return;
    const counts = this.#countsOf(sa === null ? get32(bytes, espAt) : sa.spi, bytes, facts.ipAt, sa);
    counts.packets += 1;
    counts.bytes += facts.ipBytes;
    this.#byPacket.set(index, counts);
    if (sa === null) counts.takeSequence(get32(bytes, espAt + 4));
    else if (captured.sequence > 0) counts.takeSequence(captured.sequence);
  }

  #countsOf(spi: number, u8: Uint8Array, ipAt: number, sa: SecurityAssociation | null): SaCounts {
    const isIpv6 = ip.isIpv6(u8, ipAt);
    const [source, destination] = isIpv6
      ? [formatAddress6(u8, ipAt + ipv6.OFFSET_SOURCE), formatAddress6(u8, ipAt + ipv6.OFFSET_DESTINATION)]
      : [formatAddress(ipv4.source(u8, ipAt)), formatAddress(ipv4.destination(u8, ipAt))];
    const name = `${spi} ${source} ${destination} ${sa?.suite.name}`;
    let counts = this.#byName.get(name);
    if (counts === undefined) {
      counts = new SaCounts(spi, source!, destination!, sa?.suite.name, sa?.mode);
      this.#byName.set(name, counts);
    }
    return counts;
  }

  /** Reads what became of packets. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      if (block.event[row] !== EVENT.drop) continue;
      const counts = this.#byPacket.get(block.packet[row]!);
      if (counts === undefined) continue;
      const reason = block.reason[row]!;
      if (reason === REASON.replayed) counts.replayed += 1;
      else if (reason === REASON.wrongIcv) counts.icvFailures += 1;
      else counts.otherDrops += 1;
    }
  }
}
