/** Paths without IPsec (`mode=none`): what goes in comes out, in the clear, cut by whom the configuration says. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { whyIdle } from "../config/idle.ts";
import { resolveConfig } from "../config/resolve.ts";
import { definitionOf, KEY_NAMES, type KeyName } from "../config/schema.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type PacketRecord, Packets } from "../ledger/packets.ts";
import { renderExplanation } from "../report/explanation.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { forwarded, interleaved } from "../stages/testing.ts";
import { fragmentsOf } from "../stages/testing_fragments.ts";
import { datagramsOf, overIpv6 } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { explain } from "./explain.ts";
import { bulk, captureOf, runOf, type SentFrame, tcpFrame, type TestRun } from "./testing.ts";
import { answer, segmentsOf, streamOf, streamOfFrames, TIMESTAMPS } from "./testing_streams.ts";

const PLAIN = "mode=none";
/** Payload of a full segment with timestamps: 1500 less 20 of IPv4 and 32 of TCP. */
const MSS = 1448;
/** Segments of the largest buffer of a socket: 64 KiB less the headers (MAX_TCP_HEADER of 6.1) hold as many. */
const SEGMENTS_MAX = Math.floor((65535 - 320) / MSS);
const PSH_ACK = tcp.FLAG_PSH | tcp.FLAG_ACK;

function column({ run }: TestRun, name: string): number | string | undefined {
  return SUMMARY_COLUMNS.find((other) => other.name === name)!.value({ number: 1, run });
}

function columns(testRun: TestRun, ...names: string[]): unknown[] {
  return names.map((name) => column(testRun, name));
}

async function play(frames: readonly Uint8Array[], preset: string, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, [PLAIN, ...sets]);
  assertEquals(testRun.run.failures, [], sets.join(" "));
  return testRun;
}

function visits({ events }: TestRun, stage: string): number {
  return events.of("visit").filter((row) => row.stage === stage).length;
}

/** Payload of what a run sent, frame by frame. */
function payloadBytes(testRun: TestRun): number[] {
  return segmentsOf(testRun).map(({ payload }) => payload.length);
}

/** How a stream of `total` bytes is cut that is written at once. */
function cut(total: number, mss: number): number[] {
  return Array.from({ length: Math.ceil(total / mss) }, (_, i) => Math.min(mss, total - i * mss));
}

const TOTAL = 200 * 1448 - 500;
/** One write of TOTAL bytes, PSH on the last packet only. */
const WRITE = cut(TOTAL, MSS).map((bytes, i, all) =>
  tcpFrame({
    payloadBytes: bytes,
    sequence: 1000 + i * MSS,
    pattern: i,
    options: TIMESTAMPS,
    flags: i === all.length - 1 ? PSH_ACK : tcp.FLAG_ACK,
  })
);
const NIC_CUTS = ["path=send", "write_bytes=1000000"];

for (const [preset, mtu] of [["linux-6.1", 1500], ["linux-4.4", 1500], ["baseline", 1500], ["nocopy", 9000]] as const) {
  Deno.test(`mode=none: a NIC with TSO cuts what sockets send into segments of the MTU ${mtu} (${preset})`, async () => {
    const testRun = await play(WRITE, preset, ...NIC_CUTS, `mtu=${mtu}`);
    const mss = mtu - 52;
    assertEquals(payloadBytes(testRun), cut(TOTAL, mss));
    assertEquals(columns(testRun, "segments", "copied_bytes", "checksum_bytes", "drops"), [0, 0, 0, 0]);
    const buffers = Math.ceil(TOTAL / mss / Math.floor((65535 - (preset === "linux-6.1" ? 320 : 304)) / mss));
    assertEquals([visits(testRun, "local-out"), visits(testRun, "driver-tx")], [buffers, buffers]);
    assertEquals(testRun.run.tally.sum({ event: "user-copy" }).bytes, TOTAL);
  });
}

