/**
 * The security associations of the kernel recordings, for tests: those of `validate`. Not part of the library.
 *
 * ```ts
 * const { sa: [recorded] } = JSON.parse(Deno.readTextFileSync("scenario.json"));
 * associationOf(recorded)?.suite.name; // "aes-gcm-256"
 * ```
 *
 * @module
 */

export { associationOf } from "../validate/recorded_sa.ts";
export type { RecordedSa } from "../validate/scenario.ts";
