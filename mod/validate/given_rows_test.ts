/**
 * Recordings of which a part is given: what is taken from them decides nothing about the rest, and every wrong value of the rest
 * is found.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { LEFT_OUT } from "./left_out.ts";
import type { RecordingFolder } from "./recording.ts";
import { cell, changed, shipped } from "./testing.ts";
import { validate } from "./validation.ts";

/** A recording of a local sender as it was made: nobody says that its packets may be played as writes. */
function withoutWrites(name: string): Promise<RecordingFolder> {
  return changed(shipped(name), {
    "scenario.json": (text) => JSON.stringify({ ...JSON.parse(text), writes: undefined }),
  });
}

async function firstDifference(
  folder: RecordingFolder,
  file: string,
  change: (text: string) => string,
): Promise<string> {
  return (await validate(await changed(folder, { [file]: change }))).firstDifference;
}

Deno.test("validate() plays a sender's packets from xfrm output on where its writes are not recorded", async () => {
  const folder = await withoutWrites("esp-tx-tunnel-gcm256-offload-gsooff");
  const row = await validate(folder);
  assertEquals(row.differ, 0);
  assertEquals(row.reason, LEFT_OUT.timing);
  const cases: [file: string, row: number, column: string, value: string][] = [
    ["expected.csv", 3, "headroom", "300"],
    ["expected.csv", 3, "tailspace", "1"],
    ["expected_gso.csv", 0, "gso_segs", "1"],
    ["expected_tx.csv", 3, "ip_summed", "3"],
  ];
  for (const [file, index, column, value] of cases) {
    assertMatch(await firstDifference(folder, file, cell(index, column, value)), new RegExp(`^${file} row ${index} `));
  }
});

Deno.test("validate() seals what the other host sent, of which shapes alone are recorded", async () => {
  const folder = await withoutWrites("esp-tx-tunnel-gcm256-offload-gsooff");
  const difference = await firstDifference(folder, "expected_tx.csv", cell(1, "headlen", "131"));
  assertEquals(difference, "expected_tx.csv row 1 headlen: model 130, recorded 131");
});

Deno.test("validate() knows the head that a host received: that of the host which sent it", async () => {
  const folder = await withoutWrites("esp-tx-tunnel-gcm256-offload-gsooff");
  const tailroom = await firstDifference(folder, "expected_esp_rx.csv", cell(0, "tailroom", "363"));
  assertEquals(tailroom, "expected_esp_rx.csv row 0 tailroom: model 364, recorded 363");
  const copied = await firstDifference(folder, "expected_esp_rx.csv", cell(3, "bytes_copied", "18"));
  assertEquals(copied, "expected_esp_rx.csv row 3 bytes_copied: model 0, recorded 18");
});

Deno.test("validate() compares all of what a router sends without ESP, shapes, frames and copies", async () => {
  const name = "fwd-plain-grooff-frags-nosg";
  const row = await validate(shipped(name));
  assertEquals([row.differ, row.notCompared], [0, 0]);
  const cases: [file: string, row: number, column: string, value: string, difference: RegExp][] = [
    ["expected.csv", 2, "headlen", "54", /^expected\.csv row 2 headlen: model 1426, recorded 54$/],
    ["expected_tx.csv", 2, "gso_segs", "1", /^expected_tx\.csv row 2 gso_segs: model 0, recorded 1$/],
    ["expected_copies.csv", 10, "bytes", "119", /sum of pskb_expand_head on the path, bytes: model 804, recorded 805$/],
  ];
  for (const [file, index, column, value, difference] of cases) {
    assertMatch(await firstDifference(shipped(name), file, cell(index, column, value)), difference);
  }
});

Deno.test("validate() cuts a recorded aggregate for the driver alone, with the bytes of its frames", async () => {
  const folder = shipped("fwd-plain-frags-nocsum");
  const packed = new Blob([await folder.read("output.pcap.gz") as Uint8Array<ArrayBuffer>]).stream();
  const bytes = new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  const lowByteOfId = 24 + 16 + 14 + 5;
  const secondFrame = 16 + 1426;
  bytes[lowByteOfId + secondFrame]! ^= 64;
  const changes = { "output.pcap.gz": null, "output.pcap": bytes, "scenario.json": asPerStage };
  const row = await validate(await changed(folder, changes));
  assertMatch(row.firstDifference, /^output\.pcap row 1 bytes: model 1412 bytes, 02/);
});

function asPerStage(text: string): string {
  return JSON.stringify({ ...JSON.parse(text), compare: "per-stage" });
}

Deno.test("validate() sends each flow through the SA of its frames", async () => {
  for (const name of ["share-fwd-two-sas-kmalloc-offload", "share-fwd-two-sas-two-suites-nooffload"]) {
    const row = await validate(shipped(name));
    assertEquals([row.differ, row.notCompared, row.reason], [0, 0, ""]);
    assert(row.compared! > 1000);
  }
});

Deno.test("validate() lays a frame out in the pieces in which it was written to a TUN device", async () => {
  const folder = shipped("gro-tun-napi-frags-iov3");
  assertEquals((await validate(folder)).notCompared, 0);
  const difference = await firstDifference(folder, "expected.csv", cell(0, "layout", "frags=500/448/500"));
  assertEquals(difference, "expected.csv row 0 layout: model frags=500/500/448, recorded frags=500/448/500");
});
