/**
 * Text that came from outside, made safe to print: file names, and whatever quotes them.
 *
 * A terminal obeys control characters, so a file name could clear the screen, recolour it or write over another line, and
 * characters that change the direction of writing make a name look like another one. All of them are shown as escapes.
 *
 * @example
 * ```ts
 * import { visibleText } from "./visible_text.ts";
 * visibleText("a\x1b[2J.pcap"); // "a\\x1b[2J.pcap"
 * ```
 *
 * @module
 */

/**
 * What has no picture of its own (Unicode general categories): control and format characters, line and paragraph
 * separators, and halves of surrogate pairs.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([["\t", "\\t"], ["\n", "\\n"], ["\r", "\\r"]]);

/**
 * Shows control characters as escapes: `\n`, `\x1b`, `\u202e`, `\u{e0001}`. Everything else stays as it is, backslashes
 * included, so the text cannot be turned back into the original. One line comes out, whatever goes in.
 */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (character) => SHORT_ESCAPES.get(character) ?? escapeByNumber(character));
}

/**
 * JSON text that is safe to print: what `JSON.stringify` leaves as it is becomes a `\u` escape, so that the text means
 * the same. Line feeds outside of strings stay.
 */
export function visibleJson(json: string): string {
  return json.replace(INVISIBLE, (character) => character === "\n" ? character : escapeForJson(character));
}

function escapeByNumber(character: string): string {
  const hex = character.codePointAt(0)!.toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}

function escapeForJson(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
