/**
 * The configurations of verbs that compare: `-c A,B,...` and `--set`.
 *
 * ```ts
 * const flags = [...configFlags("baseline,nocopy"), ...CSV_FLAGS];
 * const configs = await configsFrom(args, "bench", "baseline,nocopy");
 * ```
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import type { Arguments, Flag } from "./command.ts";
import { UsageError } from "./errors.ts";
import { configFrom } from "./inputs.ts";

/** The flags of such a verb, which takes `defaults` where nobody names any. */
export function configFlags(defaults: string): Flag[] {
  return [
    {
      name: "config",
      short: "c",
      value: "A,B,...",
      repeats: true,
      doc: `Presets or JSONC files; default ${defaults}.`,
    },
    { name: "set", value: "KEY=VALUE", repeats: true, doc: "Change one key in all of them; may be repeated." },
  ];
}

/**
 * The configurations that the flags of `verb` name; rows are told apart by name.
 *
 * @throws {UsageError} if two have the same name.
 */
export async function configsFrom(args: Arguments, verb: string, defaults: string): Promise<ResolvedConfig[]> {
  const named = args.all("config").length === 0 ? [defaults] : args.all("config");
  const configs: ResolvedConfig[] = [];
  for (const name of named.flatMap((list) => list.split(","))) {
    const config = await configFrom(name, args.all("set"));
    if (configs.some((other) => other.name === config.name)) {
      throw new UsageError(`Cannot ${verb} ${config.name} twice: two configurations have that name`);
    }
    configs.push(config);
  }
  return configs;
}
