import { assertEquals, assertRejects } from "@std/assert";
import { readText } from "./text_input.ts";

async function written(bytes: Uint8Array | string): Promise<string> {
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  return path;
}

Deno.test("readText() gives the text, without a byte order mark, whatever the pieces it is read in", async () => {
  // Two bytes each, so that a piece ends inside a character.
  const long = "a" + "ü".repeat(100_000);
  for (const [bytes, text] of [["", ""], ["\ufeff{}", "{}"], ["a\r\n\ufeffb", "a\r\n\ufeffb"], [long, long]] as const) {
    const path = await written(bytes);
    assertEquals(await readText(path), text);
    await Deno.remove(path);
  }
});

Deno.test("readText() refuses what is not UTF-8, also where it ends inside a character", async () => {
  for (const bytes of [[0xff, 0xfe, 0x7b, 0x00], [0x22, 0xe9, 0x22], [0x61, 0xc3]]) {
    const path = await written(new Uint8Array(bytes));
    await assertRejects(() => readText(path), Error, "it is not UTF-8 text");
    await Deno.remove(path);
  }
});

Deno.test("readText() refuses what is longer than any such file, and says what the system says", async () => {
  const path = await written(new Uint8Array((1 << 24) + 1));
  await assertRejects(() => readText(path), Error, "it is longer than 16 MiB");
  await Deno.remove(path);
  await assertRejects(() => readText(path), Deno.errors.NotFound);
  await assertRejects(() => readText("."), Deno.errors.IsADirectory);
});
