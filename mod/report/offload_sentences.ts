/**
 * Sentences about ESP that a NIC does, and about what is left to it.
 *
 * @module
 */

import { by, dropOf, has, type Scene, type Sentence } from "./phrases.ts";

/** By "event reason". */
export const OFFLOAD_SENTENCES: Readonly<Record<string, Sentence>> = {
  "seal nic": ({ bytes }, { life }) => {
    const { offload } = life.run.resolved.config;
    const made = offload === "packet"
      ? "makes an ESP packet of its frame: headers and trailer added, "
      : "encrypts its frame: ";
    return `The NIC ${made}${bytes} bytes encrypted, ICV of ${life.lengths.icvBytes}, at no cost to a CPU (offload=${offload}).`;
  },
  "open nic": ({ bytes }, { life }) => {
    const { offload } = life.run.resolved.config;
    const result = offload === "packet"
      ? "and takes ESP off: the stack gets a clear packet"
      : "headers and trailer stay";
    return `The NIC decrypts ${bytes} bytes, ${result} (offload=${offload}).`;
  },
  "reject offload-veto": ({ reason }) =>
    `The driver does not take it, for its IPv4 options or IPv6 extension headers: software encrypts it${by(reason)}.`,
};

/** ESP output of a packet that a NIC is going to encrypt; undefined of any other. */
export function espLeftToNic({ chapter, life }: Scene): string | undefined {
  const wasRefused = life.chapters.some((other) => has(other, "reject", "offload-veto"));
  if (life.run.resolved.config.offload !== "crypto" || wasRefused || dropOf(chapter) !== undefined) return undefined;
  return has(chapter, "tail")
    ? "The NIC is going to encrypt it; room for the trailer is needed all the same (esp_xmit, esp_output_head)."
    : "The NIC is going to cut and encrypt it: no trailer here (esp_xmit).";
}

/** What xfrm output does of a transformation that is all the NIC's; undefined of any other. */
export function xfrmLeftToNic({ chapter, life }: Scene): string | undefined {
  if (life.run.resolved.config.offload !== "packet" || dropOf(chapter) !== undefined) return undefined;
  return "Its SA is all the NIC's: no header and no trailer, the packet goes on as it is (xfrm_output, Linux 6.2).";
}

/** ESP input of a packet that the NIC has decrypted; undefined of any other. */
export function decryptedByNic({ life }: Scene): string | undefined {
  const isDecrypted = life.chapters.some((chapter) => has(chapter, "open", "nic"));
  return isDecrypted ? "The NIC has decrypted it: nobody has to make it writable (esp_input_tail)." : undefined;
}

/** The NIC has made a clear packet of it before the stack saw it. */
export function isDecapsulatedByNic({ life }: Scene): boolean {
  const { offload } = life.run.resolved.config;
  return offload === "packet" && life.chapters.some((chapter) => has(chapter, "open", "nic"));
}
