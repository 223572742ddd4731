import { assertEquals } from "@std/assert";
import { type Column, renderMarkdown, renderTable } from "./columns.ts";

const COLUMNS: readonly Column<string>[] = [{ name: "name", value: (row) => row }];

Deno.test("renderMarkdown() and renderTable() have one line for a row, whatever control characters are in a name", () => {
  const name = "a\nb\r\u001b[31m\u0085|c";
  assertEquals(renderMarkdown(COLUMNS, [name]).split("\n"), ["| name |", "| --- |", "| a?b??[31m?\\|c |", ""]);
  assertEquals(renderTable(COLUMNS, [name]).split("\n"), ["name", "------------", "a?b??[31m?|c", ""]);
});
