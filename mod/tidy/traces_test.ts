/** The committed reference traces are what the program gives now. */

import { assertEquals } from "@std/assert";
import { referenceTraces } from "./traces.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("the reference traces are up to date (else: deno task traces, and read the diff)", async () => {
  for (const [path, text] of await referenceTraces()) {
    assertEquals(await Deno.readTextFile(new URL(path, ROOT)), text, path);
  }
});
