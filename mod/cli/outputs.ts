/**
 * Output files: written beside their place and renamed into it, so that what is there is whole or not there at all.
 *
 * @module
 */

import { EXIT, OutputError, systemReason } from "./errors.ts";
import { writeAll } from "./terminal.ts";

/** Temporary files of this process; removed when it is interrupted or fails. */
const temporary = new Set<string>();

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
    makeFolderOf(path);
    const file = new OutputFile(path);
    file.write(encoder.encode(text));
    written.push(file);
  }
  for (const file of written) file.commit();
}

function makeFolderOf(path: string): void {
  const folder = path.replace(/\/?[^/]*$/, "");
  if (folder === "") return;
  try {
    Deno.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new OutputError(`Cannot make folder ${folder}: ${systemReason(error)}`);
  }
}

/** Removes what is not complete; never fails. */
export function removeTemporaryFiles(): void {
  for (const path of temporary) {
    try {
      Deno.removeSync(path);
    } catch {
      // It is gone, or we may not touch it: nothing left to do.
    }
  }
  temporary.clear();
}

/** Ctrl-C leaves nothing half-written behind. */
export function cleanUpOnInterrupt(): void {
  Deno.addSignalListener("SIGINT", () => {
    removeTemporaryFiles();
    Deno.exit(EXIT.interrupted);
  });
}
