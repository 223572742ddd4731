/**
 * Text files that a user names: configurations, profiles, tables of rows, security associations.
 *
 * UTF-8 with or without a byte order mark, and no longer than such files are. Example: `await readText("mine.json")`.
 *
 * @module
 */

/** The longest file that is read: a profile has 30 KB, and a device such as `/dev/zero` has no end. */
const BYTES_MAX = 1 << 24;
const PIECE_BYTES = 1 << 16;

/** Returns the text of a file. Throws the error of the system, or one that says what the file is instead (see `systemReason()`). */
export async function readText(path: string): Promise<string> {
  using file = await Deno.open(path, { read: true });
  // A byte order mark is left out by the decoder.
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const piece = new Uint8Array(PIECE_BYTES);
  let text = "";
  let bytes = 0;
  for (let read = await file.read(piece); read !== null; read = await file.read(piece)) {
    bytes += read;
    if (bytes > BYTES_MAX) throw new Error(`it is longer than ${BYTES_MAX >> 20} MiB`);
    text += decoded(decoder, piece.subarray(0, read));
  }
  return text + decoded(decoder);
}

function decoded(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined });
  } catch {
    throw new Error("it is not UTF-8 text");
  }
}
