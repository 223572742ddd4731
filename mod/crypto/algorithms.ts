/**
 * Which lengths of keys and tags an algorithm takes: what every engine checks before it makes one.
 *
 * A new algorithm is a name in `AeadAlgorithm`, one row here and one line in every engine that computes it.
 *
 * ```ts
 * import { checkParameters } from "./algorithms.ts";
 * checkParameters("aes-gcm", { key: new Uint8Array(32), authKey: new Uint8Array(0) }, 16);
 * ```
 *
 * @module
 */
import type { AeadAlgorithm, AeadKeys } from "./aead.ts";

/** The lengths that are legal, in bytes; 0 where an algorithm has no such thing. */
export interface AlgorithmLengths {
  /** Of the key of the cipher. */
  readonly keyBytes: readonly number[];
  /** Of the key of the HMAC. */
  readonly authKeyBytes: readonly number[];
  /** Of the tag. */
  readonly tagBytes: readonly number[];
}

/**
 * The lengths of every algorithm. AES-GCM (NIST SP 800-38D) makes tags of 16 bytes only so far (RFC 4106, section 6, allows
 * 8 and 12 as well); NULL is RFC 2410; HMAC-SHA256-128 is RFC 4868, sections 2.1.1 and 2.3: the key is as long as the hash,
 * the tag half of it.
 */
export const ALGORITHMS: Readonly<Record<AeadAlgorithm, AlgorithmLengths>> = {
  "aes-gcm": { keyBytes: [16, 24, 32], authKeyBytes: [0], tagBytes: [16] },
  "null": { keyBytes: [0], authKeyBytes: [0], tagBytes: [0] },
  "null-hmac-sha256": { keyBytes: [0], authKeyBytes: [32], tagBytes: [16] },
};

/**
 * Refuses parameters that no engine takes.
 *
 * @throws {RangeError} if a key or the tag has a length that the algorithm does not know.
 */
export function checkParameters(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): void {
  const lengths = ALGORITHMS[algorithm];
  checkLength(algorithm, "key", keys.key.length, lengths.keyBytes);
  checkLength(algorithm, "authentication key", keys.authKey.length, lengths.authKeyBytes);
  checkLength(algorithm, "tag", tagBytes, lengths.tagBytes);
}

function checkLength(algorithm: AeadAlgorithm, what: string, bytes: number, legal: readonly number[]): void {
  if (legal.includes(bytes)) return;
  throw new RangeError(`Cannot make ${algorithm}: the ${what} has ${bytes} bytes, not ${legal.join(" or ")}`);
}
