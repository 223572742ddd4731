/**
 * What the tests of this folder share: recordings on disk and in memory, and recordings with something changed. Not part of
 * the library.
 *
 * ```ts
 * const folder = await changed(shipped("gro-off"), { "expected.csv": (text) => text.replace("1500", "1501") });
 * (await validate(folder)).differ; // 1
 * ```
 *
 * @module
 */

import type { RecordingFolder } from "./recording.ts";

/** The recordings that come with the program. */
export const SHIPPED: URL = new URL("../../fixtures/kernel/", import.meta.url);
/** All recordings that were made for this project; they are not part of it. */
export const ALL_ROOTS: readonly URL[] = ["oracle/", "oracle-2/"].map((name) => {
  return new URL(`../../../shared/${name}`, import.meta.url);
});

/** The folders in `root`, by name; none where it is not there. */
export function foldersIn(root: URL): RecordingFolder[] {
  return entriesOf(root).filter((entry) => entry.isDirectory).map(({ name }) => name).toSorted().map((name) => {
    return folderAt(new URL(`${name}/`, root), name);
  });
}

function entriesOf(root: URL): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(root)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function folderAt(url: URL, name: string): RecordingFolder {
  const files = entriesOf(url).filter((entry) => entry.isFile).map((entry) => entry.name);
  return { name, files, read: (file) => Deno.readFile(new URL(file, url)) };
}

/** The shipped recording of that name. */
export function shipped(name: string): RecordingFolder {
  return folderAt(new URL(`${name}/`, SHIPPED), name);
}

/** The same folder, files replaced or changed as text, or taken away (null). */
export async function changed(
  folder: RecordingFolder,
  changes: Readonly<Record<string, string | Uint8Array | null | ((text: string) => string)>>,
): Promise<RecordingFolder> {
  const contents = new Map<string, Uint8Array>();
  for (const file of folder.files) contents.set(file, await folder.read(file));
  for (const [file, change] of Object.entries(changes)) {
    const text = (): string => new TextDecoder().decode(contents.get(file));
    if (change === null) contents.delete(file);
    else if (typeof change === "function") contents.set(file, new TextEncoder().encode(change(text())));
    else contents.set(file, typeof change === "string" ? new TextEncoder().encode(change) : change);
  }
  return { name: folder.name, files: [...contents.keys()], read: (file) => Promise.resolve(contents.get(file)!) };
}

/** A change of one cell of a table: `row` counts from 0 behind the header. */
export function cell(row: number, column: string, value: string): (text: string) => string {
  return (text) => {
    const lines = text.split("\n");
    const cells = lines[row + 1]!.split(",");
    cells[lines[0]!.split(",").indexOf(column)] = value;
    lines[row + 1] = cells.join(",");
    return lines.join("\n");
  };
}
