/** The house rules catch what they are for, and let the places alone that may look at the real world. */

import { assertEquals } from "@std/assert";
import plugin from "./lint_plugin.ts";

function complaints(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map(({ message }) => message);
}

const FORBIDDEN: [string, string][] = [
  ["const t = Date.now();", "Cannot use Date.now here: it is the wall clock"],
  ["const t = performance.now();", "Cannot use performance.now here: it is the wall clock"],
  ["const t = new Date();", "Cannot use new Date() here: it is the wall clock"],
  ["const r = Math.random();", "Cannot use Math.random here: it is chance without a seed"],
  ["const x = Math.log2(8);", "Cannot use Math.log2: its last bit depends on the engine"],
  ["const s = (1.5).toLocaleString();", "Cannot use toLocaleString: the result depends on the locale"],
  ['const o = "a".localeCompare("b");', "Cannot use localeCompare: the result depends on the locale"],
  ["const f = Intl.NumberFormat();", "Cannot use Intl: the result depends on the locale"],
];

for (const [source, message] of FORBIDDEN) {
  Deno.test(`the lint rules refuse in the model: ${source}`, () => {
    assertEquals(complaints("/project/mod/stages/gro.ts", source), [message]);
    assertEquals(complaints("/project/mod/cli/progress.ts", source), []);
    assertEquals(complaints("/project/mod/stages/gro_test.ts", source), []);
  });
}

Deno.test("the lint rules let one file read the clock, and that file do nothing else that they refuse", () => {
  assertEquals(complaints("/project/mod/machine/stopwatch.ts", "const t = performance.now();"), []);
  assertEquals(complaints("/project/mod/machine/timed_passes.ts", "const t = performance.now();").length, 1);
  assertEquals(complaints("/project/mod/machine/stopwatch.ts", "const t = Date.now();").length, 1);
  assertEquals(complaints("/project/mod/machine/stopwatch.ts", "const r = Math.random();").length, 1);
});

Deno.test("the lint rules allow what is exact: sqrt, a date from a number, sorting by code units", () => {
  const source = 'const x = Math.sqrt(2) + Math.floor(1.5); const d = new Date(0); const o = "a" < "b";';
  assertEquals(complaints("/project/mod/sim/cpu.ts", source), []);
});