Deno.test("mode=none: without TSO software cuts below the queue, by reference where the NIC gathers, else with a copy", async () => {
  const buffers = Math.ceil(TOTAL / MSS / SEGMENTS_MAX);
  for (
    const [sets, copied, summed] of [
      [["nic_tso=off"], 0, 0],
      // Nobody fills checksums in: segmentation sums, and a NIC without checksums has no TSO.
      [["nic_tx_csum=off"], 0, TOTAL],
      [["nic_sg=off"], TOTAL, 0],
      [["nic_sg=off", "nic_tx_csum=off"], TOTAL, TOTAL],
    ] as const
  ) {
    const testRun = await play(WRITE, "linux-6.1", ...NIC_CUTS, ...sets);
    assertEquals(payloadBytes(testRun), cut(TOTAL, MSS));
    assertEquals([visits(testRun, "qdisc"), visits(testRun, "gso")], [buffers, buffers]);
    assertEquals(columns(testRun, "segments", "copied_bytes", "checksum_bytes"), [200, copied, summed], sets.join(" "));
    assertEquals(visits(testRun, "driver-tx"), 200);
  }
});

Deno.test("mode=none: with socket_gso=off each segment is a buffer of its own, in 4.4 also where the NIC does not gather", async () => {
  for (const [preset, ...sets] of [["linux-6.1", "socket_gso=off"], ["linux-4.4", "nic_sg=off"]] as const) {
    const testRun = await play(WRITE, preset, ...NIC_CUTS, ...sets);
    assertEquals(payloadBytes(testRun), cut(TOTAL, MSS));
    assertEquals([visits(testRun, "local-out"), visits(testRun, "gso")], [200, 0]);
    assertEquals(columns(testRun, "segments", "copied_bytes"), [0, 0]);
  }
});

Deno.test("mode=none says in the summary that there was no cipher and no ESP", async () => {
  for (const path of ["forward", "send", "receive", "host-to-host"]) {
    const testRun = await play(bulk(40), "linux-6.1", `path=${path}`);
    assertEquals(columns(testRun, "path", "cipher", "mode"), [path, "none", "none"]);
    const counts = ["esp_packets", "crypto_ops", "crypto_bytes", "sg_entries", "crypto_steps", "linearized", "drops"];
    assertEquals(columns(testRun, ...counts), counts.map(() => 0));
    assertEquals(columns(testRun, "tail_in_place", "tail_fragments", "tail_fallbacks"), [0, 0, 0]);
    assertEquals([testRun.run.sa, testRun.run.reverseSa, testRun.run.engine], [undefined, undefined, undefined]);
  }
});

const ON_OFF = fc.constantFrom("on", "off");
const PRESETS = fc.constantFrom("linux-4.4", "linux-4.14", "linux-6.1", "linux-6.1-module", "nocopy", "baseline");
/** What decides about the way out of clear packets. */
const NIC = fc.record({ nic_sg: ON_OFF, nic_tso: ON_OFF, nic_tx_csum: ON_OFF, nic_fraglist: ON_OFF });
const SIZES = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.boolean()), { minLength: 1, maxLength: 40 });

function settings(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).map(([key, value]) => `${key}=${value}`);
}

/** A stream in packets of these sizes, from number `start` on. */
function stream(sizes: readonly (readonly [bytes: number, pushes: boolean])[], start: number): Uint8Array[] {
  let sequence = start;
  return sizes.map(([payloadBytes, pushes], i) => {
    const flags = pushes ? PSH_ACK : tcp.FLAG_ACK;
    const frame = tcpFrame({ payloadBytes, sequence, flags, pattern: i, options: TIMESTAMPS, id: i + 1 });
    sequence = (sequence + payloadBytes) >>> 0;
    return frame;
  });
}

