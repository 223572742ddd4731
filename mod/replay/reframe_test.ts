import { assertEquals, assertRejects } from "@std/assert";
import { buildPcap, type PcapRecordFields } from "../capture/testing.ts";
import { buildFrame } from "../capture/testing_frames.ts";
import { linksOf } from "../capture/testing_links.ts";
import { PcapngBuilder } from "../capture/testing_pcapng.ts";
import { CapturePacket } from "../capture/mod.ts";
import { set16 } from "../wire/bytes.ts";
import { pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { Reframer } from "./reframe.ts";
import { UnplayableError } from "./run.ts";
import { bulk, DESTINATION, inputOf, runOf, SOURCE, tcpFrame, type TestRun } from "./testing.ts";

/** A frame as the sending host captures it: the NIC was to complete the checksum. */
function withChecksumLeft(frame: Uint8Array): Uint8Array {
  set16(frame, 14 + 20 + 16, pseudoHeaderSumIpv4(SOURCE, DESTINATION, 6, frame.length - 34));
  return frame;
}

const PACKETS = [
  ...bulk(20),
  tcpFrame({ payloadBytes: 0, padding: 6, sourcePort: 40001 }),
  tcpFrame({ payloadBytes: 3000, sourcePort: 40002 }),
  tcpFrame({ checksumError: 1, sourcePort: 40003 }),
  withChecksumLeft(tcpFrame({ sourcePort: 40004 })),
].map((frame) => frame.subarray(14));

/** The packets behind a link-layer header; of those listed in `cut` only 100 bytes were captured. */
function recordsOf(header: Uint8Array, cut: readonly number[]): PcapRecordFields[] {
  return PACKETS.map((packet, i) => {
    const bytes = Uint8Array.from([...header, ...packet]);
    const captured = cut.includes(i) ? bytes.subarray(0, header.length + 100) : bytes;
    return { seconds: 1, fraction: i, bytes: captured, originalLength: bytes.length };
  });
}

function play(linkType: number, records: readonly PcapRecordFields[], preset: string, sets: readonly string[] = []) {
  return runOf(inputOf(buildPcap({ linkType }, records)), preset, sets);
}

const warningsOf = ({ run }: TestRun): readonly string[] => run.warnings.filter((warning) => !/tags/.test(warning));

for (const preset of ["nocopy", "nocopy-gro"]) {
  Deno.test(`packets behind every link layer are played as in plain Ethernet, to the last row (${preset})`, async () => {
    const [ethernet, ...others] = linksOf(1500);
    for (const cut of [[], [3, 4, 22]]) {
      const expected = await play(1, recordsOf(ethernet!.header, cut), preset);
      assertEquals([expected.run.failures, expected.run.tally.sum({ event: "send" }).count > 10], [[], true]);
      assertEquals(expected.run.warnings, warningsOf(expected));
      assertEquals(
        expected.run.warnings.some((warning) => warning.startsWith("1 packets hold the pseudo-header")),
        true,
      );
      for (const { what, linkType, header } of others) {
        const actual = await play(linkType, recordsOf(header, cut), preset);
        assertEquals(actual.sent, expected.sent, what);
        assertEquals(actual.events.rows, expected.events.rows, what);
        assertEquals([actual.run.failures, warningsOf(actual)], [[], warningsOf(expected)], what);
        const told = `${PACKETS.length} packets were captured with tags or another link layer`;
        assertEquals(actual.run.warnings.some((warning) => warning.startsWith(told)), true, what);
      }
    }
  });
}

for (
  const [ipVersion, type, body] of [
    [4, "0800", tcpFrame({ payloadBytes: 5, padding: 4 }).subarray(14)],
    [6, "86dd", buildFrame({ ipVersion: 6, payloadBytes: 5, paddingBytes: 4 }).subarray(14)],
  ] as const
) {
  Deno.test(`Reframer.write() keeps Ethernet addresses, makes others up, and keeps what follows IPv${ipVersion}`, () => {
    const reframer = new Reframer();
    const facts = new FrameFacts();
    const packet = new CapturePacket();
    for (const { what, linkType, header } of linksOf(body.length - 4, ipVersion).slice(1)) {
      packet.bytes = Uint8Array.from([...header, ...body]);
      packet.capturedBytes = packet.bytes.length - 2;
      packet.linkType = linkType;
      facts.read(packet.bytes, 0, packet.capturedBytes, packet.bytes.length + 7, linkType);
      reframer.write(packet, facts);
      const addresses = linkType === 1 ? "02000000000b02000000000a" : "020000000001020000000002";
      const frame = reframer.bytes.subarray(0, facts.capturedFrameBytes);
      assertEquals(frame.toHex(), addresses + type + body.subarray(0, body.length - 2).toHex(), what);
      assertEquals(
        [facts.frameBytes, facts.isReframed, facts.ipVersion],
        [14 + body.length + 7, true, ipVersion],
        what,
      );
    }
  });
}

Deno.test("Reframer.write() makes room for packets longer than it was made for", () => {
  const reframer = new Reframer();
  const facts = new FrameFacts();
  const packet = new CapturePacket();
  packet.bytes = new Uint8Array(1_000_000).fill(0x45);
  packet.capturedBytes = packet.bytes.length;
  packet.linkType = 101;
  facts.read(packet.bytes, 0, packet.capturedBytes, packet.capturedBytes, 101);
  reframer.write(packet, facts);
  assertEquals(reframer.bytes.subarray(14, 1_000_014), packet.bytes);
});

Deno.test("protocols other than IPv4 and IPv6 bypass the tunnel behind tags, too", async () => {
  const records = [0x0806, 0x8809, 0x88cc].map((etherType, fraction) => {
    const bytes = new Uint8Array(64).fill(0x60);
    bytes.set([0x81, 0, 0, 1, etherType >> 8, etherType & 0xff], 12);
    return { seconds: 1, fraction, bytes };
  });
  const { run, events } = await play(1, [...records, ...recordsOf(linksOf(1500)[1]!.header, [])], "nocopy");
  assertEquals(events.of("arrive").slice(0, 4).map(({ reason, bytes }) => `${reason} ${bytes}`), [
    ...Array(3).fill("bypass 60"),
    " 1514",
  ]);
  assertEquals(run.tally.sum({ event: "deliver" }).count, 3);
  const told = run.warnings.filter((warning) => warning.includes("captured with tags"));
  assertEquals(told.map((warning) => Number.parseInt(warning)), [PACKETS.length]);
});

/** Two Ethernet packets among others of a link type that nobody understands. */
function mixed(ethernetPackets: number): Uint8Array {
  const file = new PcapngBuilder().section().describe().describe({ linkType: 127 }).describe({ linkType: 274 });
  file.enhanced({ bytes: tcpFrame(), interfaceId: 1 }).enhanced({ bytes: tcpFrame(), interfaceId: 2 });
  for (let i = 0; i < ethernetPackets; i++) file.enhanced({ bytes: tcpFrame() });
  return file.bytes;
}

Deno.test("packets of link types that are not understood are ignored, counted, and named", async () => {
  const { run, events, sent } = await runOf(inputOf(mixed(2)), "nocopy");
  assertEquals(events.of("arrive").map(({ reason, bytes, flow }) => `${reason} ${bytes} ${flow}`), [
    "ignored 1514 -1",
    "ignored 1514 -1",
    " 1514 0",
    " 1514 0",
  ]);
  assertEquals([sent.length, run.tally.sum({ event: "arrive" }).payloadBytes], [2, 2920]);
  assertEquals(run.warnings.filter((warning) => warning.includes("link type")), [
    "2 packets are ignored: their link type is not understood (ieee802-11-radiotap, ethernet-mpacket)",
  ]);
});

Deno.test("a capture of link types that are not understood is refused, and they are named", async () => {
  const names = "(ieee802-11-radiotap, ethernet-mpacket)";
  const replayed = runOf(inputOf(mixed(0), "radio.pcapng"), "nocopy");
  const message = `Cannot replay radio.pcapng: its link type is not understood ${names}`;
  await assertRejects(() => replayed, UnplayableError, message);
});

Deno.test("local=auto looks behind any link layer for who sent most", async () => {
  const { header } = linksOf(1500).find(({ linkType }) => linkType === 113)!;
  const back = tcpFrame({ source: SOURCE + 1, payloadBytes: 10 }).subarray(14);
  const other = { seconds: 0, fraction: 0, bytes: Uint8Array.from([...header, ...back]) };
  const { events } = await play(113, [other, ...recordsOf(header, [])], "nocopy", ["tunnel=local"]);
  const ignored = events.of("arrive").filter(({ reason }) => reason === "ignored");
  assertEquals(ignored.map(({ packet }) => packet), [0]);
});

Deno.test("a capture packed with gzip is played to the row like the one inside", async () => {
  const file = buildPcap({}, recordsOf(linksOf(1500)[0]!.header, []));
  const stream = new Response(file.slice()).body!.pipeThrough(new CompressionStream("gzip"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const [plain, unpacked] = [await runOf(inputOf(file), "nocopy-gro"), await runOf(inputOf(packed), "nocopy-gro")];
  assertEquals(unpacked.events.rows, plain.events.rows);
  assertEquals(unpacked.run.warnings, plain.run.warnings);
});
