import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../config/errors.ts";
import { whyIdle } from "../config/idle.ts";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { Packets } from "../ledger/packets.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { get32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { TEST_REVERSE_SPI, TEST_SPI } from "../esp/sa.ts";
import { saTable } from "../esp/sa_table.ts";
import { renderExplanation } from "../report/explanation.ts";
import { explain } from "./explain.ts";
import { reverseAssociation, testAssociation } from "./associations.ts";
import { replay, type Run } from "./run.ts";
import { bulk, captureOf, inputOf, type Recorder, runOf, tcpFrame, type TestRun } from "./testing.ts";
import { answer } from "./testing_streams.ts";

const PATH = "path=host-to-host";
/** Payload of a full segment: 1466 bytes of IP packet fit into ESP in transport mode with AES-GCM, 40 are headers. */
const MSS = 1426;
const SYN = 0x02;
const FIN_ACK = 0x11;
const PSH_ACK = 0x18;

function failuresOf({ run }: TestRun): string[] {
  return [...run.failures];
}

function column(run: Run, name: string): number | string | undefined {
  return SUMMARY_COLUMNS.find((other) => other.name === name)!.value({ number: 1, run });
}

/** A run that nobody looks into: long ones are fast so. */
function quickRun(frames: readonly Uint8Array[], preset: string, sets: readonly string[]): Promise<Run> {
  const resolved = resolveConfig({ preset, sets: [PATH, ...sets] });
  return replay({ input: captureOf(frames), resolved, profile: PROFILES.get("published")! });
}

/** What the receiving process got, by its number in the stream; segments of 1426 bytes. */
function deliveredPackets(events: Recorder): number[] {
  return events.of("deliver").map(({ packet }) => packet);
}

for (const preset of Object.keys(PRESETS)) {
  for (const mode of ["transport", "tunnel"]) {
    Deno.test(`path host-to-host delivers every packet under ${preset} in ${mode} mode, and keeps the laws`, async () => {
      const frames = [
        tcpFrame({ payloadBytes: 0, flags: SYN, sequence: 999 }),
        ...bulk(40, { payloadBytes: MSS }),
        answer(30000),
        tcpFrame({ payloadBytes: 0, flags: FIN_ACK, sequence: 1000 + 40 * MSS }),
      ];
      const testRun = await runOf(captureOf(frames), preset, [PATH, `mode=${mode}`]);
      assertEquals(failuresOf(testRun), []);
      assertEquals(testRun.run.tally.sum({ event: "drop" }).rows, 0);
      assertEquals(deliveredPackets(testRun.events), [...Array.from({ length: 41 }, (_, i) => i), 42]);
      assertEquals(column(testRun.run, "drops"), 0);
    });
  }
}

Deno.test("path host-to-host: the process on B reads the whole stream, in order, and nothing twice", async () => {
  const { run, events } = await runOf(captureOf(bulk(64, { payloadBytes: MSS })), "nocopy-gro-gso", [PATH]);
  const read = events.of("user-copy").filter(({ reason }) => reason === "user-read");
  assertEquals(read.reduce((sum, { bytes }) => sum + bytes, 0), 64 * MSS);
  assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, 64 * MSS);
  assertEquals(deliveredPackets(events), Array.from({ length: 64 }, (_, i) => i));
});

Deno.test("path host-to-host: rows of B name CPUs behind those of A, and both are priced", async () => {
  const { run, events } = await runOf(captureOf(bulk(40)), "nocopy", [PATH, "net_cpus=2"]);
  // Each networking CPU of B has another one beside it, on which the process reads.
  assertEquals([run.busyNs.length, run.peerCpus], [6, 4]);
  const cpusOf = (stage: string): number[] => {
    return [...new Set(events.of("visit").filter((row) => row.stage === stage).map(({ cpu }) => cpu))].sort();
  };
  assertEquals(cpusOf("socket"), [0]);
  assertEquals(events.of("open").some(({ cpu }) => cpu >= 2), true);
  assertEquals(new Set(events.of("acknowledge").map(({ cpu }) => cpu >= 2)), new Set([true]));
  const [tx, rx, busiest] = ["tx_cpu_percent", "rx_cpu_percent", "cpu_percent"].map((name) => column(run, name));
  assertEquals(busiest, Math.max(Number(tx), Number(rx)));
  assertAlmostEquals(Number(tx), 100 * Math.max(...run.busyNs.slice(0, 2)) / run.elapsedNs, 1e-9);
});

