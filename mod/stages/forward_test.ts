/** What a gateway does with what arrives: forwards, trims, drops with a reason, lets pass by (ip_rcv, ip_forward). */

import { assertEquals, assertRejects } from "@std/assert";
import { buildPcap } from "../capture/testing.ts";
import { ENGINES } from "../crypto/engines.ts";
import { type CaptureInput, UnplayableError } from "../replay/run.ts";
import {
  captureOf,
  DESTINATION,
  inputOf,
  type Recorder,
  runOf,
  SOURCE,
  type TcpFrame,
  tcpFrame,
  type TestRun,
} from "../replay/testing.ts";
import { get16, set16 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { openTunnelPacket } from "../esp/tunnel_packet.ts";
import { deliveries, flowOf, forwarded, innerPackets } from "./testing.ts";

/** Presets without and with GRO. */
const PRESETS = ["baseline", "nocopy", "nocopy-gro"];
/** Longest packet that a GCM tunnel takes over a link of 1500 bytes (linux-datapath 3.2). */
const INNER_MTU = 1446;

async function forward(input: CaptureInput, preset: string, sets: readonly string[] = []): Promise<TestRun> {
  const testRun = await runOf(input, preset, sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** "3 ttl" for each drop. */
function drops(events: Recorder): string[] {
  return events.of("drop").map(({ packet, reason }) => `${packet} ${reason}`);
}

/** A copy of a good frame, changed and with its header checksum written anew. */
function damaged(damage: (frame: Uint8Array) => void, fields: TcpFrame = {}): Uint8Array {
  const frame = tcpFrame(fields);
  damage(frame);
  ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  return frame;
}

/** A frame of 60 bytes of another protocol than IP. */
function frameOf(etherType: number): Uint8Array {
  const frame = new Uint8Array(60).fill(0x11);
  set16(frame, 12, etherType);
  return frame;
}

for (const preset of PRESETS) {
  Deno.test(`forward takes padding off before it encapsulates (${preset})`, async () => {
    const frames = [
      tcpFrame({ payloadBytes: 0, padding: 6 }),
      tcpFrame({ payloadBytes: 2, padding: 4, sequence: 2000 }),
      tcpFrame({ payloadBytes: 800, padding: 9, sequence: 3000 }),
      tcpFrame({ payloadBytes: 1456, padding: 8, sequence: 4000 }),
    ];
    for (const era of ["4.4", "6.1"]) {
      const testRun = await forward(captureOf(frames), preset, [`era=${era}`]);
      assertEquals(innerPackets(testRun), frames.map(forwarded));
    }
  });

  Deno.test(`forward drops what has a time to live of 1 or 0, and says so (${preset})`, async () => {
    const frames = flowOf(4, { 1: { ttl: 1 }, 2: { ttl: 0 }, 3: { ttl: 2 } });
    const testRun = await forward(captureOf(frames), preset);
    assertEquals(drops(testRun.events), ["1 ttl", "2 ttl"]);
    assertEquals(innerPackets(testRun), [frames[0]!, frames[3]!].map(forwarded));
    assertEquals(testRun.run.tally.sum({ event: "drop" }).payloadBytes, 2 * 1460);
  });

  Deno.test(`forward decreases the time to live in the inner packet, with a right header checksum (${preset})`, async () => {
    // Ids that bring the checksum to all its corners: a carry, 0xffff, 0x0000.
    const frames = Array.from(
      { length: 300 },
      (_, i) => tcpFrame({ payloadBytes: 0, id: i * 218, ttl: 2 + i % 254, acknowledgment: i }),
    );
    const testRun = await forward(captureOf(frames), preset, ["engine=skip"]);
    const inner = innerPackets(testRun);
    assertEquals(inner.length, 300);
    for (const [i, packet] of inner.entries()) {
      assertEquals(ipv4.headerChecksumOk(packet, 0), true);
      assertEquals(ipv4.ttl(packet, 0), 1 + i % 254);
    }
  });

  Deno.test(`forward drops malformed headers (${preset})`, async () => {
    const frames = [
      tcpFrame(),
      damaged((frame) => set16(frame, 16, 1501)),
      damaged((frame) => frame[14] = 0x44, { payloadBytes: 60 }),
      damaged((frame) => frame[14] = 0x65),
      damaged((frame) => set16(frame, 16, 19)),
      damaged((frame) => set16(frame, 16, 0)),
      damaged((frame) => frame[14] = 0x4f, { payloadBytes: 6 }),
      tcpFrame().subarray(0, 33),
      tcpFrame().subarray(0, 14),
    ];
    const badSum = tcpFrame();
    badSum[24]! ^= 0xff;
    frames.push(badSum, tcpFrame({ sequence: 2460, id: 2 }));
    const testRun = await forward(captureOf(frames), preset);
    const malformed = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((packet) => `${packet} malformed`);
    assertEquals(drops(testRun.events).toSorted(), malformed);
    assertEquals(innerPackets(testRun), [frames[0]!, frames.at(-1)!].map(forwarded));
  });

  Deno.test(`forward lets other protocols than IPv4 pass by, counted apart (${preset})`, async () => {
    const frames = [frameOf(0x0806), tcpFrame(), frameOf(0x88cc), frameOf(0x86dd), frameOf(0x8100), new Uint8Array(10)];
    const { run, events, sent } = await forward(captureOf(frames), preset);
    assertEquals(sent.length, 1);
    assertEquals(drops(events), []);
    assertEquals(run.tally.sum({ event: "deliver" }).count, 5);
    const arrivals = events.of("arrive").map(({ packet, reason }) => `${packet} ${reason}`);
    assertEquals(arrivals, ["0 bypass", "1 ", "2 bypass", "3 bypass", "4 bypass", "5 bypass"]);
    assertEquals(run.warnings.filter((warning) => warning.includes("IPv6")), [
      "1 IPv6 packets bypass the tunnel: IPv6 is not built yet",
    ]);
  });

  Deno.test(`forward passes IP options and fragments on as they are (${preset})`, async () => {
    const frames = [
      tcpFrame({ ipOptions: Uint8Array.of(1, 1, 1, 0) }),
      tcpFrame({ ipOptions: new Uint8Array(40).fill(1), payloadBytes: 100 }),
      tcpFrame({ fragmentWord: 0x2000, payloadBytes: 1456 }),
      tcpFrame({ fragmentWord: 185, payloadBytes: 700 }),
      tcpFrame({ fragmentWord: 185, payloadBytes: 1 }),
    ];
    const testRun = await forward(captureOf(frames), preset);
    assertEquals(innerPackets(testRun), frames.map(forwarded));
  });

  Deno.test(`oversize=drop: ${INNER_MTU} bytes with DF pass, one more does not (${preset})`, async () => {
    const frames = [INNER_MTU, INNER_MTU + 1, 1500].map((bytes, i) => {
      return tcpFrame({ payloadBytes: bytes - 40, sourcePort: 40000 + i });
    });
    const testRun = await forward(captureOf(frames), preset, ["oversize=drop"]);
    assertEquals(drops(testRun.events), ["1 pmtu", "2 pmtu"]);
    assertEquals(innerPackets(testRun), [forwarded(frames[0]!)]);
    assertEquals(testRun.sent[0]!.bytes.length, 1500 + ETH_HLEN);
  });

  Deno.test(`oversize=drop: a time to live that has run out comes before the MTU (${preset})`, async () => {
    const { events } = await forward(captureOf([tcpFrame({ ttl: 1 }), tcpFrame({ ttl: 2 })]), preset, [
      "oversize=drop",
    ]);
    assertEquals(drops(events).toSorted(), ["0 ttl", "1 pmtu"]);
  });

  Deno.test(`oversize=drop: what is too large without DF leaves in outer fragments that make the packet again (${preset})`, async () => {
    const sizes = [INNER_MTU, INNER_MTU + 1, 1500, 1460];
    const frames = sizes.map((bytes, i) =>
      tcpFrame({ payloadBytes: bytes - 40, fragmentWord: 0, sourcePort: 40000 + i })
    );
    const testRun = await forward(captureOf(frames), preset, ["oversize=drop"]);
    assertEquals(drops(testRun.events), []);
    assertEquals(reassembledInner(testRun), frames.map(forwarded));
    assertEquals(testRun.sent.length, 1 + 2 + 2 + 2);
  });

  Deno.test(`oversize=drop: fragments carry multiples of 8 bytes, ids of their packet, and are copies (${preset})`, async () => {
    const frames = flowOf(3, {}, { fragmentWord: 0 });
    const { events, sent } = await forward(captureOf(frames), preset, ["oversize=drop"]);
    const fragments = sent.map(({ bytes }) => bytes.subarray(ETH_HLEN));
    const described = fragments.map((packet) => {
      const more = ipv4.moreFragments(packet, 0) ? "+" : "";
      return `${ipv4.id(packet, 0)}: ${ipv4.fragmentOffsetBytes(packet, 0)}, ${packet.length - 20}${more}`;
    });
    // ESP makes 1536 bytes of 1500; of the 1480 that fit behind an IP header, all are a multiple of 8.
    assertEquals(described, ["0: 0, 1480+", "0: 1480, 56", "1: 0, 1480+", "1: 1480, 56", "2: 0, 1480+", "2: 1480, 56"]);
    assertEquals(fragments.every((packet) => ipv4.headerChecksumOk(packet, 0) && !ipv4.dontFragment(packet, 0)), true);
    const copies = events.of("copy").filter(({ stage }) => stage === "ip-output");
    assertEquals(
      copies.map(({ reason, bytes }) => `${reason} ${bytes}`),
      Array(3).fill(["ip-fragment 1500", "ip-fragment 76"]).flat(),
    );
  });
}

/** Puts outer fragments, which follow each other, together and opens the packets. */
function reassembledInner({ run, sent }: TestRun): Uint8Array[] {
  const aead = run.sa.aead(ENGINES[run.engine!]);
  const inner: Uint8Array[] = [];
  const whole = new Uint8Array(2000);
  for (const { bytes } of sent) {
    const packet = bytes.subarray(ETH_HLEN);
    const at = ipv4.fragmentOffsetBytes(packet, 0);
    if (at === 0) whole.set(packet.subarray(0, 20));
    whole.set(packet.subarray(20), 20 + at);
    if (ipv4.moreFragments(packet, 0)) continue;
    set16(whole, ipv4.OFFSET_FRAGMENT, 0);
    ipv4.setTotalLength(whole, 0, at + packet.length);
    ipv4.writeHeaderChecksum(whole, 0);
    const result = openTunnelPacket(whole, run.sa, aead);
    if (!result.opened) throw new Error(`Cannot open a packet put together: ${result.reason}`);
    inner.push(result.inner);
  }
  return inner;
}

Deno.test("oversize=drop: fragments of a mtu that is no multiple of 8 carry less than fits", async () => {
  const frames = flowOf(2, {}, { fragmentWord: 0, payloadBytes: 951 });
  const testRun = await forward(captureOf(frames), "nocopy", ["oversize=drop", "mtu=1001"]);
  assertEquals(reassembledInner(testRun), frames.map(forwarded));
  assertEquals(testRun.sent.map(({ bytes }) => bytes.length - ETH_HLEN), [996, 72, 996, 72]);
});

Deno.test("oversize=drop: a GRO aggregate goes by the length of its segments, and all its packets are dropped with it", async () => {
  const fitting = flowOf(5, { 4: { payloadBytes: 3 } }, { payloadBytes: INNER_MTU - 40 });
  const passed = await forward(captureOf(fitting), "nocopy-gro", ["oversize=drop"]);
  assertEquals(deliveries(passed.events), ["0-4:flow-end"]);
  assertEquals(innerPackets(passed), fitting.map(forwarded));

  const above = flowOf(5, { 4: { payloadBytes: 3 } }, { payloadBytes: INNER_MTU - 39 });
  const { run, events, sent } = await forward(captureOf(above), "nocopy-gro", ["oversize=drop"]);
  assertEquals(deliveries(events), ["0-4:flow-end"]);
  assertEquals(drops(events), ["0 pmtu", "1 pmtu", "2 pmtu", "3 pmtu", "4 pmtu"]);
  assertEquals(events.of("drop").map(({ payloadBytes }) => payloadBytes), [1407, 1407, 1407, 1407, 3]);
  assertEquals(run.tally.sum({ event: "drop" }).payloadBytes, 4 * 1407 + 3);
  assertEquals(sent.length, 0);
});

Deno.test("oversize=grow passes what is larger than the MTU, whole, with one warning", async () => {
  const frames = flowOf(3);
  const testRun = await forward(captureOf(frames), "nocopy");
  assertEquals(innerPackets(testRun), frames.map(forwarded));
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("oversize")), [
    "ESP makes packets of up to 1556 bytes: the egress MTU of 1500 grew to fit (oversize=grow)",
  ]);
});

Deno.test("frames above the MTU of the device are refused at its door; a VLAN tag's worth is not", async () => {
  const frames = [1514, 1518, 1519, 3000].map((bytes, i) =>
    tcpFrame({ payloadBytes: bytes - 54, sourcePort: 40000 + i })
  );
  for (const preset of PRESETS) {
    const { run, events, sent } = await forward(captureOf(frames), preset);
    assertEquals(drops(events), ["2 above-mtu", "3 above-mtu"]);
    assertEquals(sent.length, 2);
    assertEquals(run.warnings.filter((warning) => warning.includes("super-packets")), [
      "2 packets are larger than the MTU of 1500 (super-packets of a host with offloads): dropped",
    ]);
  }
});

Deno.test("packets cut by the snap length are filled up, and their checksums count as good", async () => {
  const frames = flowOf(4);
  const cut = frames.map((bytes, i) => {
    const kept = [60, 60, 1514, 200][i]!;
    return { seconds: 1, fraction: i, bytes: bytes.subarray(0, kept), originalLength: bytes.length };
  });
  for (const sets of [[], ["nic_rx_csum=off"]]) {
    const testRun = await forward(inputOf(buildPcap({}, cut)), "nocopy-gro", sets);
    assertEquals(deliveries(testRun.events), ["0-3:poll-end"]);
    assertEquals(testRun.run.warnings.filter((warning) => warning.includes("snap length")), [
      "3 packets lack bytes (snap length): filled with a fixed pattern, their checksums count as good",
    ]);
    const inner = innerPackets(testRun);
    assertEquals(inner.map((packet) => packet.length), [1500, 1500, 1500, 1500]);
    assertEquals(inner[0]!.subarray(46).every((byte) => byte === 0x5a), true);
    assertEquals(inner[2], forwarded(frames[2]!));
  }
});

/** A frame as the sending host captures it: the checksum is left to its NIC. */
function unfinished(fields: TcpFrame): Uint8Array {
  const frame = tcpFrame(fields);
  const ip = ETH_HLEN;
  const transportBytes = ipv4.totalLength(frame, ip) - 20;
  set16(frame, ip + 36, pseudoHeaderSumIpv4(ipv4.source(frame, ip), ipv4.destination(frame, ip), 6, transportBytes));
  return frame;
}

Deno.test("checksums that hold the pseudo-header's sum only are completed", async () => {
  const fields = Array.from({ length: 4 }, (_, i) => ({ sequence: 1000 + i * 1460, id: i }));
  for (const preset of PRESETS) {
    for (const sets of [[], ["nic_rx_csum=off"]]) {
      const testRun = await forward(captureOf(fields.map(unfinished)), preset, sets);
      assertEquals(innerPackets(testRun), fields.map((each) => forwarded(tcpFrame(each))));
      assertEquals(testRun.run.warnings.filter((warning) => warning.includes("pseudo-header")), [
        "4 packets hold the pseudo-header's checksum only (captured on the sender): completed",
      ]);
    }
  }
});

Deno.test("a UDP checksum that comes out as 0 is completed to 0xffff", async () => {
  const frame = tcpFrame({ payloadBytes: 20 });
  const udpBytes = 40;
  frame[ETH_HLEN + ipv4.OFFSET_PROTOCOL] = PROTOCOL_UDP;
  ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  set16(frame, 38, udpBytes);
  set16(frame, 40, 0);
  set16(frame, 72, 0);
  const pseudo = pseudoHeaderSumIpv4(SOURCE, DESTINATION, PROTOCOL_UDP, udpBytes);
  set16(frame, 72, finish(partialSum(frame, 34, udpBytes, pseudo)));
  set16(frame, 40, pseudo);
  const [packet] = innerPackets(await forward(captureOf([frame]), "nocopy"));
  assertEquals(get16(packet!, 26), 0xffff);
});

Deno.test("checksums of jumbo frames are judged and completed like those of others", async () => {
  const common = { payloadBytes: 5001 };
  const good = flowOf(3, {}, common);
  for (const sets of [[], ["nic_rx_csum=off"]]) {
    const settings = ["mtu=9000", "era=6.1", ...sets];
    const bad = await forward(captureOf(flowOf(3, { 1: { checksumError: 1 } }, common)), "nocopy-gro", settings);
    assertEquals(deliveries(bad.events), ["1", "0:flow-end", "2:poll-end"]);
    const left = [0, 1, 2].map((i) => unfinished({ ...common, sequence: 1000 + i * 5001, id: 1 + i, pattern: i }));
    const completed = await forward(captureOf(left), "nocopy-gro", settings);
    assertEquals(deliveries(completed.events), ["0-2:poll-end"]);
    assertEquals(innerPackets(completed), good.map(forwarded));
  }
  const single = await forward(captureOf([unfinished(common)]), "nocopy", ["mtu=9000"]);
  assertEquals(innerPackets(single), [forwarded(tcpFrame(common))]);
});

const HOSTS = { a: 0x0a000001, b: 0x0a000002, c: 0x0a800001 }; // 10.0.0.1, 10.0.0.2, 10.128.0.1

/** Packets from a to b, b to a, c to a, a to c; b sends the most payload. */
function conversation(): Uint8Array[] {
  const { a, b, c } = HOSTS;
  return [
    tcpFrame({ source: a, destination: b, payloadBytes: 100 }),
    tcpFrame({ source: b, destination: a, payloadBytes: 1000 }),
    tcpFrame({ source: c, destination: a, payloadBytes: 200 }),
    tcpFrame({ source: a, destination: c, payloadBytes: 300 }),
  ];
}

const LOCALS: Readonly<Record<string, readonly number[]>> = {
  "auto": [1],
  "10.0.0.1": [0, 3],
  "10.0.0.0/9": [0, 1, 3],
  "10.0.0.2/31": [1],
  "10.0.0.0/30": [0, 1, 3],
  "0.0.0.0/0": [0, 1, 2, 3],
  "10.128.0.1/32": [2],
};

for (const [local, expected] of Object.entries(LOCALS)) {
  Deno.test(`tunnel=local local=${local} sends only what comes from there`, async () => {
    const frames = [...conversation(), frameOf(0x0806)];
    const { run, events, sent } = await forward(captureOf(frames), "nocopy", ["tunnel=local", `local=${local}`]);
    const arrived = events.of("arrive").filter(({ reason }) => reason === "").map(({ packet }) => packet);
    assertEquals(arrived, [...expected]);
    assertEquals(sent.length, expected.length);
    assertEquals(run.tally.sum({ event: "arrive" }).count, 5);
    assertEquals(events.of("arrive").filter(({ reason }) => reason === "ignored").length, 4 - expected.length);
    assertEquals(run.tally.sum({ event: "deliver" }).count, 1);
  });
}

Deno.test("tunnel=local refuses a capture from which no packet is ours", async () => {
  const replayed = runOf(captureOf(conversation(), "talk.pcap"), "nocopy", ["tunnel=local", "local=192.0.2.9"]);
  await assertRejects(
    () => replayed,
    UnplayableError,
    "Cannot replay talk.pcap: none of its packets comes from our host",
  );
});

Deno.test("a capture of other protocols alone is refused", async () => {
  const replayed = runOf(captureOf([frameOf(0x0806)], "arp.pcap"), "nocopy");
  await assertRejects(() => replayed, UnplayableError, "Cannot replay arp.pcap: there is no IPv4 packet in it");
});
