/**
 * Sealing and opening the ESP part of one packet that lies in one piece, in place (RFC 4303).
 *
 * `espAt` is the absolute offset of the SPI. Nonce and additional data are taken from the header as it stands in the
 * packet, by the sender as by the receiver. A buffer in several pieces must be gathered first.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { writeEspHeader, writeTrailer } from "./framing.ts";
 * import { testSecurityAssociation } from "./sa.ts";
 * import { sealEsp } from "./seal.ts";
 * const sa = testSecurityAssociation({ seed: 1 });
 * const u8 = new Uint8Array(8 + 8 + 48 + 16);
 * writeEspHeader(u8, 0, sa.spi, 1, sa.ivFor(1));
 * writeTrailer(u8, 16 + 46, 0, 4); // Behind 46 bytes of payload.
 * sealEsp(sa, sa.aead(ENGINES.noble), u8, 0, 48);
 * ```
 *
 * @module
 */
import type { Aead } from "../crypto/aead.ts";
import { OFFSET_IV } from "./framing.ts";
import type { SecurityAssociation } from "./sa.ts";

/**
 * Encrypts payload and trailer behind the header at `espAt` in place and writes the ICV behind them. `clearBytes` is
 * payload, padding and the 2 trailer bytes: a multiple of `sa.blockBytes`. Header and IV must be written before. `aead` is
 * that of `sa`. `high` is the upper half of an extended sequence number, and means nothing of any other.
 */
export function sealEsp(
  sa: SecurityAssociation,
  aead: Aead,
  u8: Uint8Array,
  espAt: number,
  clearBytes: number,
  high: number = 0,
): void {
  const ivAt = espAt + OFFSET_IV;
  aead.seal(sa.nonceFor(u8, ivAt), sa.aadFor(u8, espAt, high), u8, ivAt + sa.ivBytes, clearBytes);
}

/**
 * Verifies and decrypts in place the ESP packet of `espBytes` bytes, SPI to ICV, at `espAt`. False, and nothing changed,
 * if the ICV is wrong or the packet is too short for header, IV and ICV. `high` as for `sealEsp()`.
 */
export function openEsp(
  sa: SecurityAssociation,
  aead: Aead,
  u8: Uint8Array,
  espAt: number,
  espBytes: number,
  high: number = 0,
): boolean {
  const ivAt = espAt + OFFSET_IV;
  const sealedBytes = espBytes - OFFSET_IV - sa.ivBytes;
  return aead.open(sa.nonceFor(u8, ivAt), sa.aadFor(u8, espAt, high), u8, ivAt + sa.ivBytes, sealedBytes);
}
