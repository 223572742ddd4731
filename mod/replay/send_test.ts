/** Path send: the stream that leaves is the one that was captured, whatever is gathered, cut, lost or sent again. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as fc from "fast-check";
import { type PacketRecord, Packets } from "../ledger/packets.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { firstPackets } from "../capture/testing.ts";
import * as tcp from "../wire/tcp.ts";
import type { Run } from "./run.ts";
import { bulk, captureOf, DESTINATION, inputOf, runOf, SOURCE, tcpFrame, type TestRun } from "./testing.ts";
import { answer, segmentsOf, streamOf, streamOfFrames, TIMESTAMPS } from "./testing_streams.ts";

const BULK = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const BULK_IPV6 = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv6.pcap", import.meta.url));
const OFFLOADS = Deno.readFileSync(new URL("../../fixtures/offloads-tcp-ipv4.pcap", import.meta.url));
const PSH_ACK = tcp.FLAG_PSH | tcp.FLAG_ACK;

/** SYN and its answer: from then on what is sent waits to be acknowledged. */
const HANDSHAKE = [
  tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_SYN, sequence: 999 }),
  answer(1000, { flags: tcp.FLAG_SYN | tcp.FLAG_ACK }),
];

async function send(
  frames: readonly Uint8Array[],
  preset: string,
  sets: readonly string[] = [],
): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, ["path=send", ...sets]);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

function summaryOf(run: Run, column: string): number {
  return Number(SUMMARY_COLUMNS.find(({ name }) => name === column)!.value({ number: 1, run }));
}

const SIZES = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.boolean()), { minLength: 1, maxLength: 40 });
const PRESETS = fc.constantFrom("linux-4.4", "linux-6.1", "linux-6.1-module", "nocopy-gro-gso", "nocopy");

