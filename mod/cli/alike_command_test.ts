/** Column `alike`, and the mark in tables. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { tailbits } from "./testing.ts";

const SHORT = "fixtures/exchange-tcp-ipv4.pcap";
const OTHER = "fixtures/imix-udp-ipv4.pcap";
/** The second and the third do the same on this path, the last is several times as fast. */
const CONFIGS = "baseline,nocopy-tx,nocopy,offload-packet";

Deno.test("compare names in column alike the configurations that a row cannot be told apart from, capture by capture", async () => {
  const { stdout } = await tailbits(["compare", SHORT, OTHER, "-c", CONFIGS, "--columns", "capture,config,alike"]);
  const rows = parse(stdout, { skipFirstRow: true });
  assertEquals(rows.length, 8);
  for (const { config, alike } of rows) {
    assertEquals(alike!.split(" ").includes(config!), false);
    assertEquals(alike!.split(" ").includes("nocopy"), config === "nocopy-tx");
    assertEquals(alike!.split(" ").includes("nocopy-tx"), config === "nocopy");
  }
});

Deno.test("replay leaves column alike empty, also of the same capture twice", async () => {
  const { stdout } = await tailbits(["replay", SHORT, SHORT, "--columns", "alike"]);
  assertEquals(stdout, "alike\n\n\n");
  const { stdout: json } = await tailbits(["replay", SHORT, "--columns", "alike", "--format", "json"]);
  assertEquals(JSON.parse(json), [{ alike: null }]);
});

Deno.test("a table of compare has marks, explained once on stderr, and no column for them where nothing is alike", async () => {
  const { stdout, stderr } = await tailbits(["compare", SHORT, "-c", "nocopy-tx,nocopy", "--format", "table"]);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.slice(-2).map((line) => line.split(/ {2,}/).at(-1)), ["~nocopy", "~nocopy-tx"]);
  assertEquals(stderr.match(/Note: ~ in column alike/g)?.length, 1);
  const more = await tailbits([
    "compare",
    SHORT,
    "-c",
    "nocopy-rx,nocopy,nocopy-tx",
    "--set",
    "path=send",
    "--format",
    "md",
  ]);
  assertStringIncludes(more.stdout, "| ~nocopy +1 |");
  const apart = await tailbits(["compare", SHORT, "-c", "nocopy,offload-packet", "--format", "table"]);
  assertEquals([apart.stdout.includes("alike"), apart.stderr.includes("alike")], [false, false]);
});

Deno.test("the note about marks is for those who see them: not with csv, --columns or --quiet", async () => {
  for (
    const flags of [["--format", "csv"], ["--format", "table", "--columns", "config,alike"], [
      "--format",
      "table",
      "--quiet",
    ]]
  ) {
    const { stderr } = await tailbits(["compare", SHORT, "-c", "nocopy-tx,nocopy", ...flags]);
    assertEquals(stderr.includes("Note:"), false, flags.join(" "));
  }
});
