/**
 * The gate of `pace=max`: traffic that waits while the host has no room for it, as if the link had flow control.
 *
 * It counts the packets inside the host and its qdisc. At `limit` packets it closes (XOFF), at half of that it opens again
 * (XON), like the pause frames of IEEE 802.3x: so a link slower than the CPU loses nothing, and arrivals still come in
 * bursts that GRO can merge.
 *
 * @module
 */

/** Opens and closes by the number of packets inside. */
export class IngressGate {
  /** Called when the gate opens. */
  onOpen: () => void = () => {};

  #inside = 0;
  #closed = false;

  /** A gate that closes at `limit` packets; Infinity for one that never does. */
  constructor(readonly limit: number) {}

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** A packet has arrived. */
  enter(): void {
    this.#inside += 1;
    if (this.#inside >= this.limit) this.#closed = true;
  }

  /** `packets` packets were handed to the NIC, delivered, or dropped. */
  leave(packets: number): void {
    this.#inside -= packets;
    if (!this.#closed || this.#inside > this.limit / 2) return;
    this.#closed = false;
    this.onOpen();
  }
}
