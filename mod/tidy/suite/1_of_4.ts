/**
 * A quarter of all tests (`share.ts`).
 *
 * @module
 */

import { importShare } from "./share.ts";

await importShare(import.meta.url);