Deno.test("path host-to-host acknowledges every second segment without GRO, and each aggregate with it", async () => {
  const frames = bulk(64, { payloadBytes: MSS });
  const sets = [PATH, "reader_cpu=same"];
  const off = await runOf(captureOf(frames), "linux-6.1-module", [...sets, "gro=off"]);
  assertEquals(off.events.of("acknowledge").map(({ reason }) => reason), new Array(32).fill("full-segments"));
  const on = await runOf(captureOf(frames), "linux-6.1-module", sets);
  const aggregates = on.events.of("user-copy").filter(({ reason }) => reason === "user-read");
  assertEquals(on.events.of("acknowledge").length, aggregates.length);
  assertEquals(aggregates.length < 16, true);
});

Deno.test("path host-to-host acknowledges a short segment and FIN at once, and a lone full one at the end of the capture", async () => {
  const sets = [PATH, "link_delay_us=0"];
  // The capture ends behind it: nobody waits for the timer then.
  const { events, run } = await runOf(captureOf([tcpFrame({ payloadBytes: MSS })]), "nocopy", sets);
  assertEquals(events.of("acknowledge").map(({ reason }) => reason), ["end-of-capture"]);
  assertEquals(run.elapsedNs < 1e6, true);
  const short = await runOf(captureOf([tcpFrame({ payloadBytes: 100, flags: PSH_ACK })]), "nocopy", sets);
  assertEquals(short.events.of("acknowledge").map(({ reason }) => reason), ["all-read"]);
  const fin = await runOf(captureOf([tcpFrame({ payloadBytes: MSS, flags: FIN_ACK })]), "nocopy", sets);
  assertEquals(fin.events.of("acknowledge").map(({ reason }) => reason), ["syn-or-fin"]);
});

Deno.test("path host-to-host: an acknowledgment is a TCP packet of 52 bytes or so under an SA of its own", async () => {
  const { sent } = await runOf(captureOf(bulk(8, { payloadBytes: MSS })), "nocopy", [PATH]);
  const spis = sent.map(({ bytes }) => get32(bytes, ETH_HLEN + ipv4.HEADER_BYTES));
  assertEquals(new Set(spis), new Set([TEST_SPI, TEST_REVERSE_SPI]));
  const back = sent.filter((_, i) => spis[i] === TEST_REVERSE_SPI);
  // IP 20, ESP and IV 16, TCP 20, padding and trailer 4, ICV 16.
  assertEquals(new Set(back.map(({ bytes }) => bytes.length - ETH_HLEN)), new Set([76]));
  assertEquals(ipv4.source(back[0]!.bytes, ETH_HLEN), ipv4.destination(sent[0]!.bytes, ETH_HLEN));
});

Deno.test("path host-to-host shows the frames of both NICs in the order of time", async () => {
  const { sent } = await runOf(captureOf(bulk(200)), "nocopy-gro-gso", [PATH, "link_delay_us=3"]);
  const times = sent.map(({ tNs }) => tNs);
  assertEquals(times, times.toSorted((a, b) => a - b));
});

/** Payload over an unlimited time: what the window lets through in one round trip. */
for (const [preset, windowKib, delayUs] of [["nocopy", 64, 10_000], ["linux-6.1-module", 256, 20_000]] as const) {
  Deno.test(`path host-to-host lets a window of ${windowKib} KiB through in each round trip under ${preset}`, async () => {
    const frames = bulk(1500, { payloadBytes: MSS });
    const run = await quickRun(frames, preset, [
      `window_kib=${windowKib}`,
      `link_delay_us=${delayUs}`,
      "link_gbps=100",
    ]);
    // Whole segments fit into the window, and the last round is not full; the hosts and the wire add less than 1 %.
    const perRound = Math.floor(windowKib * 1024 / MSS) * MSS;
    const rounds = Math.ceil(1500 * MSS / perRound);
    const expected = 1500 * MSS * 8 / ((rounds - 0.5) * 2 * delayUs * 1000);
    assertAlmostEquals(Number(column(run, "goodput_gbps")), expected, 0.02 * expected);
    assertEquals(column(run, "bottleneck"), "window");
  });
}

