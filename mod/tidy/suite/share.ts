/**
 * The suite in a few shares, each of them one module that imports its part of all test files: `deno task test` runs these.
 *
 * A module of tests is an isolate of its own, which loads and compiles what it imports anew. For some 270 files, most of which
 * import the whole simulator, that took more time than the tests: in four shares the suite needs some 60 % of the CPU time. A
 * single file is still a module of tests, as ever: `deno test -R -W mod/skb/skb_test.ts`.
 *
 * Files are dealt out in turn, in the order of their paths, so that a new one needs no entry anywhere, and neighbours, which are
 * often about as long, go to different shares.
 *
 * ```ts
 * import { importShare } from "./share.ts";
 * await importShare(import.meta.url); // in 1_of_4.ts: the first, the fifth, ...
 * ```
 *
 * @module
 */

const ROOT = new URL("../../../", import.meta.url);
/** Where tests are. */
const FOLDERS = ["mod/", "fixtures/"];

/** Imports the share that the name of a module says, as `1_of_4.ts`: its tests are those of the module then. */
export async function importShare(moduleUrl: string): Promise<void> {
  const [, share, shares] = /\/(\d+)_of_(\d+)\.ts$/.exec(moduleUrl)!;
  for (const file of shareOf(testFiles(), Number(share), Number(shares))) await import(new URL(file, ROOT).href);
}

/** The files of share `share`, from 1, of `shares`. */
export function shareOf(files: readonly string[], share: number, shares: number): string[] {
  return files.filter((_, i) => i % shares === share - 1);
}

/** All test files, by their paths from the root, in order. */
export function testFiles(): string[] {
  return FOLDERS.flatMap((folder) => [...testFilesBelow(folder)]).sort();
}

function* testFilesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* testFilesBelow(`${folder}${name}/`);
    else if (name.endsWith("_test.ts")) yield folder + name;
  }
}
