/**
 * The registry of crypto engines: a new engine is one file, one line here and its name in `EngineName`.
 *
 * ```ts
 * import { ENGINES } from "./engines.ts";
 * ENGINES.skip.encrypts; // false
 * ```
 *
 * @module
 */
import type { CryptoEngine, EngineName } from "./aead.ts";
import { noble } from "./noble.ts";
import { openssl } from "./openssl.ts";
import { skip } from "./skip.ts";

/** Every engine by its name. */
export const ENGINES: Readonly<Record<EngineName, CryptoEngine>> = { noble, openssl, skip };

/** The fastest engine that encrypts and can run here; asks for no permission. */
export function fastestEngine(): EngineName {
  return openssl.whyUnavailable() === undefined ? "openssl" : "noble";
}
