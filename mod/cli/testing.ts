/**
 * Command lines for tests: in a process of their own as a user runs them, or in this one, which is much faster, with what they
 * write to the terminal caught. Not part of the library.
 *
 * ```ts
 * const { code, stdout } = await tailbits(["configs"]); // in this process
 * ```
 *
 * @module
 */

import { main } from "./main.ts";

/** The folder of the program: the current folder of every command line. */
export const ROOT: string = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What a command line did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command line finds. */
export interface How {
  readonly stdin?: Uint8Array;
  readonly env?: Record<string, string>;
  /** What the process may do; read and write unless given. */
  readonly permissions?: readonly string[];
}

/** Runs a command line in a process of its own: permissions, streams and exit code are real. */
export async function tailbitsProcess(args: readonly string[], how: How = {}): Promise<Outcome> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", ...how.permissions ?? ["-R", "-W"], "cli.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...how.env },
    stdin: how.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  if (how.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(how.stdin).catch(() => {});
    await writer.close().catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: textOf([stdout]), stderr: textOf([stderr]) };
}

/** Runs a command line in this process: what `cli.ts` does but for its exit, with pipes for a terminal. */
export function tailbits(args: readonly string[], how: Pick<How, "stdin"> = {}): Promise<Outcome> {
  return caughtOutput(() => main(args), how);
}

/** What `run` writes to the terminal, and the exit code that it returns. */
export async function caughtOutput(
  run: () => Promise<number>,
  { stdin }: Pick<How, "stdin"> = {},
): Promise<Outcome> {
  const out = new Caught();
  const err = new Caught();
  const rest = new Rest(stdin ?? new Uint8Array(0));
  const before = Deno.cwd();
  const restore = [
    replaced(Deno.stdout, out),
    replaced(Deno.stderr, err),
    replaced(Deno.stdin, rest),
    replaced(Deno, { addSignalListener: () => {} }),
  ];
  try {
    Deno.chdir(ROOT);
    const code = await run();
    return { code, stdout: textOf(out.chunks), stderr: textOf(err.chunks) };
  } finally {
    Deno.chdir(before);
    for (const undo of restore) undo();
  }
}

/** A pipe that somebody reads to its end. */
class Caught {
  readonly chunks: Uint8Array[] = [];
  readonly writeSync = (bytes: Uint8Array): number => {
    this.chunks.push(bytes.slice());
    return bytes.length;
  };
  readonly isTerminal = (): boolean => false;
}

/** A pipe with these bytes in it. */
class Rest {
  #done = 0;

  constructor(bytes: Uint8Array) {
    this.read = (into) => {
      const size = Math.min(into.length, bytes.length - this.#done);
      into.set(bytes.subarray(this.#done, this.#done + size));
      this.#done += size;
      return Promise.resolve(size === 0 ? null : size);
    };
  }

  readonly read: (into: Uint8Array) => Promise<number | null>;
}

/** Replaces properties of `target` by those of `by` of the same names; returns what undoes it. */
function replaced(target: object, by: object): () => void {
  const undo = Object.entries(by).filter(([, value]) => typeof value === "function").map(([name, value]) => {
    const own = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    return () => {
      if (own === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, own);
    };
  });
  return () => undo.forEach((each) => each());
}

function textOf(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}

/** Does something with a folder of its own, which is gone afterwards. */
export async function inFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir();
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
