/**
 * Files of security associations (`--sa`): JSONC, Wireshark's table, or what `ip xfrm state` prints. Which of them it is tells the
 * first character that is neither space nor comment.
 *
 * ```ts
 * import { parseSaFile } from "./sa_file.ts";
 * parseSaFile('"IPv4","*","*","0x00001001","NULL","","NULL",""', "esp_sa"); // One entry.
 * ```
 *
 * @module
 */
import { type SaEntry, SaFileError } from "./sa_entry.ts";
import { parseJsoncAssociations } from "./sa_file_jsonc.ts";
import { parseWiresharkTable } from "./sa_file_wireshark.ts";
import { parseXfrmState } from "./sa_file_xfrm.ts";

/** The longest file that is read: more associations than a capture has packets. */
const FILE_CHARACTERS_MAX = 16 << 20;

/**
 * The entries of a file, in its order.
 *
 * @throws {SaFileError} if it is of no known form or something in it is wrong; the message tells line and field, and nothing of
 * a key.
 */
export function parseSaFile(text: string, name: string): SaEntry[] {
  try {
    const entries = parserOf(text)(text.replace(/^\uFEFF/, ""));
    if (entries.length === 0) throw new SaFileError("there is no ESP association in it");
    return entries;
  } catch (error) {
    if (!(error instanceof SaFileError)) throw error;
    throw new SaFileError(`Cannot read SA file ${name}: ${error.message}`);
  }
}

function parserOf(text: string): (text: string) => SaEntry[] {
  if (text.length > FILE_CHARACTERS_MAX) throw new SaFileError("it is too long");
  const start = text.replace(/^\uFEFF/, "").replace(/^(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/, "");
  if (/^[[{]/.test(start)) return parseJsoncAssociations;
  if (start.startsWith('"')) return parseWiresharkTable;
  if (/^src\s/.test(start)) return parseXfrmState;
  if (start === "") throw new SaFileError("there is no association in it");
  throw new SaFileError(
    "it is neither JSONC nor a table of Wireshark (esp_sa) nor a list of ip xfrm state, by its first character",
  );
}
