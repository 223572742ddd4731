/** Receive layouts: the shapes of linux-datapath 1.9, what they cost under each preset, and that the bytes stay the same. */

import { assertEquals } from "@std/assert";
import { openEspPacket } from "../esp/esp_packet.ts";
import { ENGINES } from "../crypto/engines.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { bulk, captureOf, type Recorder, runOf, tcpFrame } from "../replay/testing.ts";

const LAYOUTS = [
  "page-frag",
  "build-skb",
  "virtio",
  "netdev-linear",
  "kmalloc",
  "napi-linear",
  "frags:1",
  "frags:3",
  "frags:17",
  "hdrsplit:1",
  "hdrsplit:3",
];
const ERAS = ["4.4", "6.1"];

function copiesPerFrame(events: Recorder, frames: number): Record<string, number> {
  return Object.fromEntries(Object.entries(events.copies).map(([key, bytes]) => [key, bytes / frames]));
}

/** Inner packets of what was sent, by TCP sequence number. */
async function innerPackets(layout: string, era: string, preset: string, sets: readonly string[]): Promise<string[]> {
  const frames = [
    ...bulk(60),
    tcpFrame({ payloadBytes: 0, acknowledgment: 7 }),
    ...bulk(20, { payloadBytes: 90, id: 500 }),
  ];
  const settings = [`rx_layout=${layout}`, `era=${era}`, ...sets];
  const { run, sent } = await runOf(captureOf(frames), preset, settings);
  assertEquals(run.failures, []);
  const sa = testSecurityAssociation({ seed: 1 });
  const aead = sa.aead(ENGINES.noble);
  return sent.map(({ bytes }) => {
    const opened = openEspPacket(bytes.subarray(14), sa, aead);
    return opened.opened ? opened.inner.toHex() : opened.reason;
  });
}

for (const era of ERAS) {
  for (const preset of ["baseline", "nocopy", "nocopy-gro"]) {
    Deno.test(`every rx_layout sends the same packets (${preset}, era ${era})`, async () => {
      const expected = await innerPackets("page-frag", era, preset, []);
      assertEquals(expected.length, 81);
      for (const layout of LAYOUTS.slice(1)) {
        assertEquals(await innerPackets(layout, era, preset, []), expected, layout);
      }
    });
  }
}

/** Copied bytes of one 1514-byte frame, gro=off. */
const COPIES: [string, string, string, Record<string, number>][] = [
  ["build-skb", "4.4", "baseline", {}],
  ["build-skb", "4.4", "nocopy", {}],
  ["virtio", "4.4", "nocopy", { "driver-rx good-copy": 128 }],
  ["virtio", "6.1", "nocopy", { "driver-rx good-copy": 128 }],
  ["virtio", "4.4", "baseline", {
    "driver-rx good-copy": 128,
    "esp-output expand-head": 64 + 128,
    "esp-output pull-tail": 1386,
  }],
  ["netdev-linear", "4.4", "baseline", {}],
  ["kmalloc", "4.4", "baseline", {}],
  // Ethernet header, then ip_rcv's pull, then tcp_v4_early_demux's: of every packet in 4.4.
  ["frags:1", "4.4", "nocopy", { "driver-rx eth-header": 14, "forward pull-tail": 40 }],
  // In 6.1 of the first packet of a list of 8 and of the first of the next 2; the others have 4 bytes of ports pulled.
  ["frags:1", "6.1", "nocopy", { "driver-rx eth-header": 14, "forward pull-tail": (2 * 40 + 8 * 24) / 10 }],
  ["frags:3", "6.1", "nocopy", { "driver-rx eth-header": 14, "forward pull-tail": (2 * 40 + 8 * 24) / 10 }],
  ["hdrsplit:1", "4.4", "nocopy", {}],
  ["hdrsplit:3", "6.1", "nocopy", {}],
  // A head of A64(1514 + 64) = 1600 has 22 bytes of tailroom, as much as a build-skb buffer of 1728 less 192.
  ["napi-linear", "4.4", "baseline", {}],
];

for (const [layout, era, preset, expected] of COPIES) {
  Deno.test(`rx_layout=${layout} under ${preset}, era ${era}: copies per frame by place`, async () => {
    const settings = [`rx_layout=${layout}`, `era=${era}`, "engine=skip"];
    const { run, events } = await runOf(captureOf(bulk(10)), preset, settings);
    assertEquals(run.failures, []);
    assertEquals(copiesPerFrame(events, 10), expected);
  });
}