Deno.test("path host-to-host is limited by the link where that is slower than both hosts", async () => {
  const run = await quickRun(bulk(2000, { payloadBytes: MSS }), "nocopy", ["link_gbps=0.5"]);
  // A frame of 14 + 20 + 16 + 20 + 1426 + 2 + 16 bytes, and 24 more on the wire.
  const expected = 0.5 * MSS / (14 + 20 + 16 + 20 + MSS + 2 + 16 + 24);
  assertAlmostEquals(Number(column(run, "goodput_gbps")), expected, 0.005 * expected);
  assertEquals(column(run, "bottleneck"), "link");
});

Deno.test("path host-to-host is limited by the slower of both hosts: it is busy all the time", async () => {
  const frames = bulk(2000, { payloadBytes: MSS });
  const busyReceiver = ["gro=off", "rx_cow=always", "link_gbps=100", "reader_cpu=same"];
  const receiver = await quickRun(frames, "linux-6.1-module", busyReceiver);
  assertEquals(column(receiver, "bottleneck"), "rx-cpu");
  assertEquals(Number(column(receiver, "rx_cpu_percent")) > 98, true);
  assertEquals(Number(column(receiver, "tx_cpu_percent")) < 90, true);
  const sender = await quickRun(frames, "linux-6.1", ["link_gbps=100", "esp_gro=on", "rx_layout=build-skb"]);
  assertEquals(column(sender, "bottleneck"), "tx-cpu");
  assertEquals(Number(column(sender, "tx_cpu_percent")) > 98, true);
});

Deno.test("path host-to-host: no more than the window is on its way, whatever its size", async () => {
  for (
    const [kib, sets] of [[1, []], [3, ["gso=l2", "gro=on"]], [17, ["nodelay=on"]], [64, ["socket_gso=off"]]] as const
  ) {
    const { events } = await runOf(captureOf(bulk(200)), "nocopy", [
      PATH,
      "link_delay_us=500",
      `window_kib=${kib}`,
      ...sets,
    ]);
    let sent = 0;
    let acknowledged = 0;
    let most = 0;
    for (const { event, reason, stage, bytes } of events.rows) {
      if (event === "clone" && stage === "local-out" && reason === "skb-clone") sent += bytes;
      if (event === "free" && reason === "acknowledged") acknowledged += bytes;
      most = Math.max(most, sent - acknowledged);
    }
    assertEquals(most <= kib * 1024, true, `${most} bytes on their way, window ${kib} KiB`);
    assertEquals(most > kib * 512, true, `${most} bytes on their way, window ${kib} KiB`);
  }
});

Deno.test("path host-to-host: segments are as long as the MTU lets them, whatever captured SYNs say of other hosts", async () => {
  const announced = Uint8Array.of(2, 4, 5, 180);
  const frames = [
    tcpFrame({ payloadBytes: 0, flags: SYN, sequence: 999, options: announced }),
    answer(1000, { flags: SYN | 0x10, options: announced }),
    ...bulk(60, { payloadBytes: 1460 }),
  ];
  const { sent } = await runOf(captureOf(frames), "nocopy", [PATH, "mtu=9000"]);
  assertEquals(Math.max(...sent.map(({ bytes }) => bytes.length)) > 8980, true);
});

Deno.test("path host-to-host sends again what is lost, by duplicate acknowledgments and by the timer", async () => {
  // The receiver's crypto queue takes 10 requests: more are dropped, with nobody told.
  const sets = [PATH, "crypto=cryptd", "async=callback", "cryptd_qlen=10", "window_kib=256"];
  const testRun = await runOf(captureOf(bulk(300, { payloadBytes: MSS })), "linux-6.1-module", sets);
  assertEquals(failuresOf(testRun), []);
  const reasons = new Set(testRun.events.of("retransmit").map(({ reason }) => reason));
  assertEquals(reasons.has("retransmit-timeout") || reasons.has("fast-retransmit"), true);
  assertEquals(testRun.run.tally.sum({ event: "drop" }).rows > 0, true);
  assertEquals(testRun.run.tally.sum({ event: "drop" }).count, 0);
  assertEquals(testRun.events.of("deliver").length, 300);
  assertEquals(column(testRun.run, "retransmits"), testRun.events.of("retransmit").length);
});

Deno.test("path host-to-host leaves bytes out that the capture lacks, and does not wait for them", async () => {
  const frames = bulk(30).filter((_, i) => i !== 7 && i !== 20);
  const testRun = await runOf(captureOf(frames), "nocopy-gro-gso", [PATH]);
  assertEquals(failuresOf(testRun), []);
  assertEquals(testRun.events.of("deliver").length, 28);
  assertEquals(testRun.events.of("retransmit").length, 0);
});

