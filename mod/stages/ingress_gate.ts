/**
 * The gate of `pace=max`: traffic that waits while the host has no room for it, as if the link had flow control.
 *
 * It counts what is inside the host and its qdisc, in frames that are to leave: a super-packet counts as many as it has
 * segments. At `limit` frames it closes (XOFF), at half of that it opens again (XON), like the pause frames of IEEE 802.3x:
 * so a link slower than the CPU loses nothing, and arrivals still come in bursts that GRO can merge.
 *
 * Between two hosts the link has that flow control: then the other end closes the gate, too, while it has no room (`link.ts`).
 *
 * Under the other paces frames come whether it is open or not, and are lost where there is no room for them.
 *
 * @module
 */

/** Opens and closes by the number of frames inside. */
export class IngressGate {
  /** Called when the gate opens. */
  onOpen: () => void = () => {};

  #inside = 0;
  #closed = false;
  #paused = false;

  /** A gate that closes at `limit` frames; Infinity for one that never does. */
  constructor(readonly limit: number) {}

  get isOpen(): boolean {
    return !this.#closed && !this.#paused;
  }

  /** A frame has arrived that will leave as `frames` frames. */
  enter(frames: number): void {
    this.#inside += frames;
    if (this.#inside >= this.limit) this.#closed = true;
  }

  /** `frames` frames were handed to the NIC, delivered, or dropped. */
  leave(frames: number): void {
    this.#inside -= frames;
    if (!this.#closed || this.#inside > this.limit / 2) return;
    this.#closed = false;
    if (this.isOpen) this.onOpen();
  }

  /** The other end of the link has no room: the gate is closed, however few are inside. */
  pause(): void {
    this.#paused = true;
  }

  /** The other end has room again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.isOpen) this.onOpen();
  }
}
