/**
 * Speed of numbering flows, and of reading a frame's headers: what every captured packet pays before the model begins.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { FlowTable } from "./flow_table.ts";
import { FrameFacts } from "./frame_facts.ts";
import { LINKTYPE_ETHERNET } from "./link_types.ts";

const LOOKUPS = 10_000;

for (const flows of [16, 50_000]) {
  const table = new FlowTable();
  const find = (i: number) => table.find(0xc0000200 + (i & 0xff), 0xc6336401, 1024 + (i >>> 8), 5001, 6);
  for (let i = 0; i < flows; i++) assertEquals(find(i), i);
  Deno.bench({
    name: `find IPv4, ${flows} flows, ${LOOKUPS} look-ups`,
    group: "find",
    fn: () => {
      for (let i = 0; i < LOOKUPS; i++) find((i * 7919) % flows);
    },
  });

  const table6 = new FlowTable();
  const header = new Uint8Array(40).fill(0x20);
  const find6 = (i: number) => {
    header[23] = i;
    return table6.findAt(header, 0, 6, 1024 + (i >>> 8), 5001, 6);
  };
  for (let i = 0; i < flows; i++) assertEquals(find6(i), i);
  Deno.bench({
    name: `findAt IPv6, ${flows} flows, ${LOOKUPS} look-ups`,
    group: "find",
    fn: () => {
      for (let i = 0; i < LOOKUPS; i++) find6((i * 7919) % flows);
    },
  });
}

const IPV4_TCP = Uint8Array.fromHex(
  "020000000002020000000001" + "0800" + "450005dc000140004006" + "0000" + "c0000201" + "c0000202" +
    "9c40" + "1389" + "00000001" + "00000002" + "5010" + "0000" + "0000" + "0000",
);
const IPV6_TCP = Uint8Array.fromHex(
  "020000000002020000000001" + "86dd" + "6000000005b40640" + "20010db8000000000000000000000001".repeat(2) +
    "9c40" + "1389" + "00000001" + "00000002" + "5010" + "0000" + "0000" + "0000",
);
const facts = new FrameFacts();

for (const [version, frame] of [["IPv4", IPV4_TCP], ["IPv6", IPV6_TCP]] as const) {
  Deno.bench({
    name: `FrameFacts.read ${version}, ${LOOKUPS} frames`,
    group: "facts",
    fn: () => {
      for (let i = 0; i < LOOKUPS; i++) facts.read(frame, 0, frame.length, 1514, LINKTYPE_ETHERNET);
    },
  });
}