Deno.test("path host-to-host does not send again what the captured host sent again, and counts it", async () => {
  const frames = bulk(6);
  const testRun = await runOf(captureOf([...frames.slice(0, 4), frames[1]!, ...frames.slice(4)]), "nocopy", [PATH]);
  assertEquals(failuresOf(testRun), []);
  const [drop] = testRun.events.of("drop");
  assertEquals([drop!.packet, drop!.reason, drop!.bytes, drop!.count], [4, "captured-again", 1460, 1]);
  assertEquals(testRun.run.tally.sum({ event: "deliver" }).payloadBytes, 6 * 1460);
});

Deno.test("path host-to-host begins a connection anew when everything of the one before is acknowledged", async () => {
  const connection = (sequence: number): Uint8Array[] => [
    tcpFrame({ payloadBytes: 0, flags: SYN, sequence: sequence - 1 }),
    ...bulk(5, { sequence }),
  ];
  const testRun = await runOf(captureOf([...connection(1000), ...connection(4_000_000_000)]), "nocopy", [PATH]);
  assertEquals(failuresOf(testRun), []);
  assertEquals(deliveredPackets(testRun.events), Array.from({ length: 12 }, (_, i) => i));
});

Deno.test("path host-to-host: numbers of a stream may wrap around", async () => {
  const frames = bulk(20, { sequence: 0xffffffff - 9000 });
  const testRun = await runOf(captureOf(frames), "linux-6.1-module", [PATH]);
  assertEquals(failuresOf(testRun), []);
  assertEquals(testRun.events.of("deliver").length, 20);
});

Deno.test("path host-to-host: repeat plays the capture again with numbers that go on", async () => {
  const testRun = await runOf(captureOf(bulk(20)), "nocopy-gro-gso", [PATH, "repeat=3"]);
  assertEquals(failuresOf(testRun), []);
  assertEquals(testRun.run.tally.sum({ event: "deliver" }).payloadBytes, 3 * 20 * 1460);
});

Deno.test("path host-to-host: columns of packets.csv sum to those of summary.csv, costs included", async () => {
  for (const preset of ["baseline", "nocopy-gro-gso", "linux-6.1"]) {
    let costPs = 0;
    let copied = 0;
    const packets = new Packets((record) => {
      costPs += record.costPs;
      copied += record.copiedBytes;
    });
    const { run } = await runOf(captureOf(bulk(100)), preset, [PATH], { foldsBeside: [packets] });
    packets.finish();
    assertEquals([costPs, copied], [run.tally.costPs, run.tally.sum({ event: "copy" }).bytes]);
  }
});

Deno.test("path host-to-host: what acknowledgments cost before it is known what they answer is in packets.csv too", async () => {
  const exchange = Deno.readFileSync(new URL("../../fixtures/exchange-tcp-ipv4.pcap", import.meta.url));
  for (const preset of ["nocopy-gro", "encap-then-crypto", "softirq-queue"]) {
    const sums = { copies: 0, copiedBytes: 0, checksumBytes: 0, cryptoBytes: 0, costPs: 0 };
    const packets = new Packets((record) => {
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += record[name];
    });
    const { run } = await runOf(inputOf(exchange), preset, [PATH], { foldsBeside: [packets] });
    packets.finish();
    assertEquals(sums, {
      copies: Number(column(run, "copies")),
      copiedBytes: Number(column(run, "copied_bytes")),
      checksumBytes: Number(column(run, "checksum_bytes")),
      cryptoBytes: Number(column(run, "crypto_bytes")),
      costPs: run.tally.costPs,
    });
  }
});

Deno.test("path host-to-host: a segment may always go after a timeout, though the one that was lost was shorter", async () => {
  const offloads = Deno.readFileSync(new URL("../../fixtures/offloads-tcp-ipv4.pcap", import.meta.url));
  const sets = [PATH, "write_bytes=1448", "rx_usecs=1000000"];
  const testRun = await runOf(inputOf(offloads), "nocopy-gro-gso", sets);
  assertEquals(failuresOf(testRun), []);
});

