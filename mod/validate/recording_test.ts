/** A folder is read as a whole, or refused with the file that is wrong. */

import { assertEquals, assertRejects } from "@std/assert";
import { RecordingError } from "./errors.ts";
import { isRecording, readRecording, type RecordingFolder } from "./recording.ts";
import { changed, foldersIn, SHIPPED, shipped } from "./testing.ts";

async function refused(folder: RecordingFolder): Promise<string> {
  const error = await assertRejects(() => readRecording(folder), RecordingError);
  return error.message.replace(`Cannot read recording ${folder.name}: `, "");
}

async function packed(bytes: Uint8Array<ArrayBuffer>, format: "decompress" | "none"): Promise<Uint8Array> {
  if (format === "none") return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("readRecording() reads captures packed with gzip or not, whatever their name says", async () => {
  const folder = shipped("gro-tcp-short-last");
  const { input } = await readRecording(folder);
  assertEquals(input.length, 21);
  const gz = (await folder.read("input.pcap.gz")) as Uint8Array<ArrayBuffer>;
  const plain = await packed(gz, "decompress");
  for (const [file, bytes] of Object.entries({ "input.pcap": plain, "input.pcap.gz": plain, "input.pcap ": gz })) {
    const other = await changed(folder, { "input.pcap.gz": null, [file.trim()]: bytes });
    assertEquals((await readRecording(other)).input, input, file);
  }
});

Deno.test("readRecording() names the file that is missing", async () => {
  const folder = shipped("fwd-esp-gcm256-grooff-frags-offload");
  for (const file of ["scenario.json", "expected.csv", "expected_inputs.csv", "expected_gro.csv"]) {
    assertEquals(await refused(await changed(folder, { [file]: null })), `the file is missing, ${file}`);
  }
  for (const file of ["input.pcap", "output.pcap"]) {
    assertEquals(await refused(await changed(folder, { [`${file}.gz`]: null })), `the file is missing, ${file}`);
  }
});

Deno.test("readRecording() names what is damaged", async () => {
  const folder = shipped("gro-tcp-short-last");
  const cases: [Parameters<typeof changed>[1], RegExp][] = [
    [{ "scenario.json": "{" }, /^it is not JSON, scenario\.json$/],
    [{ "expected.csv": "" }, /^there is no such column, expected\.csv, line 1, column $/],
    [{ "expected.csv": (text) => `${text}x` }, /^the row has 1 cells where the header has 21, expected\.csv, line 3$/],
    [{ "expected.csv": Uint8Array.of(0xff, 0xfe) }, /^it is not text in UTF-8, expected\.csv$/],
    [{ "input.pcap.gz": new Uint8Array(100) }, /input\.pcap/],
    [{ "input.pcap.gz": new Uint8Array(0) }, /input\.pcap/],
    [{ "expected_groo.csv": "a" }, /^there is no such table, the nearest is expected_gro\.csv, expected_groo\.csv$/],
    [{ "config.json": "[" }, /^it is not JSON, config\.json$/],
  ];
  for (const [changes, message] of cases) {
    const found = await refused(await changed(folder, changes));
    assertEquals(message.test(found), true, found);
  }
});

Deno.test("readRecording() refuses a capture that is cut off, as it is no whole recording", async () => {
  const folder = shipped("gro-tcp-short-last");
  const gz = await folder.read("input.pcap.gz");
  const cut = await changed(folder, { "input.pcap.gz": gz.subarray(0, gz.length - 30) });
  assertEquals(/input\.pcap/.test(await refused(cut)), true);
});

Deno.test("every folder of fixtures/kernel is a recording that can be read", async () => {
  const folders = foldersIn(SHIPPED);
  assertEquals(folders.length >= 100, true);
  for (const folder of folders) {
    assertEquals(isRecording(folder), true, folder.name);
    const { scenario } = await readRecording(folder);
    assertEquals(scenario.name, folder.name);
  }
});
