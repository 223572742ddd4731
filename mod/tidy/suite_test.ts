/** The suite is all of the tests, each once. */

import { assert, assertEquals } from "@std/assert";
import { shareOf, testFiles } from "./suite/share.ts";

Deno.test("the shares of the suite that are there hold every test file once", () => {
  const names = [...Deno.readDirSync(new URL("suite/", import.meta.url))].map(({ name }) => name);
  const shares = names.filter((name) => name !== "share.ts").sort();
  assertEquals(shares, shares.map((_, i) => `${i + 1}_of_${shares.length}.ts`));
  const files = testFiles();
  const dealt = shares.flatMap((_, i) => shareOf(files, i + 1, shares.length));
  assertEquals(dealt.toSorted(), files);
  assertEquals(new Set(dealt).size, dealt.length);
});

Deno.test("the suite finds test files wherever they are", () => {
  const files = testFiles();
  assert(files.length > 250, String(files.length));
  for (const file of ["fixtures/fixtures_test.ts", "mod/skb/memory_test.ts", "mod/tidy/suite_test.ts"]) {
    assert(files.includes(file), file);
  }
});

Deno.test("deno task test runs the shares", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assert(tasks.test.command.endsWith("mod/tidy/suite/*_of_4.ts"), tasks.test.command);
});