Deno.test("path send gives back the captured stream byte for byte, for any packets, writes and preset", async () => {
  await fc.assert(
    fc.asyncProperty(
      SIZES,
      PRESETS,
      fc.oneof(fc.constant("auto"), fc.integer({ min: 1, max: 9000 }).map(String)),
      fc.constantFrom("on", "off"),
      fc.constantFrom("on", "off"),
      fc.integer({ min: 0, max: 0xffffffff }),
      async (sizes, preset, writeBytes, nodelay, sendfile, start) => {
        let sequence = start;
        const frames = sizes.map(([payloadBytes, pushes], i) => {
          const flags = pushes ? PSH_ACK : tcp.FLAG_ACK;
          const frame = tcpFrame({ payloadBytes, sequence, flags, pattern: i, options: TIMESTAMPS, id: i + 1 });
          sequence = (sequence + payloadBytes) >>> 0;
          return frame;
        });
        const total = sizes.reduce((sum, [bytes]) => sum + bytes, 0);
        const sets = [`write_bytes=${writeBytes}`, `nodelay=${nodelay}`, `sendfile=${sendfile}`, "mode=tunnel"];
        const testRun = await send(frames, preset, sets);
        const segments = segmentsOf(testRun);
        assert(segments.every(({ checksumOk }) => checksumOk));
        assertEquals(segments.reduce((sum, { payload }) => sum + payload.length, 0), total);
        assertEquals(streamOf(segments, start, total), streamOfFrames(frames, start, total));
        assert(testRun.sent.every(({ bytes }) => bytes.length <= 1514));
        assertEquals(testRun.run.tally.sum({ event: "user-copy" }).bytes, sendfile === "on" ? 0 : total);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("path send attributes every row to packets: the sums of packets.csv are those of summary.csv", async () => {
  for (const preset of ["linux-4.4", "linux-6.1", "linux-6.1-module"]) {
    for (const file of [BULK, BULK_IPV6, OFFLOADS]) {
      const records: PacketRecord[] = [];
      const packets = new Packets((record) => void records.push(record));
      const sets = ["path=send", "engine=skip"];
      const { run } = await runOf(inputOf(firstPackets(file, 1500)), preset, sets, { foldsBeside: [packets] });
      packets.finish();
      assertEquals(run.failures, []);
      const sum = (value: (record: PacketRecord) => number): number => {
        return records.reduce((total, record) => total + value(record), 0);
      };
      assertEquals(sum(({ copiedBytes }) => copiedBytes), summaryOf(run, "copied_bytes"));
      assertEquals(sum(({ copies }) => copies), summaryOf(run, "copies"));
      assertEquals(sum(({ checksumBytes }) => checksumBytes), summaryOf(run, "checksum_bytes"));
      assertEquals(sum(({ cryptoBytes }) => cryptoBytes), summaryOf(run, "crypto_bytes"));
      assertEquals(sum(({ costPs }) => costPs), run.tally.costPs);
      assertEquals(records.filter(({ outcome }) => outcome === "sent").length, summaryOf(run, "packets_in"));
    }
  }
});

Deno.test("path send does not depend on where the windows of the reader end", async () => {
  const of = async (windowBytes: number): Promise<unknown> => {
    const { run, sent } = await runOf(inputOf(OFFLOADS), "linux-6.1-module", ["path=send"], { windowBytes });
    assertEquals(run.failures, []);
    return [sent, run.elapsedNs, run.busyNs];
  };
  assertEquals(await of(1 << 17), await of(1 << 22));
});

Deno.test("path send plays what our host sent: the rest is ignored, and what it acknowledges is freed", async () => {
  const frames = bulk(4, { options: TIMESTAMPS, payloadBytes: 1000, flags: PSH_ACK });
  const mixed = frames.flatMap((frame, i) => [frame, answer(1000 + 1000 * (i + 1))]);
  const { run, events } = await send(mixed, "linux-6.1");
  assertEquals([summaryOf(run, "packets_in"), summaryOf(run, "ignored")], [4, 4]);
  assertEquals(events.of("free").filter(({ reason }) => reason === "acknowledged").length, 4);
});

Deno.test("path send waits with a short segment until the one before is acknowledged, unless nodelay=on", async () => {
  const frames = [...HANDSHAKE, ...bulk(3, { payloadBytes: 100, flags: PSH_ACK })];
  const lengths = async (sets: string[]): Promise<number[]> => {
    return segmentsOf(await send(frames, "linux-6.1", ["pace=capture", ...sets])).map(({ payload }) => payload.length);
  };
  assertEquals(await lengths([]), [0, 100, 200]);
  assertEquals(await lengths(["nodelay=on"]), [0, 100, 100, 100]);
});

Deno.test("path send sends retransmitted bytes again as they are in the queue: another clone", async () => {
  const frames = bulk(3, { payloadBytes: 1400, flags: PSH_ACK });
  const testRun = await send([...HANDSHAKE, ...frames, frames[1]!], "linux-6.1", ["nodelay=on"]);
  const segments = segmentsOf(testRun).slice(1);
  assertEquals(segments.map(({ sequence }) => sequence), [1000, 2400, 3800, 2400]);
  assertEquals(segments[3]!.payload, segments[1]!.payload);
  assert(testRun.events.of("tail").slice(1).every(({ reason }) => reason === "cow-cloned"));
  assertEquals(summaryOf(testRun.run, "user_copied_bytes"), 3 * 1400);
});

Deno.test("path send sends a copy that shares the fragments while a clone is on its way: ESP may use a fragment", async () => {
  const frames = bulk(12, { payloadBytes: 1426 });
  const slow = ["socket_gso=off", "link_gbps=0.001", "tx_ring=4"];
  const { events } = await send([...HANDSHAKE, ...frames, frames[11]!], "linux-6.1-module", slow);
  assertEquals(events.of("copy").filter(({ reason }) => reason === "pskb-copy").map(({ bytes }) => bytes), [0]);
  const tails = events.of("tail").filter(({ packet }) => packet >= 13).map(({ packet, reason }) => [packet, reason]);
  assertEquals(tails, [[13, "cow-cloned"], [14, "fragment"]]);
});

Deno.test("path send cuts buffers of the queue where retransmitted bytes begin and end", async () => {
  const frames = bulk(20, { payloadBytes: 1400 });
  const again = tcpFrame({ payloadBytes: 700, sequence: 1000 + 3 * 1400 + 350, pattern: 3 + 350 * 7 });
  for (const preset of ["linux-4.4", "linux-6.1", "linux-6.1-module"]) {
    const testRun = await send([...HANDSHAKE, ...frames, again], preset);
    const segments = segmentsOf(testRun);
    assertEquals(streamOf(segments, 1000, 28000), streamOfFrames(frames, 1000, 28000));
    assertEquals(segments.reduce((sum, { payload }) => sum + payload.length, 0), 28700);
    assertEquals(segments.filter(({ sequence }) => sequence === 5550).length, 1);
    assertEquals(summaryOf(testRun.run, "user_copied_bytes"), 28000);
  }
});

Deno.test("path send writes retransmitted bytes again that nothing holds any more", async () => {
  const frames = bulk(5, { payloadBytes: 1400, flags: PSH_ACK });
  const sets = ["nodelay=on", "pace=capture*0.001"];
  const testRun = await send([...HANDSHAKE, ...frames, answer(8000), frames[0]!], "linux-6.1", sets);
  assertEquals(segmentsOf(testRun).slice(1).map(({ sequence }) => sequence), [1000, 2400, 3800, 5200, 6600, 1000]);
  assertEquals(summaryOf(testRun.run, "user_copied_bytes"), 6 * 1400);
});

Deno.test("path send leaves out bytes that the capture lacks, and says so", async () => {
  const frames = bulk(6, { payloadBytes: 1000 }).filter((_, i) => i !== 2);
  const testRun = await send(frames, "linux-6.1-module");
  assertEquals(segmentsOf(testRun).map(({ sequence, payload }) => [sequence, payload.length]), [
    [1000, 1426],
    [2426, 574],
    [4000, 1426],
    [5426, 1426],
    [6852, 148],
  ]);
  assert(testRun.run.warnings.includes("1 gaps in TCP streams: bytes that the capture lacks are not sent"));
});

Deno.test("path send keeps to the MSS that the other side announced", async () => {
  const mss = Uint8Array.of(2, 4, 2, 24);
  const handshake = tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_SYN, sequence: 999 });
  const synAck = answer(1000, { flags: tcp.FLAG_SYN | tcp.FLAG_ACK, options: mss });
  const testRun = await send([handshake, synAck, ...bulk(3, { options: TIMESTAMPS, payloadBytes: 1000 })], "linux-6.1");
  assertEquals(segmentsOf(testRun).map(({ payload }) => payload.length), [0, 524, 524, 524, 524, 524, 380]);
});

Deno.test("path send sends SYN, FIN and ACK at their places, with the numbers that they had", async () => {
  const frames = [
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_SYN, sequence: 999, id: 7 }),
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_ACK, sequence: 1000 }),
    tcpFrame({ payloadBytes: 1000, flags: PSH_ACK, sequence: 1000 }),
    tcpFrame({ payloadBytes: 500, flags: PSH_ACK | tcp.FLAG_FIN, sequence: 2000 }),
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_ACK, sequence: 2501, acknowledgment: 9 }),
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_RST, sequence: 2501 }),
  ];
  for (const preset of ["linux-4.4", "linux-6.1-module"]) {
    const testRun = await send(frames, preset, ["nodelay=on", "pace=capture*0.001"]);
    const segments = segmentsOf(testRun);
    assertEquals(segments.map(({ sequence }) => sequence), [999, 1000, 1000, 2000, 2501, 2501]);
    assertEquals(segments.map(({ flags }) => flags), [
      tcp.FLAG_SYN,
      tcp.FLAG_ACK,
      PSH_ACK,
      PSH_ACK | tcp.FLAG_FIN,
      tcp.FLAG_ACK,
      tcp.FLAG_RST,
    ]);
    assertEquals(segments.map(({ id }) => id), [7, 8, 9, 10, 11, 12]);
    // SYN, data and FIN wait to be acknowledged; acknowledgment and reset do not.
    assertEquals(testRun.events.of("clone").length, 3);
  }
});

