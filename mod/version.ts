/**
 * The version of tailbits, as `deno.json` says it.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };

/** Semantic version; part of every trace, since outputs may change with it. */
export const VERSION: string = manifest.version;
