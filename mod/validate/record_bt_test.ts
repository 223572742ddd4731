/** The script that users record with: bpftrace takes it, and what it writes are tables that are read. */

import { assertEquals } from "@std/assert";
import { formOf } from "./table_forms.ts";

const SCRIPT = new URL("record.bt", import.meta.url);

/** Whether bpftrace is there, may be used (it wants root), and knows the structs of this kernel. */
function canCheck(): boolean {
  try {
    const args = ["-d", "-e", "BEGIN { $skb = (struct sk_buff *)0; exit() }"];
    return new Deno.Command("bpftrace", { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "record.bt is a program that bpftrace can compile",
  ignore: !canCheck(),
  fn() {
    const { success, stderr } = new Deno.Command("bpftrace", { args: ["-d", SCRIPT.pathname], stdout: "null" })
      .outputSync();
    assertEquals(success, true, new TextDecoder().decode(stderr));
  },
});

Deno.test("record.bt writes header rows of tables that validate reads", () => {
  const printed = [...Deno.readTextFileSync(SCRIPT).matchAll(/^ {2}printf\("([^"]*)"\);$/gm)].map(([, text]) => text!);
  const headers = printed.join("").split("\\n").filter((line) => /^expected\w*\.csv\\t/.test(line));
  assertEquals(headers.length, 6);
  for (const header of headers) {
    const [file, columns] = header.split("\\t");
    assertEquals(
      "name" in formOf(file!, columns!.split(",")),
      true,
      JSON.stringify(formOf(file!, columns!.split(","))),
    );
  }
});