Deno.test("path send begins a new socket where a connection begins on the same ports", async () => {
  const connection = (start: number): Uint8Array[] => [
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_SYN, sequence: start - 1 }),
    ...bulk(3, { sequence: start, payloadBytes: 1400 }),
  ];
  const testRun = await send([...connection(5000), ...connection(77)], "linux-6.1");
  const starts = segmentsOf(testRun).filter(({ flags }) => (flags & tcp.FLAG_SYN) !== 0);
  assertEquals(starts.map(({ sequence }) => sequence), [4999, 76]);
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("gap")), []);
});

Deno.test("path send writes as much at once as write_bytes says, and as the capture shows under auto", async () => {
  const frames = bulk(10, { payloadBytes: 1000 });
  const writes = async (...sets: string[]): Promise<number> => {
    const { events } = await send(frames, "linux-6.1-module", sets);
    return events.of("visit").filter(({ stage }) => stage === "socket").length;
  };
  assertEquals(await writes(), 1);
  assertEquals(await writes("write_bytes=1000"), 10);
  assertEquals(await writes("write_bytes=2500"), 4);
  const pushed = bulk(10, { payloadBytes: 1000, flags: PSH_ACK });
  const { events } = await send(pushed, "linux-6.1-module");
  assertEquals(events.of("visit").filter(({ stage }) => stage === "socket").length, 10);
});

