/**
 * Opens what was sealed, for `--check`: one judge for each SA.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { EspOpener } from "../esp/esp_opener.ts";
import type { OpenFailure } from "../esp/esp_packet.ts";
import type { SecurityAssociation } from "../esp/sa.ts";

/** Judges the packets of one SA, in the order in which they were sent. */
export class FrameJudge {
  readonly #opener: EspOpener;

  constructor(sa: SecurityAssociation, aead: Aead) {
    this.#opener = new EspOpener(sa, aead);
  }

  /** Why the IP packet `packet` cannot be opened; undefined when it can, or is a fragment. */
  refusal(packet: Uint8Array): OpenFailure | undefined {
    const result = this.#opener.open(packet);
    return result.opened || result.reason === "fragment" ? undefined : result.reason;
  }
}
