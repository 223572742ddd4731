/**
 * Opening the packets of one association in the order in which they come by, on the side: what is in a capture, and whether what was
 * sealed opens again.
 *
 * Of extended sequence numbers the upper halves are guessed as a receiver guesses them, from a window that is wider than any
 * receiver's, since nothing is refused here but what cannot be opened.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { EspOpener } from "./esp_opener.ts";
 * import { testSecurityAssociation } from "./sa.ts";
 * const sa = testSecurityAssociation({ seed: 1, esn: "on" });
 * new EspOpener(sa, sa.aead(ENGINES.noble)).open(new Uint8Array(20)); // { opened: false, reason: "not-ip" }
 * ```
 *
 * @module
 */
import type { Aead } from "../crypto/aead.ts";
import { lowSequenceOf, type OpenedPacket, openEspPacket } from "./esp_packet.ts";
import { sequenceHigh } from "./framing.ts";
import { ReplayWindow } from "./replay_window.ts";
import type { SecurityAssociation } from "./sa.ts";

/** Sequence numbers by which packets may overtake each other. */
const WINDOW_NUMBERS = 1 << 16;

/** Opens packet after packet. */
export class EspOpener {
  readonly #window: ReplayWindow | null;

  /** `aead` is that of `sa`. */
  constructor(readonly sa: SecurityAssociation, readonly aead: Aead) {
    this.#window = sa.esn ? new ReplayWindow(WINDOW_NUMBERS) : null;
  }

  /** As `openEspPacket()`. */
  open(packet: Uint8Array): OpenedPacket {
    const { sa, aead } = this;
    const low = this.#window === null ? undefined : lowSequenceOf(packet, sa);
    if (low === undefined) return openEspPacket(packet, sa, aead);
    const result = openEspPacket(packet, sa, aead, sequenceHigh(this.#window!.extended(low)));
    if (result.opened) this.#window!.advance(result.sequence);
    return result;
  }
}
