/**
 * `--sa FILE`: security associations from a file, in place of the test SA.
 *
 * @module
 */

import { checkCombination } from "../config/legality.ts";
import type { Origin, ResolvedConfig } from "../config/resolve.ts";
import { isExact, type SaEntry, SaFileError } from "../esp/sa_entry.ts";
import { parseSaFile } from "../esp/sa_file.ts";
import { isCipherName } from "../esp/suites.ts";
import type { Arguments, Flag } from "./command.ts";
import { systemReason, UsageError } from "./errors.ts";
import { baseName } from "./inputs.ts";
import { readText } from "./text_input.ts";

/** The flag. */
export const SA_FLAG: Flag = {
  name: "sa",
  value: "FILE",
  doc:
    "SAs instead of the test SA: JSONC, Wireshark's esp_sa, or what ip xfrm state prints. The first seals, all open.",
};

/** A file of associations that was read. */
export interface AssociationFile {
  /** Without folders. */
  readonly name: string;
  /** One at least. */
  readonly entries: readonly SaEntry[];
}

/** What `--sa` names; undefined where it is not given. */
export async function associationsFrom(args: Arguments): Promise<AssociationFile | undefined> {
  const path = args.one("sa");
  if (path === undefined) return undefined;
  const name = baseName(path);
  try {
    return { name, entries: parseSaFile(await readText(path), name) };
  } catch (error) {
    if (error instanceof SaFileError) throw error;
    throw new SaFileError(`Cannot read SA file ${path}: ${systemReason(error)}`);
  }
}

/** The configuration with the keys that the first association decides: suite, mode, version, ESN, encapsulation. */
export function withAssociations(resolved: ResolvedConfig, file: AssociationFile | undefined): ResolvedConfig {
  if (file === undefined) return resolved;
  if (resolved.config.path === "host-to-host") {
    throw new UsageError("Cannot use --sa with path=host-to-host: its two SAs are test SAs");
  }
  if (resolved.config.mode === "none") {
    throw new UsageError("Cannot use --sa with mode=none: without IPsec nothing is sealed or opened");
  }
  const { cipher, mode, esn, encapsulation, source } = file.entries[0]!;
  const decided: Partial<ResolvedConfig["config"]> = {
    ...(isCipherName(cipher) ? { cipher } : {}),
    esn: esn ? "on" : "off",
    ...(mode === undefined ? {} : { mode }),
    ...(encapsulation === undefined ? {} : { encap: encapsulation === null ? "none" : "udp" }),
    ...(isExact(source) ? { ip: source.value.length === 4 ? 4 : 6 } : {}),
  };
  const config = { ...resolved.config, ...decided };
  const provenance: Record<string, Origin> = { ...resolved.provenance };
  for (const key of Object.keys(decided) as (keyof typeof decided)[]) {
    if (provenance[key] === "--set" && resolved.config[key] !== config[key]) {
      throw new UsageError(`Cannot use --set ${key}=${resolved.config[key]} with --sa: the file says ${config[key]}`);
    }
    provenance[key] = `file ${file.name}`;
  }
  checkCombination(config);
  return { ...resolved, config, provenance: provenance as ResolvedConfig["provenance"] };
}
