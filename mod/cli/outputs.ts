/**
 * Output files: written beside their place and renamed into it, so that what is there is whole or not there at all.
 *
 * @module
 */

import { EXIT, OutputError, systemReason } from "./errors.ts";
import { writeAll } from "./terminal.ts";

/** Temporary files of this process; removed when it is interrupted or fails. */
const temporary = new Set<string>();
/** Folders that this process has made, the uppermost first. */
const made: string[] = [];

/** A file that is written piece by piece and appears under its name when it is complete. */
export class OutputFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;

  /** Begins to write; throws OutputError when the folder does not let us. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${Deno.pid}.tmp`;
    try {
      this.#file = Deno.openSync(this.#temporary, { write: true, createNew: true });
    } catch (error) {
      throw new OutputError(`Cannot write ${path}: ${systemReason(error)}`);
    }
    temporary.add(this.#temporary);
  }

  write(bytes: Uint8Array): void {
    try {
      writeAll(this.#file, bytes);
    } catch (error) {
      throw new OutputError(`Cannot write ${this.#path}: ${systemReason(error)}`);
    }
  }

  /** Closes the file and gives it its name. */
  commit(): void {
    this.#file.close();
    try {
      Deno.renameSync(this.#temporary, this.#path);
    } catch (error) {
      throw new OutputError(`Cannot write ${this.#path}: ${systemReason(error)}`);
    }
    temporary.delete(this.#temporary);
  }
}

/** Writes several files at once: all are written before the first gets its name. Folders are made where they lack. */
export function writeFiles(files: ReadonlyMap<string, string>): void {
  const encoder = new TextEncoder();
  const written: OutputFile[] = [];
  for (const [path, text] of files) {
    const file = beginFile(path);
    file.write(encoder.encode(text));
    written.push(file);
  }
  for (const file of written) file.commit();
}

/** Begins to write a file, in a folder that is made where it is not there: one that does not let us write says so now. */
export function beginFile(path: string): OutputFile {
  makeFolderOf(path);
  return new OutputFile(path);
}

/** Makes the folder that a file is to be in, where it is not there. */
export function makeFolderOf(path: string): void {
  const folder = path.replace(/\/?[^/]*$/, "");
  if (folder !== "") makeFolder(folder);
}

/** Makes a folder and those above it, where they are not there. */
export function makeFolder(folder: string): void {
  try {
    for (const path of missingFolders(folder)) {
      Deno.mkdirSync(path);
      made.push(path);
    }
  } catch (error) {
    throw new OutputError(`Cannot make folder ${folder}: ${systemReason(error)}`);
  }
}

/** The folder and those above it that are not there, the uppermost first. */
function missingFolders(folder: string): string[] {
  const missing: string[] = [];
  for (let path = folder.replace(/\/+$/, ""); path !== "" && !isFolder(path); path = path.replace(/\/*[^/]*$/, "")) {
    missing.unshift(path);
  }
  return missing;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes what is not complete, and the folders that were made for it; never fails. */
export function removeTemporaryFiles(): void {
  for (const path of temporary) {
    try {
      Deno.removeSync(path);
    } catch {
      // It is gone, or we may not touch it: nothing left to do.
    }
  }
  temporary.clear();
  for (const path of made.splice(0).reverse()) {
    try {
      Deno.removeSync(path);
    } catch {
      // It is not empty, so it has its use.
    }
  }
}

/** Ctrl-C leaves nothing half-written behind. */
export function cleanUpOnInterrupt(): void {
  Deno.addSignalListener("SIGINT", () => {
    removeTemporaryFiles();
    Deno.exit(EXIT.interrupted);
  });
}