Deno.test("mode=none: path send gives back the captured stream byte for byte, for any packets, writes, preset and NIC", async () => {
  const process = fc.record({
    write_bytes: fc.constantFrom("auto", "777", "5000", "100000"),
    sendfile: ON_OFF,
    nodelay: ON_OFF,
    socket_gso: fc.constantFrom("auto", "on", "off"),
    mtu: fc.constantFrom(600, 1500, 9000),
    qdisc: fc.constantFrom("pfifo", "fq_codel", "noqueue"),
  });
  await fc.assert(
    fc.asyncProperty(
      SIZES,
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.boolean(),
      PRESETS,
      NIC,
      process,
      async (sizes, start, isIpv6, preset, nic, process) => {
        const ipv4Frames = stream(sizes, start);
        const frames = isIpv6 ? ipv4Frames.map((frame) => overIpv6(frame)) : ipv4Frames;
        const total = sizes.reduce((sum, [bytes]) => sum + bytes, 0);
        const testRun = await play(frames, preset, "path=send", ...settings({ ...nic, ...process }));
        const segments = segmentsOf(testRun);
        assert(segments.every(({ checksumOk }) => checksumOk));
        assertEquals(segments.reduce((sum, { payload }) => sum + payload.length, 0), total);
        assertEquals(streamOf(segments, start, total), streamOfFrames(ipv4Frames, start, total));
        assert(testRun.sent.every(({ bytes }) => bytes.length <= process.mtu + ETH_HLEN));
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("mode=none: the process on B reads the whole stream, which went over the link once, and acknowledgments are clear", async () => {
  const receiver = fc.record({
    gro: ON_OFF,
    nic_rx_csum: ON_OFF,
    rx_layout: fc.constantFrom("page-frag", "build-skb", "kmalloc", "frags:3", "hdrsplit:2"),
    gro_flush_us: fc.constantFrom(0, 20),
    window_kib: fc.constantFrom(64, 1024),
    net_cpus: fc.constantFrom(1, 2),
    tap: fc.constantFrom("none", "packet-socket"),
  });
  await fc.assert(
    fc.asyncProperty(SIZES, fc.boolean(), PRESETS, NIC, receiver, async (sizes, isIpv6, preset, nic, receiver) => {
      const ipv4Frames = stream(sizes, 1000);
      const frames = isIpv6 ? ipv4Frames.map((frame) => overIpv6(frame)) : ipv4Frames;
      const total = sizes.reduce((sum, [bytes]) => sum + bytes, 0);
      const testRun = await play(frames, preset, "path=host-to-host", ...settings({ ...nic, ...receiver }));
      const { run, events } = testRun;
      assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, total);
      assertEquals(run.tally.sum({ event: "user-copy" }).bytes, 2 * total);
      assertEquals(columns(testRun, "drops", "retransmits"), [0, 0]);
      const there = segmentsOf(testRun).filter(({ sourcePort }) => sourcePort === 40000);
      const back = segmentsOf(testRun).filter(({ sourcePort }) => sourcePort !== 40000);
      assertEquals(streamOf(there, 1000, total), streamOfFrames(ipv4Frames, 1000, total));
      assertEquals(there.reduce((sum, { payload }) => sum + payload.length, 0), total);
      assertEquals(back.length, events.of("acknowledge").length);
      assert([...there, ...back].every(({ checksumOk }) => checksumOk));
    }),
    { numRuns: 40 },
  );
});

Deno.test("mode=none: GRO of the receiving host merges TCP at its NIC, which has verified it, and taps see it in the clear", async () => {
  const frames = bulk(128, { payloadBytes: MSS, options: TIMESTAMPS });
  const sets = ["path=host-to-host", "link_gbps=100"];
  const testRun = await play(frames, "linux-6.1", ...sets);
  const [merged, sums, esp, clear, buffers] = columns(
    testRun,
    "merged_packets",
    "checksum_bytes",
    "tap_esp",
    "tap_plain",
    "buffers",
  );
  assert(Number(merged) > 64);
  assertEquals([sums, esp], [0, 0]);
  assert(Number(clear) > 0 && Number(buffers) < 128);
  const cpu = await play(frames, "linux-6.1", ...sets, "nic_rx_csum=off");
  // Each segment with its header; acknowledgments have one only.
  const acknowledgments = cpu.events.of("acknowledge").length;
  assertEquals(column(cpu, "checksum_bytes"), 128 * (32 + MSS) + acknowledgments * 32);
  const off = await play(frames, "linux-6.1", ...sets, "gro=off");
  assertEquals(columns(off, "merged_packets", "checksum_bytes"), [0, 0]);
  assert(off.events.of("acknowledge").length > 0);
});

Deno.test("mode=none: a receive hash knows ports, so that flows of one pair of hosts come to several CPUs", async () => {
  const cpusOf = ({ events }: TestRun): number => new Set(events.of("deliver").map(({ cpu }) => cpu)).size;
  const flows = interleaved(8, 12, { payloadBytes: 1000 });
  assert(cpusOf(await play(flows, "linux-6.1", "path=host-to-host", "net_cpus=4")) > 1);
  const tunnel = await runOf(captureOf(flows), "linux-6.1", ["path=host-to-host", "net_cpus=4"]);
  assertEquals(cpusOf(tunnel), 1);
});

/** The IP packet of a frame as a router sends it on, of either version. */
function routed(frame: Uint8Array): string {
  if (frame[ETH_HLEN]! >> 4 === 4) return forwarded(frame).toHex();
  const packet = frame.slice(ETH_HLEN);
  packet[7]! -= 1;
  return packet.toHex();
}

const packetsOf = (sent: readonly SentFrame[]): string[] => sent.map(({ bytes }) => bytes.subarray(ETH_HLEN).toHex());

Deno.test("mode=none: a router hands on every packet of any capture as it came, whatever GRO merged and who cut it again", async () => {
  const frame = fc.record({
    flow: fc.nat(2),
    isUdp: fc.constantFrom(false, false, false, true),
    payloadBytes: fc.oneof({ weight: 4, arbitrary: fc.constant(1400) }, fc.nat(1400)),
    flags: fc.constantFrom(...Array<number>(6).fill(tcp.FLAG_ACK), PSH_ACK, tcp.FLAG_ACK | tcp.FLAG_FIN),
    step: fc.constantFrom(...Array<number>(8).fill(0), 300, -100),
  });
  const ingress = fc.record({
    gro: ON_OFF,
    gro_overflow: fc.constantFrom("frag-list", "stop"),
    rx_layout: fc.constantFrom("page-frag", "build-skb", "virtio", "kmalloc", "frags:3", "hdrsplit:2"),
    oversize: fc.constantFrom("grow", "mss", "drop"),
    net_cpus: fc.constantFrom(1, 3),
    qdisc_limit: fc.constantFrom(20, 1000),
    tx_ring: fc.constantFrom(32, 512),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { minLength: 1, maxLength: 60 }),
      fc.boolean(),
      PRESETS,
      NIC,
      ingress,
      async (fields, isIpv6, preset, nic, ingress) => {
        const next = [1000, 0xfffff000, 7].map((sequence) => ({ sequence, id: 1 }));
        const frames = fields.map(({ flow, isUdp, payloadBytes, flags, step }, i) => {
          const numbers = next[flow]!;
          const common = { sourcePort: 40000 + flow, id: numbers.id++, pattern: i, payloadBytes };
          if (isUdp) return datagramsOf(1, { 0: common })[0]!;
          const sequence = (numbers.sequence + step) >>> 0;
          numbers.sequence = (sequence + payloadBytes) >>> 0;
          return tcpFrame({ ...common, flags, sequence });
        }).map((each) => isIpv6 ? overIpv6(each) : each);
        const everyone = `local=${isIpv6 ? "::/0" : "0.0.0.0/0"}`;
        for (const path of [["path=forward"], ["path=receive", "then=forward", everyone]]) {
          const testRun = await play(frames, preset, ...path, ...settings({ ...nic, ...ingress }));
          assertEquals(packetsOf(testRun.sent).toSorted(), frames.map(routed).toSorted());
          assertEquals(column(testRun, "drops"), 0);
        }
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("mode=none: super-packets of the capture go on as segments of the MTU with right checksums, whoever cuts them", async () => {
  const frames = bulk(4, { payloadBytes: 30000, flags: PSH_ACK });
  for (const sets of [[], ["nic_tso=off"], ["nic_tso=off", "nic_sg=off"], ["nic_tx_csum=off"]]) {
    for (const path of [["path=forward"], ["path=receive", "then=forward"]]) {
      const testRun = await play(frames, "linux-6.1", ...path, ...sets);
      const segments = segmentsOf(testRun);
      assert(segments.every(({ checksumOk }) => checksumOk), sets.join(" "));
      assertEquals(streamOf(segments, 1000, 120000), streamOfFrames(frames, 1000, 120000));
      assert(testRun.sent.every(({ bytes }) => bytes.length <= 1514));
    }
  }
});

Deno.test("mode=none: path receive hands every packet of ours to its socket, and drops what is summed wrong", async () => {
  const ours = [...interleaved(3, 40, { payloadBytes: 1448 }), ...datagramsOf(5, {}, { payloadBytes: 700 })];
  const frames = [...ours, answer(1000), tcpFrame({ payloadBytes: 100, checksumError: 1, sourcePort: 50000 })];
  const total = 3 * 40 * 1448 + 5 * 700;
  for (const sets of [[], ["gro=off"], ["nic_rx_csum=off"], ["rx_layout=kmalloc", "net_cpus=2"], ["gro_flush_us=50"]]) {
    const testRun = await play(frames, "linux-6.1", "path=receive", ...sets);
    assertEquals(columns(testRun, "packets_in", "ignored", "drops"), [126, 1, 1]);
    assertEquals(testRun.events.of("drop").map(({ reason, packet }) => [reason, packet]), [["bad-checksum", 126]]);
    assertEquals(testRun.run.tally.sum({ event: "deliver" }).payloadBytes, total);
    assertEquals(testRun.run.tally.sum({ event: "user-copy" }).bytes, total);
    assertEquals(testRun.sent, []);
  }
});

Deno.test("mode=none: a router cuts what GRO merged in software only where the NIC does not, and drops nothing at its MTU", async () => {
  const frames = bulk(64, { payloadBytes: 1460 });
  // A frag_list is too much for a NIC.
  const nic = await play(frames, "linux-6.1", "gro_overflow=stop");
  assert(Number(column(nic, "merged_packets")) > 32);
  assertEquals(columns(nic, "segments", "drops", "checksum_bytes"), [0, 0, 0]);
  const software = await play(frames, "linux-6.1", "nic_tso=off", "gro_overflow=stop");
  assert(Number(column(software, "segments")) > 60);
  assertEquals(columns(software, "drops", "copied_bytes"), columns(nic, "drops", "copied_bytes"));
});

Deno.test("mode=none: datagrams leave their checksum to a NIC that sums, and large ones go out in fragments as they were laid out", async () => {
  const small = datagramsOf(20, {}, { payloadBytes: 900 });
  for (const frames of [small, small.map((frame) => overIpv6(frame))]) {
    assertEquals(column(await play(frames, "linux-6.1", "path=send"), "checksum_bytes"), 0);
    const cpu = await play(frames, "linux-6.1", "path=send", "nic_tx_csum=off");
    // While it is copied: payload; the header is summed with the pseudo-header.
    assertEquals(column(cpu, "checksum_bytes"), 20 * 900);
  }
  const captured = datagramsOf(3, {}, { payloadBytes: 4000, fragmentWord: 0 });
  const large = await play(captured.flatMap((frame) => fragmentsOf(frame, [1480, 2960])), "linux-6.1", "path=send");
  assertEquals(columns(large, "copied_bytes", "drops"), [0, 0]);
  const fragments = large.sent.filter(({ bytes }) => ipv4.isFragment(bytes, ETH_HLEN));
  assertEquals([large.sent.length, fragments.length], [9, 9]);
});

Deno.test("mode=none: what another host retransmitted is sent again, and lost segments are", async () => {
  const frames = bulk(20, { payloadBytes: 1400 });
  const again = tcpFrame({ payloadBytes: 700, sequence: 1000 + 3 * 1400 + 350, pattern: 3 + 350 * 7 });
  const handshake = [
    tcpFrame({ payloadBytes: 0, flags: tcp.FLAG_SYN, sequence: 999 }),
    answer(1000, { flags: tcp.FLAG_SYN | tcp.FLAG_ACK }),
  ];
  for (const preset of ["linux-4.4", "linux-6.1"]) {
    const testRun = await play([...handshake, ...frames, again], preset, "path=send");
    const segments = segmentsOf(testRun);
    assertEquals(streamOf(segments, 1000, 28000), streamOfFrames(frames, 1000, 28000));
    assertEquals(segments.reduce((sum, { payload }) => sum + payload.length, 0), 28700);
    // CoDel drops from a queue that stands: TCP sends what is missing again.
    const slow = ["qdisc=fq_codel", "link_gbps=0.01", "window_kib=512"];
    const lossy = await play(bulk(900, { payloadBytes: 1448 }), preset, "path=host-to-host", ...slow);
    assertEquals(lossy.run.tally.sum({ event: "deliver" }).payloadBytes, 900 * 1448);
    assertEquals(column(lossy, "drops"), 0);
  }
});

Deno.test("mode=none attributes every row to packets: the sums of packets.csv are those of summary.csv", async () => {
  for (const path of ["forward", "send", "receive", "host-to-host"]) {
    for (const sets of [[], ["nic_tso=off"], ["nic_sg=off", "nic_tx_csum=off", "nic_rx_csum=off"]]) {
      const records: PacketRecord[] = [];
      const packets = new Packets((record) => void records.push(record));
      const input = captureOf([...interleaved(3, 60, { payloadBytes: 1448 }), ...datagramsOf(9)]);
      const testRun = await runOf(input, "linux-6.1", [PLAIN, `path=${path}`, ...sets], { foldsBeside: [packets] });
      packets.finish();
      assertEquals(testRun.run.failures, []);
      const sum = (value: (record: PacketRecord) => number): number => {
        return records.reduce((total, record) => total + value(record), 0);
      };
      assertEquals(
        [
          sum(({ copiedBytes }) => copiedBytes),
          sum(({ segments }) => segments),
          sum(({ checksumBytes }) => checksumBytes),
        ],
        columns(testRun, "copied_bytes", "segments", "checksum_bytes"),
      );
      assertEquals(sum(({ costPs }) => costPs), testRun.run.tally.costPs);
    }
  }
});

Deno.test("mode=none: frames that a NIC has cut a buffer into are told once, with their number", async () => {
  const resolved = resolveConfig({ preset: "linux-6.1", sets: [PLAIN, "path=host-to-host"] });
  const input = captureOf(bulk(30, { payloadBytes: MSS, options: TIMESTAMPS }));
  const text = renderExplanation(await explain({ input, resolved, profile: PROFILES.get("published")! }, 1));
  assertEquals(text.match(/the last bit of the last is on the wire|The last bit is on the wire/g)?.length, 1);
  assert(/The NIC has cut it into 30 frames/.test(text), text);
});

Deno.test("mode=none: the life of a packet is told without a word of tunnels, ESP or xfrm", async () => {
  const frames = [...bulk(30, { payloadBytes: MSS, options: TIMESTAMPS }), ...datagramsOf(2)];
  for (
    const sets of [
      ["path=forward"],
      ["path=send"],
      ["path=send", "nic_tso=off"],
      ["path=receive"],
      ["path=receive", "then=forward"],
      ["path=host-to-host"],
      ["nic_sg=off"],
    ]
  ) {
    for (const number of [1, 17, 30, 31]) {
      const resolved = resolveConfig({ preset: "linux-6.1", sets: [PLAIN, ...sets] });
      const request = { input: captureOf(frames), resolved, profile: PROFILES.get("published")!, poison: true };
      const text = renderExplanation(await explain(request, number));
      assert(!/\bESP\b|esp_|esp4|xfrm|tunnel|crypt|in the clear/.test(text), `${sets} packet ${number}\n${text}`);
    }
  }
});

/** Another legal value of a key, as a setting; undefined where there is none that goes with mode=none. */
function another(key: KeyName): string | undefined {
  const definition = definitionOf(key);
  if (["offload", "crypto", "async", "encap", "busy"].includes(key)) return undefined;
  if (definition.kind === "choice") {
    const value = definition.values.find((each) =>
      each !== resolveConfig({ preset: "linux-6.1", sets: [] }).config[key]
    );
    return key === "engine" ? "engine=skip" : value === undefined ? undefined : `${key}=${value}`;
  }
  if (definition.kind === "text") return key === "cryptd_qlen" ? `${key}=7` : undefined;
  return `${key}=${definition.minimum + 1}`;
}

Deno.test("mode=none: a key that is idle changes nothing, not a row and not a byte", async () => {
  const frames = [...interleaved(2, 20, { payloadBytes: 1400 }), ...datagramsOf(3)];
  for (const path of ["forward", "send", "receive", "host-to-host"] as const) {
    const outcome = async (...sets: string[]): Promise<unknown> => {
      const { events, sent } = await play(frames, "linux-6.1", `path=${path}`, ...sets);
      return [events.rows, packetsOf(sent), sent.map(({ tNs }) => tNs)];
    };
    const before = await outcome();
    const { config } = resolveConfig({ preset: "linux-6.1", sets: [PLAIN, `path=${path}`] });
    const idle = KEY_NAMES.filter((key) => whyIdle(key, config, path) === "it is idle with mode=none");
    assert(idle.length >= 11);
    for (const key of idle) {
      const set = another(key);
      if (set !== undefined) assertEquals(await outcome(set), before, set);
    }
  }
});

const CASES = Number(Deno.env.get("TAILBITS_PLAIN_CASES") ?? 24);

Deno.test(`mode=none: the laws hold under ${CASES} random cases of full queues, busy drivers and short rings`, async () => {
  const cases = fc.record({
    path: fc.constantFrom("forward", "send", "receive", "host-to-host"),
    then: fc.constantFrom("socket", "forward"),
    era: fc.constantFrom("4.4", "6.1"),
    net_cpus: fc.integer({ min: 1, max: 3 }),
    link_gbps: fc.constantFrom(0.1, 1, 10, 100),
    tx_ring: fc.constantFrom(4, 16, 64),
    tx_fault: fc.constantFrom("none", "busy:3", "stopped:0.4"),
    tx_stop: fc.constantFrom("full", "early"),
    bql: ON_OFF,
    qdisc: fc.constantFrom("pfifo", "pfifo_fast", "noqueue", "fq_codel"),
    qdisc_limit: fc.constantFrom(2, 8, 40, 1000),
    rx_ring: fc.constantFrom(4, 32, 128),
    pace: fc.constantFrom("max", "line", "rate:3"),
    gro: ON_OFF,
    udp_gro: fc.constantFrom("off", "forward", "frag-list"),
    socket_gso: fc.constantFrom("auto", "on", "off"),
    mtu: fc.constantFrom(576, 1500, 9000),
    build_frags: fc.constantFrom(1, 4, 17),
  });
  await fc.assert(
    fc.asyncProperty(cases, NIC, fc.nat(7), fc.integer({ min: 1, max: 40 }), async (keys, nic, flows, packets) => {
      const frames = [...interleaved(flows + 1, packets), ...datagramsOf(packets)];
      await play(frames, "nocopy", ...settings({ ...keys, ...nic }));
    }),
    { seed: 20180209, numRuns: CASES },
  );
});
