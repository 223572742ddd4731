/** What the documents say is what the program does. */

import { assertEquals } from "@std/assert";
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
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-R", "cli.ts", ...args!.split(" ")],
    cwd: ROOT,
    stderr: "null",
  });
  const shown = new TextDecoder().decode((await command.output()).stdout).trimEnd();
  assertEquals(README.includes("```text\n" + shown + "\n```"), true, shown);
});

Deno.test("README.md shows what a local sender costs, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (compare [^\n]*path=send[^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-R", "cli.ts", ...args!.split(" ")],
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

Deno.test("README.md shows a part of what explain tells, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (explain [^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-R", "cli.ts", ...args!.split(" ")],
    cwd: ROOT,
    stderr: "null",
  });
  const story = new TextDecoder().decode((await command.output()).stdout);
  assertEquals(story.includes(`\n${shown}\n`), true, story);
});

Deno.test("README.md shows what inspect says of aggregation, to the letter", async () => {
  const [, args, shown] = README.match(/cli\.ts (inspect fixtures[^\n]*)\n```\n\n```text\n(.*?)\n```/s)!;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-R", "cli.ts", ...args!.split(" ")],
    cwd: ROOT,
    stderr: "null",
  });
  const page = new TextDecoder().decode((await command.output()).stdout);
  assertEquals(page.includes(`\n${shown}\n`), true, page);
});

Deno.test("links in README.md and mod/README.md lead to files that are there", () => {
  for (const file of ["README.md", "mod/README.md"]) {
    const text = Deno.readTextFileSync(new URL(file, ROOT));
    for (const [, target] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!/^https?:/.test(target!)) Deno.statSync(new URL(target!, new URL(file, ROOT)));
    }
  }
});
