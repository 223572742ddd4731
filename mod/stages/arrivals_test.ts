/** What a capture may lack or hold too much of: cut packets, unfinished checksums, super-packets, packets of others. */

import { assertEquals, assertRejects } from "@std/assert";
import { buildPcap } from "../capture/testing.ts";
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
import { deliveries, flowOf, forwarded, innerPackets } from "./testing.ts";

/** Presets without and with GRO. */
const PRESETS = ["baseline", "nocopy", "nocopy-gro"];

async function forward(input: CaptureInput, preset: string, sets: readonly string[] = []): Promise<TestRun> {
  const testRun = await runOf(input, preset, sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** "3 ttl" for each drop. */
function drops(events: Recorder): string[] {
  return events.of("drop").map(({ packet, reason }) => `${packet} ${reason}`);
}

/** A frame of 60 bytes of another protocol than IP. */
function frameOf(etherType: number): Uint8Array {
  const frame = new Uint8Array(60).fill(0x11);
  set16(frame, 12, etherType);
  return frame;
}

Deno.test("frames above the MTU of the device are refused at its door; a VLAN tag's worth is not", async () => {
  const frames = [1514, 1518, 1519, 3000].map((bytes, i) => {
    const frame = tcpFrame({ payloadBytes: bytes - 54, sourcePort: 40000 + i });
    frame[ETH_HLEN + ipv4.OFFSET_PROTOCOL] = PROTOCOL_UDP;
    ipv4.writeHeaderChecksum(frame, ETH_HLEN);
    return frame;
  });
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

Deno.test("the checksum of a fragment covers more than the fragment: it is left as it is", async () => {
  const frame = tcpFrame({ fragmentWord: 0x2000, payloadBytes: 800 });
  const cut = [{ seconds: 1, fraction: 0, bytes: frame.subarray(0, 100), originalLength: frame.length }];
  for (const preset of PRESETS) {
    const [packet] = innerPackets(await forward(inputOf(buildPcap({}, cut)), preset));
    assertEquals(packet!.subarray(0, 86), forwarded(frame).subarray(0, 86));
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
    assertEquals(deliveries(bad.events), ["1", "0:sequence", "2:poll-end"]);
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
  await assertRejects(() => replayed, UnplayableError, "Cannot replay arp.pcap: there is no IP packet in it");
});
