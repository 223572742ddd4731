import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FitError } from "./errors.ts";
import { parseRows } from "./rows.ts";

const HEADER = "id,role,preset,set,gbps,cpu_percent,rx_cpu_percent";

Deno.test("parseRows() reads rows; what is empty is not known", () => {
  const text = `${HEADER}\nseed-1,fit,baseline,path=host-to-host  cipher=null,2.6,71,\n"a, b",predict,,,,,100\n`;
  assertEquals(parseRows(text, "rows.csv"), [
    {
      id: "seed-1",
      role: "fit",
      preset: "baseline",
      sets: ["path=host-to-host", "cipher=null"],
      measured: { gbps: 2.6, cpuPercent: 71, rxCpuPercent: undefined },
      cpuOf: "busiest",
      tolerance: undefined,
      line: 2,
    },
    {
      id: "a, b",
      role: "predict",
      preset: undefined,
      sets: [],
      measured: { gbps: undefined, cpuPercent: undefined, rxCpuPercent: 100 },
      cpuOf: "busiest",
      tolerance: undefined,
      line: 3,
    },
  ]);
});

Deno.test("parseRows() reads columns in any order, spaces about cells, CRLF and a byte order mark", () => {
  const text = "\uFEFFrx_cpu_percent, cpu_percent, gbps ,set,preset,role,id\r\n, 71, 2.6 ,,baseline,fit,a\r\n";
  assertEquals(parseRows(text, "rows.csv")[0]!.measured, { gbps: 2.6, cpuPercent: 71, rxCpuPercent: undefined });
});

const GOOD = "a,fit,baseline,,2.6,71,";
const REFUSED: readonly (readonly [text: string, why: string])[] = [
  ["", "it is empty"],
  [`${HEADER}\n`, "no row has role fit"],
  [`${HEADER}\na,predict,,,2.6,,\n`, "no row has role fit"],
  [`${HEADER},notes\n${GOOD},x\n`, `row 1: there is no column notes, the columns are ${HEADER},cpu_of,tolerance`],
  [HEADER.replace("gbps", "gbp"), "row 1: there is no column gbp, the nearest is gbps"],
  [HEADER.replace(",rx_cpu_percent", ""), "row 1: column rx_cpu_percent is missing"],
  [`${HEADER},id`, "row 1: column id is there twice"],
  [`${HEADER}\n${GOOD}\nb,fit,baseline\n`, "row 3 has 3 columns, the header 7"],
  [`${HEADER}\n,fit,,,2.6,,\n`, "row 2, column id: it is empty"],
  [`${HEADER}\n${GOOD}\n${GOOD}\n`, "row 3, column id: a is the id of row 2 too"],
  [`${HEADER}\na,FIT,,,2.6,,\n`, "row 2, column role: FIT is neither fit nor predict"],
  [`${HEADER}\na,,,,2.6,,\n`, "row 2, column role: an empty cell is neither fit nor predict"],
  [`${HEADER}\na,fit,,,"2,6",,\n`, "row 2, column gbps: 2,6 is not a number from 0 up, like 2.6"],
  [`${HEADER}\na,fit,,,-1,,\n`, "row 2, column gbps: -1 is not a number from 0 up, like 2.6"],
  [`${HEADER}\na,fit,,,1e9,,\n`, "row 2, column gbps: 1e9 is not a number from 0 up, like 2.6"],
  [`${HEADER}\na,fit,,,0,,\n`, "row 2, column gbps: a number above 0 is needed"],
  [`${HEADER}\na,fit,,,1,100.5,\n`, "row 2, column cpu_percent: 100.5 is more than the 100 % of one CPU"],
  [`${HEADER}\na,fit,,,1,,71%\n`, "row 2, column rx_cpu_percent: 71% is not a number from 0 up, like 2.6"],
  [`${HEADER}\na,fit,,,,,\n`, "row 2, column gbps: nothing of this row was measured, so nothing can be fitted to it"],
];

for (const [text, why] of REFUSED) {
  Deno.test(`parseRows() refuses ${JSON.stringify(text.slice(-40))}`, () => {
    assertEquals(assertThrows(() => parseRows(text, "rows.csv"), FitError).message, `Cannot read rows.csv: ${why}`);
  });
}

Deno.test("parseRows() of any text reads it or throws a FitError of one line", () => {
  const cells = fc.constantFrom(",", "\n", '"', "a", "fit", "2.6", HEADER, "\u2028", " ");
  fc.assert(fc.property(fc.array(cells).map((parts) => parts.join("")), (text) => {
    try {
      parseRows(text, "rows.csv");
    } catch (error) {
      assertEquals(error instanceof FitError && !/[\n\r\u2028]/.test(error.message), true, String(error));
    }
  }));
});

Deno.test("parseRows() reads whose load the CPU figures are, and how well the row is known", () => {
  const header = "id,role,preset,set,gbps,cpu_percent,rx_cpu_percent,tolerance,cpu_of";
  const rows = parseRows(`${header}\na,fit,,,28,96,136.8,3.5,all\nb,fit,,,28,96,,,busiest\nc,fit,,,28,,,,`, "rows.csv");
  assertEquals(rows.map(({ cpuOf, tolerance }) => [cpuOf, tolerance]), [
    ["all", 3.5],
    ["busiest", undefined],
    ["busiest", undefined],
  ]);
  const refused = (cells: string, why: string) => {
    assertThrows(() => parseRows(`${header}\n${cells}`, "rows.csv"), FitError, why);
  };
  refused("a,fit,,,28,96,136.8,1,", "row 2, column rx_cpu_percent: 136.8 is more than the 100 % of one CPU");
  refused("a,fit,,,28,96,,0,", "row 2, column tolerance: a number above 0 is needed");
  refused("a,fit,,,28,96,,1,each", "row 2, column cpu_of: each is neither busiest nor all");
});
