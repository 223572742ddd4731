/**
 * What a watcher of the arena is told: every operation that touches payload, with the addresses that it touches.
 *
 * The model works the same with and without one (`Memory.watch`); `bench` records through it what has to be done for real
 * (`machine/work_recorder.ts`). Header fields that stages write one by one are not told. The ledger row of an operation says what it counts
 * as; some rows are written before the bytes are touched, most of them after.
 *
 * ```ts
 * memory.watch = { ...watch, moved: (from, to, bytes) => console.log(from, to, bytes) };
 * ```
 *
 * @module
 */

import type { Skb } from "./skb.ts";

/** The parts of an ESP packet under one association. */
export interface PacketLayout {
  /** Bytes of IV, behind 8 of SPI and sequence number. */
  readonly ivBytes: number;
  /** Bytes of ICV, behind the text. */
  readonly icvBytes: number;
}

/** Watches one arena. Addresses are offsets into it; buffers must not be kept. */
export interface ByteWatch {
  /** A device, or a process of the model, has written `bytes` bytes. */
  filled(at: number, bytes: number): void;
  /** Bytes have moved. */
  moved(from: number, to: number, bytes: number): void;
  /** Bytes have been summed; `sum` is theirs alone, folded. */
  summed(at: number, bytes: number, sum: number): void;
  /** Data bytes of `skb` are copied to where the arena does not reach; `offset` is below 0 for bytes in front of the data. */
  readOut(skb: Skb, offset: number, bytes: number): void;
  /**
   * A request goes through a bounce buffer: `assocBytes` and more, `bytesIn` in all, from data offset `offset`. Behind the
   * associated data, `bytesOut` bytes will come back.
   */
  bouncing(skb: Skb, offset: number, assocBytes: number, bytesIn: number, bytesOut: number): void;
  /** A cipher is going to work on `textBytes` bytes behind the ESP header and IV at data offset `espOffset`. */
  ciphering(skb: Skb, espOffset: number, textBytes: number, association: PacketLayout, seals: boolean): void;
  /** The cipher has done so; false when the ICV is wrong and nothing has changed. */
  ciphered(isGood: boolean): void;
  /** A device has sent the bytes of `skb`. */
  sent(skb: Skb): void;
}