Deno.test("path send with sendfile copies nothing from the process, and shared pages before it sums them", async () => {
  const frames = bulk(40, { payloadBytes: 1394, options: TIMESTAMPS });
  const without = await send(frames, "linux-6.1", ["mode=tunnel", "sendfile=on"]);
  assertEquals(without.run.tally.sum({ event: "user-copy" }).bytes, 0);
  // skb_checksum_help makes the shared pages linear, so that ESP finds a private linear buffer.
  assertEquals(without.events.copies, {
    "xfrm-output expand-head": 40 * 320,
    "xfrm-output pull-tail": 40 * 1394,
  });
  assert(without.events.of("tail").every(({ reason }) => reason === "in-place"));
  const segmented = await send(frames, "linux-6.1-module", ["mode=tunnel", "sendfile=on"]);
  assertEquals(segmented.events.copies["gso segment-copy"], 40 * 1394);
  assertEquals(segmented.run.tally.sum({ event: "user-copy" }).bytes, 0);
});

Deno.test("path send loses nothing at a short queue, a short ring and a slow link, under every pace", async () => {
  for (const pace of ["max", "line", "rate:20", "capture", "capture*1000"]) {
    for (const preset of ["linux-4.4", "linux-6.1-module", "nocopy-gro"]) {
      // Segments that were cut at layer 2 and refused count one by one against the limit in 6.1 (dev_requeue_skb).
      const short = [`qdisc_limit=${preset === "linux-6.1-module" ? 100 : 8}`, "tx_ring=8", "link_gbps=0.5"];
      const sets = ["path=send", "engine=skip", ...short, `pace=${pace}`, "socket_gso=auto"];
      const { run } = await runOf(inputOf(OFFLOADS), preset, sets);
      assertEquals(run.failures, []);
      assertEquals(summaryOf(run, "drops"), 0);
    }
  }
});

Deno.test("path send fills a slow link: TCP small queues do not let it run dry", async () => {
  for (const preset of ["linux-4.4", "linux-6.1", "linux-6.1-module"]) {
    const { run } = await runOf(inputOf(BULK), preset, ["path=send", "engine=skip", "link_gbps=1"]);
    assert(summaryOf(run, "wire_gbps") > 0.97, `${preset}: ${summaryOf(run, "wire_gbps")}`);
  }
});

Deno.test("path send plays a capture again as one stream that goes on", async () => {
  const frames = bulk(30, { payloadBytes: 1000 });
  const testRun = await send(frames, "linux-6.1-module", ["repeat=3"]);
  const segments = segmentsOf(testRun);
  const stream = streamOf(segments, 1000, 90000);
  const once = streamOfFrames(frames, 1000, 30000);
  for (const pass of [0, 1, 2]) assertEquals(stream.subarray(pass * 30000, (pass + 1) * 30000), once);
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("gap")), []);
});

Deno.test("path send refuses a capture without packets of our host", async () => {
  const error = await runOf(captureOf(bulk(3)), "nocopy", ["path=send", "local=192.0.2.1"]).catch((thrown) => thrown);
  assertStringIncludes(error.message, "none of its packets comes from our host (path=send)");
});

Deno.test("path send finds our host in the side that sent more payload", async () => {
  const theirs = bulk(9, { source: DESTINATION, destination: SOURCE, payloadBytes: 1400 });
  const { run } = await send([...bulk(1), ...theirs], "nocopy");
  assertEquals([summaryOf(run, "packets_in"), summaryOf(run, "ignored")], [9, 1]);
});

