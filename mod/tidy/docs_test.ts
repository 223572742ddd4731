/** What the documents say is what the program does. */

import { assertEquals } from "@std/assert";
import { tailbits } from "../cli/testing.ts";
import { PRESETS } from "../config/presets.ts";
import { COPIES_COLUMNS } from "../report/copies.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";

const ROOT = new URL("../../", import.meta.url);
const README = Deno.readTextFileSync(new URL("README.md", ROOT));

Deno.test("README.md names every column and every preset", () => {
  const columns = [...SUMMARY_COLUMNS, ...COPIES_COLUMNS].map((column) => column.name);
  const missing = [...columns, ...Object.keys(PRESETS)].filter((name) => !new RegExp(`\\b${name}\\b`).test(README));
  assertEquals(missing, []);
});

Deno.test("README.md shows the output of its first command, to the letter", async () => {
  const [, args] = README.match(/cli\.ts (compare [^\n]*)\n/)!;
  const { stdout } = await tailbits(args!.split(" "));
  const shown = stdout.trimEnd();
  assertEquals(README.includes("```text\n" + shown + "\n```"), true, shown);
});

Deno.test("README.md shows what a local sender costs, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (compare [^\n]*path=send[^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const { stdout } = await tailbits(args!.split(" "));
  assertEquals(stdout.trimEnd(), shown);
});

Deno.test("README.md shows what two hosts make of a capture, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (compare [^`]*path=host-to-host[^`]*?)\n```\n\n```text\n(.*?)\n```/s)!;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-R", "cli.ts", ...args!.replaceAll("\\\n", "").split(/ +/)],
    cwd: ROOT,
    stderr: "null",
  });
  assertEquals(new TextDecoder().decode((await command.output()).stdout).trimEnd(), shown);
});

for (const script of ["mod/cli/examples/copied_bytes.sh", "mod/cli/examples/slides_table.sh"]) {
  Deno.test(`README.md shows the output of ${script}, to the letter`, async () => {
    const command = new Deno.Command("sh", {
      args: [script, "fixtures/bulk-tcp-ipv4.pcap"],
      cwd: ROOT,
      env: { DENO: Deno.execPath() },
      stderr: "null",
    });
    const shown = new TextDecoder().decode((await command.output()).stdout).trimEnd();
    assertEquals(README.includes(`$ ${script} fixtures/bulk-tcp-ipv4.pcap\n${shown}\n`), true, shown);
  });
}

const QUESTION = /^\| [^|]+ \| `(fixtures[^`]*)` +\| (\w+) +\| ([^|]+?) +\|$/gm;

Deno.test("README.md answers every question of the slides with the figures of its commands", async () => {
  const rows = [...README.matchAll(QUESTION)];
  assertEquals(rows.length >= 20, true);
  for (const [, args, column, shown] of rows) {
    const words = ["compare", ...args!.split(" "), "--columns", `config,${column}`, "--format", "csv", "--quiet"];
    const [, ...lines] = (await tailbits(words)).stdout.trimEnd().split("\n");
    assertEquals(lines.map((line) => line.replace(",", " ")).join(", "), shown, args);
  }
});

Deno.test("README.md shows what several CPUs do, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (compare [^`]*net_cpus=4[^`]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const { stdout } = await tailbits(args!.replaceAll("\\\n", " ").trim().split(/\s+/));
  assertEquals(stdout.trimEnd(), shown);
});

Deno.test("README.md shows a part of what explain tells, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (explain [^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const { stdout } = await tailbits(args!.split(" "));
  assertEquals(stdout.includes(`\n${shown}\n`), true, stdout);
});

Deno.test("README.md shows what inspect says of aggregation, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (inspect fixtures[^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const { stdout } = await tailbits(args!.split(" "));
  assertEquals(stdout.includes(`\n${shown}\n`), true, stdout);
});

Deno.test("mod/cost/README.md shows the slides' next steps, to the letter", async () => {
  const page = Deno.readTextFileSync(new URL("mod/cost/README.md", ROOT));
  const [, args, shown] = page.match(/cli\.ts (compare [^`]*?)\n```\n\n```text\n(.*?)\n```/s)!;
  const { stdout } = await tailbits(args!.replaceAll("\\\n", " ").trim().split(/\s+/));
  assertEquals(stdout.trimEnd(), shown);
});

Deno.test("links in README.md and the other pages lead to files that are there", () => {
  for (const file of ["README.md", "mod/README.md", "mod/cost/README.md", "fixtures/fits/README.md"]) {
    const text = Deno.readTextFileSync(new URL(file, ROOT));
    for (const [, target] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!/^https?:/.test(target!)) Deno.statSync(new URL(target!, new URL(file, ROOT)));
    }
  }
});
