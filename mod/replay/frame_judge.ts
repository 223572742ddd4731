/**
 * Opens what was sealed, for `--check`: one judge for each SA.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { EspOpener } from "../esp/esp_opener.ts";
import type { OpenFailure } from "../esp/esp_packet.ts";
import type { SecurityAssociation } from "../esp/sa.ts";

/** Looks at packets that were sent, in order. */
export interface Judge {
  /** What packets are called that it refuses. */
  readonly complaint: string;
  /** What is wrong with the IP packet `packet`; undefined when nothing is. `spi` leaves it to the judge of another SA. */
  refusal(packet: Uint8Array): string | undefined;
}

/** Judges the packets of one SA, in the order in which they were sent. */
export class FrameJudge implements Judge {
  readonly complaint = "ESP packets cannot be opened again";
  readonly #opener: EspOpener;

  /** `aead` is that of `sa`. */
  constructor(sa: SecurityAssociation, aead: Aead) {
    this.#opener = new EspOpener(sa, aead);
  }

  /** Why the IP packet `packet` cannot be opened; undefined when it can, or is a fragment. */
  refusal(packet: Uint8Array): OpenFailure | undefined {
    const result = this.#opener.open(packet);
    return result.opened || result.reason === "fragment" ? undefined : result.reason;
  }
}
