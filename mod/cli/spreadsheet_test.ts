/** What a spreadsheet makes of the traces: numbers in columns of numbers, and no formula. Python's csv module is the judge. */

import { assertEquals } from "@std/assert";
import { nameOption, PcapngBuilder } from "../capture/testing_pcapng.ts";
import { canRun } from "../capture/testing_tools.ts";
import { bulk } from "../replay/testing.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const HAS_PYTHON = canRun("python3");

/** Reads CSV files named as arguments and prints for each column the kind of its cells: text, number, empty or mixed. */
const KINDS = `
import csv, json, sys
def kind(cell):
    if cell == "": return "empty"
    try: float(cell); return "number"
    except ValueError: return "formula" if cell[0] in "=+-@" else "text"
out = {}
for path in sys.argv[1:]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert all(len(row) == len(rows[0]) for row in rows), path
    for i, name in enumerate(rows[0]):
        out.setdefault(name, set()).update(kind(row[i]) for row in rows[1:])
print(json.dumps({name: sorted(kinds) for name, kinds in out.items()}))
`;

/** Columns of words; all others hold numbers. */
const TEXTS = [
  ...["capture", "config", "path", "cipher", "mode", "bottleneck", "next_bottleneck", "profile", "version"],
  ...["stage", "event", "reason", "kernel_function", "outcome"],
];

Deno.test({
  name: "a CSV reader finds numbers in columns of numbers; a capture and an interface called =1+1 do no harm",
  ignore: !HAS_PYTHON,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeFile(`${folder}/=1+1`, capture());
      const traces = ["-o", "out", "--trace", "packets,events", "-c", "nocopy-gro-gso", "--quiet"];
      assertEquals(
        await run(folder, Deno.execPath(), ["run", "--no-check", "-R", "-W", CLI, "replay", "=1+1", ...traces]),
        0,
      );
      assertEquals(await run(folder, Deno.execPath(), ["run", "--no-check", "-R", CLI, "inspect", "=1+1"]), 0);
      const files = ["summary", "copies", "series", "packets", "events"].map((name) => `out/${name}.csv`);
      const { stdout } = await new Deno.Command("python3", { args: ["-c", KINDS, ...files], cwd: folder }).output();
      const kinds = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, string[]>;
      for (const [column, found] of Object.entries(kinds)) {
        const expected = TEXTS.includes(column) ? ["empty", "text"] : ["empty", "number"];
        // A version such as 1.0 would be read as a number; this one has two points.
        assertEquals(found.filter((kind) => !expected.includes(kind)), [], `${column}: ${found}`);
      }
      assertEquals(kinds["goodput_gbps"], ["number"]);
      assertEquals(kinds["capture"], ["text"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function capture(): Uint8Array {
  const builder = new PcapngBuilder().section().describe({ options: [nameOption("=1+1")] });
  bulk(40).forEach((bytes, i) => builder.enhanced({ stamp: BigInt(i), bytes }));
  return builder.bytes;
}

async function run(cwd: string, program: string, args: readonly string[]): Promise<number> {
  const { code } = await new Deno.Command(program, { args: [...args], cwd, stdout: "null", stderr: "null" }).output();
  return code;
}
