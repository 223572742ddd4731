/**
 * The window that a receiving TCP offers: its buffer, less what the process has not read yet (`path=host-to-host`).
 *
 * net/ipv4/tcp_output.c: tcp_select_window, __tcp_select_window; include/net/tcp.h: tcp_receive_window; net/ipv4/tcp.c:
 * tcp_cleanup_rbuf (4.4 and 6.1). What was offered is never taken back: the right edge of the window does not move to the left.
 * Less than a sixteenth of the buffer, or less than a segment, is offered as nothing, so that no small segments come.
 *
 * Departures: the buffer is as large as `window_kib` from the beginning, and counts payload, not the memory that it lies in:
 * nothing is tuned (tcp_rcv_space_adjust, rcv_ssthresh).
 *
 * ```ts
 * const window = new ReceiveWindow(65536);
 * window.begin(1000);
 * window.offer(3000, 2000, 1448); // 63536: 2000 bytes are not read
 * ```
 *
 * @module
 */

import { distance } from "./tcp_buffer.ts";

const LARGEST_WINDOW_FIELD = 0xffff;

/** By how many bits a window of `bytes` bytes is scaled down (RFC 7323, section 2.2). */
export function windowScale(bytes: number): number {
  let scale = 0;
  while (Math.floor(bytes / 2 ** scale) > LARGEST_WINDOW_FIELD) scale += 1;
  return scale;
}

/** The window of one connection. Held bytes are those that are there and not read, also behind a gap. */
export class ReceiveWindow {
  /** What was offered last (rcv_wnd). */
  offeredBytes: number;

  /** Bytes that one unit of the window field stands for, and the largest window in whole units. */
  readonly #unitBytes: number;
  readonly #fullBytes: number;
  /** Number behind the last byte that may come (rcv_wup + rcv_wnd). */
  #edge = 0;

  /** A buffer of `windowBytes` bytes. */
  constructor(windowBytes: number) {
    this.#unitBytes = 2 ** windowScale(windowBytes);
    this.#fullBytes = roundDown(windowBytes, this.#unitBytes);
    this.offeredBytes = this.#fullBytes;
  }

  /** The stream begins with number `first`, and all of the window is open. */
  begin(first: number): void {
    this.#edge = (first + this.offeredBytes) >>> 0;
  }

  /** `numbers` numbers are not going to come. */
  skip(numbers: number): void {
    this.#edge = (this.#edge + numbers) >>> 0;
  }

  /** What the other end may still send, when everything in front of `next` is there (tcp_receive_window). */
  openBytes(next: number): number {
    return Math.max(0, distance(next, this.#edge));
  }

  /** Offers a window from `next` on, and returns its bytes (tcp_select_window). */
  offer(next: number, heldBytes: number, mss: number): number {
    const open = this.openBytes(next);
    const selected = this.#select(heldBytes, mss);
    this.offeredBytes = selected < open ? roundUp(open, this.#unitBytes) : selected;
    this.#edge = (next + this.offeredBytes) >>> 0;
    return this.offeredBytes;
  }

  /** An acknowledgment now would offer no less than the last did: the right edge of the window moves on. */
  isAdvancing(heldBytes: number, mss: number): boolean {
    return this.#select(heldBytes, mss) >= this.offeredBytes;
  }

  /** So much was read that the other end is to be told: at least twice as much may come as it knows of. */
  isUpdateDue(next: number, heldBytes: number, mss: number): boolean {
    const open = this.openBytes(next);
    if (2 * open > this.#fullBytes) return false;
    const selected = this.#select(heldBytes, mss);
    return selected > 0 && selected >= 2 * open;
  }

  /** The window for what is free, were nothing offered before (__tcp_select_window). */
  #select(heldBytes: number, mss: number): number {
    const full = this.#fullBytes;
    const segment = Math.min(mss, full);
    let free = full - heldBytes;
    if (free < Math.floor(full / 2)) {
      free = roundDown(free, this.#unitBytes);
      if (free < Math.floor(full / 16) || free < segment) return 0;
    }
    return this.#unitBytes > 1 ? roundUp(free, this.#unitBytes) : this.#inSegments(free, segment);
  }

  /** Without scaling the window is whole segments, and stays as it is while it is nearly right. */
  #inSegments(free: number, segment: number): number {
    const last = this.offeredBytes;
    if (last <= free - segment || last > free) return roundDown(free, segment);
    return segment === this.#fullBytes && free > last + Math.floor(this.#fullBytes / 2) ? free : last;
  }
}

function roundDown(bytes: number, unit: number): number {
  return Math.floor(bytes / unit) * unit;
}

function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
