/**
 * Captures, configuration files and profiles, opened for the library.
 *
 * @module
 */

import { CaptureError } from "../capture/mod.ts";
import { ConfigError, showText } from "../config/errors.ts";
import { PLANNED_PRESETS, PRESETS } from "../config/presets.ts";
import { resolveConfig, type ResolvedConfig } from "../config/resolve.ts";
import { parseProfile, type Profile, ProfileError, withBase } from "../cost/profile.ts";
import { BASES, PROFILES } from "../cost/profiles.ts";
import { nearest } from "../config/nearest.ts";
import type { CaptureInput, OpenInput } from "../replay/run.ts";
import { systemReason, UsageError } from "./errors.ts";
import { readText } from "./text_input.ts";

/** What `-` stands for. */
const STDIN = "-";
const SPOOL_BYTES = 1 << 20;

/** The captures named on the command line; `passes` is how often each will be read. */
export async function captureInputs(operands: readonly string[], passes: number): Promise<CaptureInput[]> {
  if (operands.length === 0) throw new UsageError("Cannot go on: no capture is named (a file, or - for stdin)");
  if (operands.filter((path) => path === STDIN).length > 1) {
    throw new UsageError("Cannot read stdin twice: - is named more than once");
  }
  const inputs: CaptureInput[] = [];
  for (const path of operands) inputs.push(path === STDIN ? await stdinInput(passes) : fileInput(path));
  return inputs;
}

function fileInput(path: string): CaptureInput {
  const name = baseName(path);
  return {
    name,
    async open(): Promise<OpenInput> {
      try {
        const file = await Deno.open(path, { read: true });
        if ((await file.stat()).isDirectory) {
          file.close();
          throw new Deno.errors.IsADirectory();
        }
        return file;
      } catch (error) {
        throw new CaptureError(path, systemReason(error));
      }
    },
  };
}

/** Stdin is streamed when it is read once, else kept in memory. */
async function stdinInput(passes: number): Promise<CaptureInput> {
  const spooled = passes > 1 ? await spoolStdin() : undefined;
  return {
    name: "stdin",
    open(): Promise<OpenInput> {
      if (spooled !== undefined) return Promise.resolve(chunksInput(spooled));
      return Promise.resolve({ read: (into) => Deno.stdin.read(into), close: () => {} });
    },
  };
}

async function spoolStdin(): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(SPOOL_BYTES);
  for (let bytes = await Deno.stdin.read(buffer); bytes !== null; bytes = await Deno.stdin.read(buffer)) {
    chunks.push(buffer.slice(0, bytes));
  }
  return chunks;
}

function chunksInput(chunks: readonly Uint8Array[]): OpenInput {
  let chunk = 0;
  let offset = 0;
  return {
    read(into) {
      while (chunk < chunks.length && offset === chunks[chunk]!.length) {
        chunk += 1;
        offset = 0;
      }
      const from = chunks[chunk];
      if (from === undefined) return Promise.resolve(null);
      const bytes = Math.min(into.length, from.length - offset);
      into.set(from.subarray(offset, offset + bytes));
      offset += bytes;
      return Promise.resolve(bytes);
    },
    close: () => {},
  };
}

/** Last part of a path, without folders. */
export function baseName(path: string): string {
  return path.replace(/\/+$/, "").replace(/^.*[/\\]/s, "");
}

/** A configuration by name of a preset or of a file; with neither, the default preset. */
export async function configFrom(name: string | undefined, sets: readonly string[]): Promise<ResolvedConfig> {
  if (name === undefined) return resolveConfig({ sets });
  if (!looksLikeFile(name)) return resolveConfig({ preset: name, sets });
  return resolveConfig({ file: { name, text: await readConfigText(name) }, sets });
}

/** A preset has a known name; anything with a dot or a slash is a file. */
function looksLikeFile(name: string): boolean {
  if (name in PRESETS || PLANNED_PRESETS.includes(name)) return false;
  return name.includes("/") || /\.jsonc?$/.test(name);
}

async function readConfigText(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    throw new ConfigError(`Cannot read configuration ${path}: ${systemReason(error)}`);
  }
}

/** The cost profile of a configuration: shipped, or a file. */
export async function profileFrom(resolved: ResolvedConfig): Promise<Profile> {
  return (await profileWithBaseFrom(resolved)).profile;
}

/** A profile, complete, and the shipped one that a profile made of it may name as base; undefined where there is none. */
export async function profileWithBaseFrom(
  resolved: ResolvedConfig,
): Promise<{ profile: Profile; base: Profile | undefined }> {
  const { profile } = resolved.config;
  const shipped = PROFILES.get(profile);
  if (shipped !== undefined) return { profile: shipped, base: PROFILES.get(BASES.get(profile) ?? profile) };
  if (!profile.includes("/") && !profile.endsWith(".json")) {
    const near = nearest(profile, [...PROFILES.keys()]);
    const hint = near === undefined ? `there are ${[...PROFILES.keys()].join(", ")}` : `the nearest is ${near}`;
    throw new ConfigError(
      `Cannot use profile ${showText(profile)}: there is no such profile, ${hint}; a file ends in .json`,
    );
  }
  const name = baseName(profile);
  const written = parseProfile(await readProfileText(profile), name);
  return { profile: withBase(written, PROFILES, name), base: PROFILES.get(written.base ?? "") };
}

async function readProfileText(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    throw new ProfileError(`Cannot use profile ${path}: ${systemReason(error)}`);
  }
}