Deno.test("path host-to-host: UDP over IPv6 has its checksum, whether or not somebody looks at the bytes", async () => {
  const rowsOf = async (check: boolean): Promise<unknown> => {
    const sets = [PATH, "encap=udp", "mode=tunnel", "ip=6", "nic_rx_csum=off"];
    const resolved = resolveConfig({ preset: "linux-6.1", sets });
    const run = await replay({ input: captureOf(bulk(20)), resolved, profile: PROFILES.get("published")!, check });
    return [column(run, "checksum_bytes"), column(run, "cycles_per_packet")];
  };
  assertEquals(await rowsOf(false), await rowsOf(true));
});

Deno.test("path host-to-host does not depend on where windows of the reader end, and is the same each time", async () => {
  const frames = bulk(120).flatMap((frame, i) => i % 10 === 0 ? [frame, answer(1000 + i)] : [frame]);
  const rowsOf = async (windowBytes?: number): Promise<unknown> => {
    const options = windowBytes === undefined ? {} : { windowBytes };
    const { events, sent } = await runOf(captureOf(frames), "nocopy-gro-gso", [PATH], options);
    return { rows: events.rows, sent };
  };
  const whole = await rowsOf();
  assertEquals(await rowsOf(), whole);
  assertEquals(await rowsOf(4096), whole);
});

Deno.test("path host-to-host: captured UDP goes along, and nobody acknowledges it", async () => {
  const file = Deno.readFileSync(new URL("../../fixtures/imix-udp-ipv4.pcap", import.meta.url));
  const testRun = await runOf(inputOf(file), "linux-6.1-module", [PATH]);
  assertEquals(failuresOf(testRun), []);
  assertEquals(testRun.events.of("acknowledge").length, 0);
  assertEquals(column(testRun.run, "drops"), 0);
  assertEquals(testRun.run.tally.sum({ event: "deliver" }).count, column(testRun.run, "packets_in"));
});

Deno.test("path host-to-host: explain tells of both hosts, of both SAs and of the acknowledgment", async () => {
  const resolved = resolveConfig({ preset: "linux-6.1", sets: [PATH] });
  const request = { input: captureOf(bulk(8, { payloadBytes: MSS })), resolved, profile: PROFILES.get("published")! };
  const life = await explain(request, 2);
  assertEquals(life.record.outcome, "delivered");
  const text = renderExplanation(life);
  for (
    const part of [
      "host A",
      "host B",
      "The SA of SPI 0x1001 is found",
      "The SA of SPI 0x1002 is found",
      "it reaches the other host 10 us",
      "The receiver acknowledges what it has: the process has read, and softirq left the acknowledgment",
      "The acknowledgment is on the wire back",
      "the other side has acknowledged it (tcp_clean_rtx_queue)",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("path host-to-host: the table for Wireshark has the SAs of both directions, with keys of their own", () => {
  const { config } = resolveConfig({ preset: "nocopy", sets: [PATH, "mode=tunnel"] });
  const [there, back] = [testAssociation(config)!, reverseAssociation(config)!];
  assertEquals([there.spi, back.spi], [TEST_SPI, TEST_REVERSE_SPI]);
  assertEquals([there.source, there.destination], [back.destination, back.source]);
  assertEquals(there.key.some((byte, i) => byte === back.key[i]), false);
  assertEquals(saTable([there, back]).match(/0x0000100[12]/g), ["0x00001001", "0x00001002"]);
  assertEquals(reverseAssociation(resolveConfig({ preset: "nocopy", sets: ["path=send"] }).config), undefined);
});

Deno.test("path host-to-host: transport mode unless set, and its own keys act nowhere else", () => {
  assertEquals(resolveConfig({ preset: "nocopy", sets: [PATH] }).config.mode, "transport");
  assertEquals(resolveConfig({ preset: "nocopy", sets: [PATH, "mode=tunnel"] }).config.mode, "tunnel");
  const { config } = resolveConfig({ preset: "nocopy", sets: [PATH] });
  for (const key of ["link_delay_us", "window_kib"] as const) {
    assertEquals(whyIdle(key, config, "host-to-host"), undefined);
    assertEquals(whyIdle(key, config, "send"), "it acts on path host-to-host, not on send");
  }
  for (const key of ["pace", "then", "tunnel", "oversize"] as const) {
    assertEquals(whyIdle(key, config, "host-to-host")?.startsWith("it acts on path"), true, key);
  }
  assertThrows(
    () => resolveConfig({ preset: "nocopy", sets: [PATH, "socket_gso=on", "gso=off"] }),
    ConfigError,
    "must be cut before ESP",
  );
});
