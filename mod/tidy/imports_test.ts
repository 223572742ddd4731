/** Imports go one way: which folder of `mod/` may import which (see `mod/README.md`). */

import { assertEquals } from "@std/assert";

const MOD = new URL("../", import.meta.url);

/** Folder -> folders it may import, itself always included. Tests may import anything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  std: [],
  wire: [],
  capture: ["wire"],
  ledger: [],
  skb: ["ledger", "wire"],
  cost: ["ledger"],
  sim: ["ledger", "cost"],
  crypto: [],
  esp: ["wire", "crypto", "skb", "ledger"],
  config: [],
  stages: ["config", "wire", "skb", "ledger", "sim", "cost", "crypto", "esp"],
  replay: ["capture", "config", "wire", "skb", "ledger", "sim", "cost", "crypto", "esp", "stages"],
  report: ["ledger", "cost", "capture", "config", "replay"],
  fit: ["config", "cost", "ledger", "replay", "report"],
  machine: ["wire", "ledger", "cost", "skb", "crypto", "esp", "config", "stages", "replay", "report"],
  validate: [
    "capture",
    "config",
    "wire",
    "skb",
    "ledger",
    "sim",
    "cost",
    "crypto",
    "esp",
    "stages",
    "replay",
    "report",
  ],
  cli: ["capture", "config", "cost", "esp", "fit", "ledger", "machine", "replay", "report", "validate"],
  tidy: ["capture", "config", "cost", "crypto", "esp", "fit", "ledger", "replay", "report", "cli"],
};
/** Modules directly in `mod/` that anybody may import. */
const COMMON = ["version.ts"];

interface Import {
  readonly from: string;
  readonly file: string;
  readonly specifier: string;
}

function* sourceFiles(folder: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* sourceFiles(new URL(`${entry.name}/`, folder));
    else if (/\.ts$/.test(entry.name) && !/(_test|_bench)\.ts$|^testing.*\.ts$/.test(entry.name)) {
      yield new URL(entry.name, folder);
    }
  }
}

function importsOf(file: URL): Import[] {
  const path = file.pathname.slice(MOD.pathname.length);
  const text = Deno.readTextFileSync(file).replace(/\/\*[\s\S]*?\*\//g, "");
  const found = text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [...found].map(([, specifier]) => ({ from: path.split("/")[0]!, file: path, specifier: specifier! }));
}

/** The folder of `mod/` that a relative import leads to; undefined for packages. */
function targetOf({ file, specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, new URL(file, MOD)).pathname.slice(MOD.pathname.length);
}

const ALL_IMPORTS = [...sourceFiles(MOD)].flatMap(importsOf);

Deno.test("imports between the folders of mod/ go one way", () => {
  const wrong = ALL_IMPORTS.filter((found) => {
    if (!found.file.includes("/")) return false;
    const target = targetOf(found);
    if (target === undefined || COMMON.includes(target)) return false;
    const folder = target.split("/")[0]!;
    return folder !== found.from && !MAY_IMPORT[found.from]?.includes(folder);
  });
  assertEquals(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`), []);
});

Deno.test("every folder of mod/ is in the table of import directions, and the table has no cycle", () => {
  const folders = [...Deno.readDirSync(MOD)].filter((entry) => entry.isDirectory).map((entry) => entry.name).sort();
  assertEquals(folders, Object.keys(MAY_IMPORT).sort());
  const reaches = (from: string, to: string): boolean => {
    return MAY_IMPORT[from]!.some((next) => next === to || reaches(next, to));
  };
  for (const folder of folders) assertEquals(reaches(folder, folder), false, folder);
});

Deno.test("only the npm repackaging of @std, behind mod/std, is imported by a full npm specifier", () => {
  const wrong = ALL_IMPORTS.filter(({ from, specifier }) => from !== "std" && /^(npm|jsr|https?):/.test(specifier));
  assertEquals(wrong.map(({ file }) => file), []);
});

/** The one place that opens a library of the system. */
const FOREIGN_FUNCTIONS = "crypto/libcrypto.ts";

Deno.test("only mod/cli and cli.ts touch files and the terminal, and one file libraries of the system", () => {
  const wrong: string[] = [];
  for (const file of sourceFiles(MOD)) {
    const path = file.pathname.slice(MOD.pathname.length);
    if (/^(cli|tidy)\//.test(path) || path === FOREIGN_FUNCTIONS) continue;
    const text = Deno.readTextFileSync(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    if (/\bDeno\.|\bconsole\./.test(text)) wrong.push(path);
  }
  assertEquals(wrong, []);
});

Deno.test("payload bytes move only in mod/skb: no other folder of the model copies within the arena", () => {
  const wrong: string[] = [];
  for (const file of sourceFiles(MOD)) {
    const path = file.pathname.slice(MOD.pathname.length);
    if (!/^(stages|sim)\//.test(path)) continue;
    const text = Deno.readTextFileSync(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    if (/\.copyWithin\(|u8\.set\(|\.slice\(/.test(text)) wrong.push(path);
  }
  assertEquals(wrong, []);
});
