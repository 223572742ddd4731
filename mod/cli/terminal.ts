/**
 * The terminal: stdout for data, stderr for everything else.
 *
 * A closed pipe ends the program quietly, as in any Unix tool.
 *
 * @module
 */

import { ClosedPipe, OutputError, systemReason } from "./errors.ts";

const encoder = new TextEncoder();

/** Writes text to stdout. */
export function writeOut(text: string): void {
  writeOutBytes(encoder.encode(text));
}

/** Writes bytes to stdout, all of them. */
export function writeOutBytes(bytes: Uint8Array): void {
  try {
    writeAll(Deno.stdout, bytes);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new ClosedPipe();
    throw new OutputError(`Cannot write to stdout: ${systemReason(error)}`);
  }
}

/** Writes bytes to anything that may take fewer than it is given. */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
}

/** Says something to the person at the terminal; nobody may be listening. */
export function say(line: string): void {
  try {
    writeAll(Deno.stderr, encoder.encode(`${oneLine(line)}\n`));
  } catch {
    // Stderr is closed: there is nobody left to tell.
  }
}

/** Says each warning once; whom it concerns is named when it is not everybody. */
export function sayWarnings(all: readonly { readonly name: string; readonly warnings: readonly string[] }[]): void {
  const concerned = new Map<string, string[]>();
  for (const { name, warnings } of all) {
    for (const warning of warnings) concerned.set(warning, [...concerned.get(warning) ?? [], name]);
  }
  for (const [warning, names] of concerned) {
    const whom = names.length === all.length ? "" : `${names.join(", ")}: `;
    say(`tailbits: Warning: ${whom}${warning}`);
  }
}

/** Control characters, which file names may contain, must not reach the terminal. */
export function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
