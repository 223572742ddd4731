/**
 * The command line: `deno run -R -W cli.ts VERB ...` (see `mod/cli/main.ts`).
 *
 * @module
 */

import { main } from "./mod/cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