/** Most memory of buffers with data on their way to the wire, counted with 2304 bytes for each of 1728 (era 4.4). */
function mostOnTheWay({ events }: TestRun): number {
  const waiting = new Set<number>();
  let most = 0;
  for (const { event, reason, into, skb } of events.rows) {
    if (event === "clone") waiting.add(into);
    if (event === "free" && reason === "sent") waiting.delete(skb);
    most = Math.max(most, waiting.size);
  }
  return most * 2304;
}

Deno.test("path send has no more of a socket on its way than TCP small queues allow: 256 KiB, or 1/1024 s of the link", async () => {
  const fast = await runOf(inputOf(BULK), "linux-4.4", ["path=send", "engine=skip", "link_gbps=2.2", "mode=tunnel"]);
  assert(mostOnTheWay(fast) <= 262144 + 2 * 2304 && mostOnTheWay(fast) > 240_000, `${mostOnTheWay(fast)}`);
  const slow = await runOf(inputOf(BULK), "linux-4.4", ["path=send", "engine=skip", "link_gbps=0.5", "mode=tunnel"]);
  assert(mostOnTheWay(slow) <= 61035 + 2 * 2304 && mostOnTheWay(slow) > 50_000, `${mostOnTheWay(slow)}`);
});

Deno.test("path send lets a process wait: what it has written and not sent stays small, whatever the link", async () => {
  const { run, events } = await runOf(inputOf(BULK), "linux-6.1-module", ["path=send", "engine=skip", "link_gbps=0.1"]);
  assertEquals(run.failures, []);
  let unsent = 0;
  let most = 0;
  for (const { event, bytes, payloadBytes } of events.rows) {
    if (event === "user-copy") unsent += bytes;
    if (event === "send") unsent -= payloadBytes;
    most = Math.max(most, unsent);
  }
  assert(most < 600_000, `${most}`);
});

Deno.test("path send goes on when something has left, also where nothing of it is acknowledged", async () => {
  const frames = bulk(1000, { payloadBytes: 1426 });
  for (const preset of ["linux-4.4", "linux-6.1-module"]) {
    const { run } = await send([...HANDSHAKE, ...frames], preset, ["engine=skip", "link_gbps=0.5"]);
    assertEquals(run.tally.sum({ event: "send" }).payloadBytes, 1426000);
    assert(summaryOf(run, "wire_gbps") > 0.48, `${summaryOf(run, "wire_gbps")}`);
  }
});

Deno.test("path send gathers short writes while something is on its way (auto-corking), and sends them at once else", async () => {
  const frames = bulk(6, { payloadBytes: 100, flags: PSH_ACK });
  const sizes = async (...sets: string[]): Promise<number[]> => {
    const testRun = await send([...HANDSHAKE, ...frames], "linux-6.1", ["nodelay=on", ...sets]);
    return segmentsOf(testRun).slice(1).map(({ payload }) => payload.length);
  };
  assertEquals(await sizes("pace=capture*0.001"), [100, 100, 100, 100, 100, 100]);
  // The first still waits in the ring, behind SYN.
  assertEquals(await sizes("pace=max", "link_gbps=0.01"), [100, 500]);
});

Deno.test("path send keeps PSH and FIN at the end of bytes that are cut to be sent again", async () => {
  const last = { flags: PSH_ACK | tcp.FLAG_FIN };
  const frames = [
    ...bulk(2, { payloadBytes: 1000 }),
    tcpFrame({ payloadBytes: 1000, sequence: 3000, pattern: 2, ...last }),
  ];
  const again = tcpFrame({ payloadBytes: 500, sequence: 3000, pattern: 2 });
  const tail = tcpFrame({ payloadBytes: 500, sequence: 3500, pattern: 2 + 500 * 7, ...last });
  const testRun = await send([...HANDSHAKE, ...frames, again, tail], "linux-6.1-module", ["pace=capture*0.001"]);
  const segments = segmentsOf(testRun).slice(1);
  assertEquals(segments.map(({ sequence, payload, flags }) => [sequence, payload.length, flags]), [
    [1000, 1426, tcp.FLAG_ACK],
    [2426, 1426, tcp.FLAG_ACK],
    [3852, 148, PSH_ACK | tcp.FLAG_FIN],
    [3000, 500, tcp.FLAG_ACK],
    [3500, 500, PSH_ACK | tcp.FLAG_FIN],
  ]);
});
