import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { visibleJson, visibleText } from "./visible_text.ts";

const SHOWN: readonly [what: string, text: string, shown: string][] = [
  ["nothing", "", ""],
  ["plain text", "trace 1.pcap", "trace 1.pcap"],
  ["letters of other scripts", "Messung-ä-測定.pcap", "Messung-ä-測定.pcap"],
  ["a picture beyond 16 bits", "\u{1f680}.pcap", "\u{1f680}.pcap"],
  ["a backslash", "a\\x1b.pcap", "a\\x1b.pcap"],
  ["line ends and tabs", "a\nb\rc\td", "a\\nb\\rc\\td"],
  ["an escape sequence", "\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"],
  ["null and delete", "\0\x7f", "\\x00\\x7f"],
  ["an escape sequence of 8 bits", "\x9b2J", "\\x9b2J"],
  ["a change of direction", "exe\u202epacp.a", "exe\\u202epacp.a"],
  ["what has no width", "a\u200bb\ufeff", "a\\u200bb\\ufeff"],
  ["other line ends", "a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"],
  ["tags beyond 16 bits", "a\u{e0041}", "a\\u{e0041}"],
  ["half of a surrogate pair", "a\ud83d", "a\\ud83d"],
];

for (const [what, text, shown] of SHOWN) {
  Deno.test(`visibleText() shows ${what}`, () => assertEquals(visibleText(text), shown));
}

const INVISIBLE = /[^\P{C}\p{Cn}\p{Co}]/u;
/** Any character: those of fast-check itself ("binary") come from a table that takes long to make. */
const CHARACTER = fc.nat(0x10f7ff).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));
const TEXT = fc.string({ unit: CHARACTER, maxLength: 50 });

Deno.test("visibleText() lets nothing through that a terminal obeys", () => {
  fc.assert(fc.property(TEXT, (text) => assertEquals(INVISIBLE.test(visibleText(text)), false)), { numRuns: 5000 });
});

Deno.test("visibleJson() lets nothing but line feeds through, and changes no value", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const shown = visibleJson(JSON.stringify({ text }, null, 2));
      assertEquals(INVISIBLE.test(shown.replaceAll("\n", "")), false);
      assertEquals(JSON.parse(shown), { text });
    }),
    { numRuns: 5000 },
  );
});

Deno.test("visibleJson() writes characters beyond 16 bits as two escapes", () => {
  assertEquals(visibleJson('"\u{e0041}\x9b"'), '"\\udb40\\udc41\\u009b"');
});
