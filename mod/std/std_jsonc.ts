/** Typed face of `@std/jsonc` (see README.md in this folder). @module */
// @ts-types="./std_jsonc.d.ts"
export { parse } from "npm:deno-std@1.4.0/jsonc/mod.js";
