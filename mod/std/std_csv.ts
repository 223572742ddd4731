/** Typed face of `@std/csv` (see README.md in this folder). @module */
// @ts-types="./std_csv.d.ts"
export { parse, stringify } from "npm:deno-std@1.4.0/csv/mod.js";