Deno.test("a head of just the frame's size lacks tailroom when the frame fills it: napi-linear of 1530 bytes", async () => {
  const frames = captureOf(bulk(10, { payloadBytes: 1472 }));
  const baseline = await runOf(frames, "baseline", ["rx_layout=napi-linear", "mtu=1600", "engine=skip"]);
  // 64 + 1526 = 1590 of 1600: 10 bytes are left, 20 are needed; the head moves with its headroom.
  assertEquals(copiesPerFrame(baseline.events, 10), { "esp-output expand-head": 64 + 1526 });
  const nocopy = await runOf(frames, "nocopy", ["rx_layout=napi-linear", "mtu=1600", "engine=skip"]);
  assertEquals(copiesPerFrame(nocopy.events, 10), {});
  assertEquals(nocopy.events.of("tail").every(({ reason }) => reason === "fragment"), true);
});

Deno.test("virtio of 6.1 builds an skb around a buffer with room for the shared info; forwarding then lacks headroom", async () => {
  // A frame of 1204 bytes leaves just 320; the 26 bytes of headroom are short of the 52 that ESP needs.
  const settings = ["rx_layout=virtio", "era=6.1", "engine=skip"];
  const fits = await runOf(captureOf(bulk(4, { payloadBytes: 1150 })), "nocopy", settings);
  assertEquals(copiesPerFrame(fits.events, 4), { "forward expand-head": 12 + 1204 });
  const tooLong = await runOf(captureOf(bulk(4, { payloadBytes: 1151 })), "nocopy", settings);
  assertEquals(copiesPerFrame(tooLong.events, 4), { "driver-rx good-copy": 128 });
});

Deno.test("kmalloc heads are chained to the frag_list; 6.1 cuts them by cloning and copies the first segment only", async () => {
  const merges = new Map<string, string[]>();
  for (const era of ERAS) {
    const settings = ["rx_layout=kmalloc", `era=${era}`, "engine=skip"];
    const { run, events } = await runOf(captureOf(bulk(30, { payloadBytes: 1360 })), "nocopy-gro", settings);
    assertEquals(run.failures, []);
    merges.set(era, events.of("merge").map(({ reason }) => reason));
    assertEquals(events.copies, { "gso segment-copy": era === "4.4" ? 30 * 1360 : 1360 });
    const summed = events.of("checksum").filter(({ reason }) => reason === "segment-sum");
    assertEquals(summed.length, era === "4.4" ? 0 : 29);
    assertEquals(events.of("tail").every(({ reason }) => reason === "in-place"), true);
  }
  assertEquals(merges.get("4.4"), Array(29).fill("frag-list"));
  assertEquals(merges.get("6.1"), Array(29).fill("frag-list"));
});

Deno.test("build-skb heads give their payload to GRO by reference: 17 as fragments, then a member of the frag_list", async () => {
  const { events } = await runOf(captureOf(bulk(40)), "nocopy-gro", ["rx_layout=build-skb", "engine=skip"]);
  const reasons = events.of("merge").map(({ reason }) => reason);
  assertEquals(reasons.slice(0, 19), [...Array(17).fill("head-frag"), "frag-list", "head-frag"]);
});

Deno.test("GRO copies the headers of a held packet in pages, and of one that joins only its Ethernet header", async () => {
  for (const era of ERAS) {
    const settings = ["rx_layout=frags:1", `era=${era}`, "engine=skip"];
    const { run, events } = await runOf(captureOf(bulk(30)), "nocopy-gro", settings);
    assertEquals(run.failures, []);
    assertEquals(events.copies, {
      "driver-rx eth-header": 30 * 14,
      "gro frag0-pull": 40,
      "gso segment-copy": 30 * 1460,
    });
    assertEquals(events.of("merge").filter(({ reason }) => reason === "move-frags").length, 28);
  }
});

Deno.test("an acknowledgment that lies all in one page becomes linear in GRO, and its page goes", async () => {
  const acks = [1, 2, 3].map((acknowledgment) => tcpFrame({ payloadBytes: 0, acknowledgment }));
  const settings = ["rx_layout=frags:1", "era=6.1", "engine=skip"];
  const { run, events } = await runOf(captureOf(acks), "nocopy-gro", settings);
  assertEquals(run.failures, []);
  assertEquals(events.copies, { "driver-rx eth-header": 3 * 14, "gro frag0-pull": 3 * 40 });
  assertEquals(events.of("tail").map(({ reason }) => reason), ["in-place", "in-place", "in-place"]);
});
