/** Tables are read strictly: what is wrong is named with file, line and column. */

import { assertEquals, assertThrows } from "@std/assert";
import { RecordingError } from "./errors.ts";
import { parseTable } from "./table.ts";
import { TABLE_FORMS } from "./table_forms.ts";

const HEADER = "i,what,bytes,context,dev,len,nr_frags,frag_list_n,skb_cloned,ident";
const ROW = "13,__pskb_pull_tail,1460,ip_forward,orc0,1500,1,0,0,tcp id=1";

function refused(...lines: readonly string[]): string {
  const parse = () => parseTable("mine", "expected_copies.csv", lines.join("\n"));
  return assertThrows(parse, RecordingError).message;
}

Deno.test("parseTable() reads text and numbers by column, with or without a last line end", () => {
  for (const end of ["", "\n", "\r\n"]) {
    const table = parseTable("mine", "expected_copies.csv", [HEADER, ROW].join(end === "\r\n" ? end : "\n") + end);
    assertEquals(table.rows.length, 1);
    assertEquals(table.rows[0]!.integer("bytes"), 1460);
    assertEquals(table.rows[0]!.text("what"), "__pskb_pull_tail");
    assertEquals(table.rows[0]!.line, 2);
  }
});

Deno.test("parseTable() takes columns in any order, and quotes", () => {
  const header = HEADER.split(",").reverse().join(",");
  const row = ROW.split(",").reverse().map((each) => `"${each}"`).join(",");
  assertEquals(parseTable("mine", "expected_copies.csv", `${header}\n${row}`).rows[0]!.integer("bytes"), 1460);
});

Deno.test("parseTable() reads a table that lacks columns which are for people only", () => {
  const table = parseTable("mine", "expected_copies.csv", `${HEADER.slice(2)}\n${ROW.slice(3)}`);
  assertEquals(table.rows[0]!.text("i"), "");
});

Deno.test("parseTable() refuses an unknown column with the nearest name", () => {
  assertEquals(
    refused(HEADER.replace("bytes", "byte"), ROW),
    "Cannot read recording mine: there is no such column, the nearest is bytes, expected_copies.csv, line 1, column byte",
  );
});

Deno.test("parseTable() refuses a header that lacks a column or has one twice", () => {
  assertEquals(
    refused(HEADER.replace(",bytes", ""), ROW),
    "Cannot read recording mine: the column is missing (table of copies), expected_copies.csv, line 1, column bytes",
  );
  assertEquals(
    refused(`${HEADER},bytes`, ROW),
    "Cannot read recording mine: the column is there twice, expected_copies.csv, line 1, column bytes",
  );
});

Deno.test("parseTable() refuses rows with too few, too many or no cells, and quotes that do not match", () => {
  const where = "expected_copies.csv, line 3";
  const few = `Cannot read recording mine: the row has 9 cells where the header has 10, ${where}`;
  assertEquals(refused(HEADER, ROW, ROW.slice(3)), few);
  assertEquals(refused(HEADER, ROW, `${ROW},`), few.replace("9 cells", "11 cells"));
  assertEquals(refused(HEADER, ROW, "", ROW), few.replace("9 cells", "1 cells"));
  assertEquals(
    refused(HEADER, ROW, `"${ROW}`),
    `Cannot read recording mine: the quotes of the line do not match, ${where}`,
  );
});

Deno.test("parseTable() refuses cells that are not of their kind, and empty ones that may not be", () => {
  const at = (column: string) => `expected_copies.csv, line 2, column ${column}`;
  assertEquals(
    refused(HEADER, ROW.replace("1460", "1460.0")),
    `Cannot read recording mine: "1460.0" is not an integer, ${at("bytes")}`,
  );
  assertEquals(
    refused(HEADER, ROW.replace("1460", "")),
    `Cannot read recording mine: the cell is empty, ${at("bytes")}`,
  );
});

Deno.test("parseTable() knows the layouts of buffers and nothing else under that name", () => {
  const form = TABLE_FORMS.find(({ name }) => name === "packets after GRO")!;
  const row = (layout: string) =>
    form.columns.map((name) => name === "layout" ? layout : name === "gso_type" ? "0x1" : "1");
  const parse = (layout: string) => {
    return parseTable("mine", form.file, `${form.columns.join(",")}\n${row(layout).join(",")}`).rows[0]!.text("layout");
  };
  for (
    const good of ["", "frags=1448", "frags=1448/20;fraglist=1448:0:1:0:626/5:5:0:1:0", "frags=;fraglist=1:1:0:0:0"]
  ) {
    assertEquals(parse(good), good);
  }
  for (const bad of ["1448", "frags=1448/", "frags=1448;fraglist=1448:0:1:0", "frags=-1", "frags=1e9"]) {
    assertThrows(() => parse(bad), RecordingError, "column layout");
  }
});
