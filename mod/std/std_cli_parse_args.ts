/** Typed face of `@std/cli/parse-args` (see README.md in this folder). @module */
// @ts-types="./std_cli_parse_args.d.ts"
export { parseArgs } from "npm:deno-std@1.4.0/cli/parse_args.js";
