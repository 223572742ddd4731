/** A capture played several times reads like one that goes on. */

import { assert, assertEquals } from "@std/assert";
import { CapturePacket, openCapture, sourceOfBytes } from "../capture/mod.ts";
import { buildPcap, firstPackets, readAll } from "../capture/testing.ts";
import { canRun } from "../capture/testing_tools.ts";
import { LINKTYPE_ETHERNET, PcapWriter } from "../capture/mod.ts";
import { resolveConfig } from "../config/resolve.ts";
import { saTableLines } from "../esp/sa_table.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { innerPackets } from "../stages/testing.ts";
import { overIpv6, udpFrame } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { RepeatedReader } from "./repeat.ts";
import { type Run, timesOpened } from "./run.ts";
import { bulk, captureOf, DESTINATION, inputOf, runOf, SOURCE, type TcpFrame, tcpFrame } from "./testing.ts";

const BULK = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const BULK_IPV6 = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv6.pcap", import.meta.url));

/** Id, sequence and acknowledgment number of an IP packet of TCP, and whether its checksum is right. */
interface Numbers {
  id: number;
  sequence: number;
  acknowledgment: number;
  checksumOk: boolean;
}

function numbersOf(packet: Uint8Array): Numbers {
  const isIpv6 = ip.isIpv6(packet, 0);
  const at = isIpv6 ? 40 : ipv4.ihlBytes(packet, 0);
  return {
    id: isIpv6 ? 0 : ipv4.id(packet, 0),
    sequence: tcp.sequence(packet, at),
    acknowledgment: tcp.acknowledgment(packet, at),
    checksumOk: transportChecksumOk(packet, 0, PROTOCOL_TCP, at, packet.length - at),
  };
}

/** What leaves when frames are played `passes` times. */
async function played(
  frames: readonly Uint8Array[],
  passes: number,
  sets: readonly string[] = [],
): Promise<Uint8Array[]> {
  const testRun = await runOf(captureOf(frames), "nocopy", [`repeat=${passes}`, ...sets]);
  assertEquals(testRun.run.failures, []);
  return innerPackets(testRun);
}

function summaryOf(run: Run, column: string): number {
  return Number(SUMMARY_COLUMNS.find(({ name }) => name === column)!.value({ number: 1, run }));
}

/** Columns that count, not rate. */
const SCALING = ["packets_in", "bytes_in", "payload_bytes", "esp_packets", "crypto_ops", "crypto_bytes"];

for (const [what, file] of [["IPv4", BULK], ["IPv6", BULK_IPV6]] as const) {
  for (const preset of ["nocopy", "nocopy-gro", "linux-6.1-module"]) {
    Deno.test(`three passes of the ${what} bulk fixture's beginning are three times everything that scales (${preset})`, async () => {
      const sets = ["oversize=grow", "engine=skip"];
      const input = inputOf(firstPackets(file, 1500));
      const once = await runOf(input, preset, sets);
      const thrice = await runOf(input, preset, [...sets, "repeat=3"]);
      assertEquals(thrice.run.failures, []);
      for (const column of SCALING) {
        assertEquals(summaryOf(thrice.run, column), 3 * summaryOf(once.run, column), column);
      }
      assertEquals(thrice.run.captureSha256, once.run.captureSha256);
      assertEquals(thrice.run.t0EpochNs, once.run.t0EpochNs);
      const packets = thrice.events.of("arrive").map(({ packet }) => packet);
      assertEquals(packets, packets.map((_, i) => i));
    });
  }
}

Deno.test("sequence numbers, acknowledgments and IPv4 ids of the bulk fixture go on from pass to pass", async () => {
  const testRun = await runOf(inputOf(BULK), "nocopy", ["repeat=3", "engine=skip"]);
  const packets = innerPackets(testRun);
  const captured = await readAll(await openCapture(sourceOfBytes(BULK), "fixture"));
  assertEquals(packets.length, 3 * captured.length);
  const ends = new Map<string, { end: number; id: number }>();
  for (const [i, packet] of packets.entries()) {
    const { id, sequence, checksumOk } = numbersOf(packet);
    const payloadBytes = packet.length - 20 - tcp.dataOffsetBytes(packet, 20);
    const flags = tcp.flags(packet, 20);
    assert(checksumOk && ipv4.headerChecksumOk(packet, 0));
    const source = `${packet.subarray(12, 16)}`;
    const before = ends.get(source);
    if (before !== undefined) assertEquals(sequence, before.end);
    // The SYN, ACK of 192.0.2.2 has an id of 0, which is none; that of the sender counts past 0.
    const hasId = ipv4.id(captured[i % captured.length]!.bytes, ETH_HLEN) !== 0 || source === "192,0,2,1";
    if (before !== undefined && before.id >= 0 && hasId) assertEquals(id, (before.id + 1) & 0xffff);
    const marks = ((flags & tcp.FLAG_SYN) !== 0 ? 1 : 0) + ((flags & tcp.FLAG_FIN) !== 0 ? 1 : 0);
    ends.set(source, { end: (sequence + payloadBytes + marks) >>> 0, id: hasId ? id : before?.id ?? -1 });
  }
});

Deno.test("GRO merges across the seam of two passes", async () => {
  for (const era of ["4.4", "6.1"]) {
    for (const over6 of [false, true]) {
      const frames = bulk(10, { payloadBytes: 1400 }).map((frame) => over6 ? overIpv6(frame) : frame);
      const { run, events } = await runOf(captureOf(frames), "nocopy-gro", ["repeat=4", `era=${era}`]);
      assertEquals([run.failures, events.of("merge").length, events.of("flush").length], [[], 39, 1]);
    }
  }
});

Deno.test("super-packets of several passes continue each other: their ids move on by their segments", async () => {
  const frames = [0, 1, 2].map((i) => tcpFrame({ payloadBytes: 4380, sequence: 1000 + i * 4380, id: 7 + 3 * i }));
  const packets = await played(frames, 3);
  assertEquals(packets.map((packet) => numbersOf(packet).id), Array.from({ length: 27 }, (_, i) => 7 + i));
  assertEquals(
    packets.map((packet) => numbersOf(packet).sequence),
    Array.from({ length: 27 }, (_, i) => 1000 + i * 1460),
  );
});

/** A conversation in the middle: a sends 100 bytes, b acknowledges and answers 50, a acknowledges. */
function conversation(fields: TcpFrame = {}): Uint8Array[] {
  const back = { source: DESTINATION, destination: SOURCE, sourcePort: 5001 };
  const reply = tcpFrame({ ...back, payloadBytes: 50, sequence: 9000, acknowledgment: 1100, id: 20, ...fields });
  // tcpFrame() always has destination port 5001: of the reply it is 40000.
  reply.set([0x9c, 0x40], ETH_HLEN + 22);
  tcp.setChecksum(reply, ETH_HLEN + 20, 0);
  const pseudo = pseudoHeaderSum(reply, ETH_HLEN, PROTOCOL_TCP, 70);
  tcp.setChecksum(reply, ETH_HLEN + 20, finish(partialSum(reply, ETH_HLEN + 20, 70, pseudo)));
  return [
    tcpFrame({ payloadBytes: 100, sequence: 1000, acknowledgment: 9000, id: 10, ...fields }),
    reply,
    tcpFrame({ payloadBytes: 0, sequence: 1100, acknowledgment: 9050, id: 11, ...fields }),
  ];
}

Deno.test("acknowledgments move on with what the other direction sent", async () => {
  const packets = (await played(conversation(), 3)).map(numbersOf);
  assertEquals(packets.map(({ sequence }) => sequence), [1000, 9000, 1100, 1100, 9050, 1200, 1200, 9100, 1300]);
  assertEquals(packets.map(({ acknowledgment }) => acknowledgment), [
    9000,
    1100,
    9050,
    9050,
    1200,
    9100,
    9100,
    1300,
    9150,
  ]);
  assertEquals(packets.map(({ id }) => id), [10, 20, 11, 12, 20, 13, 14, 20, 15]);
  assertEquals(packets.every(({ checksumOk }) => checksumOk), true);
});

Deno.test("where the other direction was not captured, acknowledgments go on by themselves", async () => {
  const [data, , acknowledgment] = conversation();
  const packets = (await played([data!, acknowledgment!], 2)).map(numbersOf);
  assertEquals(packets.map((packet) => packet.acknowledgment), [9000, 9050, 9050, 9100]);
});

Deno.test("ids of one value and ids of 0 stay, others wrap", async () => {
  const constant = await played(bulk(2).map((_, i) => tcpFrame({ sequence: 1000 + 1460 * i, id: 77 })), 2);
  assertEquals(constant.map((packet) => numbersOf(packet).id), [77, 77, 77, 77]);
  const wrapping = await played(bulk(3, { id: 0xfffd }), 2);
  assertEquals(wrapping.map((packet) => numbersOf(packet).id), [0xfffd, 0xfffe, 0xffff, 0, 1, 2]);
  const none = await played([tcpFrame({ id: 0 }), tcpFrame({ id: 5, sequence: 2460 }), tcpFrame({ id: 6 })], 2);
  assertEquals(none.map((packet) => numbersOf(packet).id), [0, 5, 6, 0, 7, 8]);
});

Deno.test("sequence numbers wrap at 2^32, and a reset tells nothing about how far a flow got", async () => {
  const reset = tcpFrame({ flags: tcp.FLAG_RST, sequence: 0x30000000, payloadBytes: 0 });
  const packets = (await played([...bulk(2, { sequence: 0xfffffff0 }), reset], 3)).map(numbersOf);
  assertEquals(packets.map(({ sequence }) => sequence), [
    ...[0xfffffff0, 1444, 0x30000000],
    ...[2904, 4364, 0x30000000 + 2920],
    ...[5824, 7284, 0x30000000 + 5840],
  ]);
});

Deno.test("datagrams move their id and nothing else; fragments of one packet keep one id", async () => {
  const datagrams = [udpFrame({ id: 3, payloadBytes: 40 }), udpFrame({ id: 4, payloadBytes: 50 })];
  const packets = await played(datagrams, 2);
  assertEquals(packets.map((packet) => ipv4.id(packet, 0)), [3, 4, 5, 6]);
  assertEquals(
    packets.map((packet) => packet.subarray(20)),
    [...datagrams, ...datagrams].map((frame) => frame.subarray(34)),
  );
  const first = udpFrame({ id: 9, payloadBytes: 800, fragmentWord: 0x2000 });
  const second = udpFrame({ id: 9, payloadBytes: 100, fragmentWord: 101 });
  const next = udpFrame({ id: 10, payloadBytes: 800, fragmentWord: 0x2000 });
  const fragments = await played([first, second, next], 2);
  assertEquals(fragments.map((packet) => ipv4.id(packet, 0)), [9, 9, 10, 11, 11, 12]);
});

Deno.test("wrong checksums stay wrong, and those left to a NIC are completed in every pass", async () => {
  const wrong = await played([tcpFrame({ checksumError: 3 }), tcpFrame({ sequence: 2460, id: 2 })], 2);
  assertEquals(wrong.map((packet) => numbersOf(packet).checksumOk), [false, true, false, true]);
  const left = bulk(2).map((frame) => {
    tcp.setChecksum(frame, ETH_HLEN + 20, pseudoHeaderSum(frame, ETH_HLEN, PROTOCOL_TCP, 1480));
    return frame;
  });
  const completed = (await played(left, 2)).map(numbersOf);
  assertEquals(completed.map(({ checksumOk }) => checksumOk), [true, true, true, true]);
  assertEquals(completed.map(({ sequence }) => sequence), [1000, 2460, 3920, 5380]);
});

Deno.test("stamps move on by the time of a pass and one mean gap", async () => {
  const record = (bytes: Uint8Array, fraction: number) => ({ seconds: 5, fraction, bytes });
  const frames = bulk(3);
  const file = buildPcap({ magic: 0xa1b23c4d }, [
    record(frames[0]!, 100),
    record(frames[1]!, 5100),
    record(frames[2]!, 9100),
  ]);
  const { run, events } = await runOf(inputOf(file), "nocopy", ["repeat=3", "pace=capture"]);
  const times = events.of("arrive").map(({ tNs }) => tNs);
  // The mean gap of 0, 5000, 9000 is 4500.
  assertEquals(times, [0, 5000, 9000, 13500, 18500, 22500, 27000, 32000, 36000]);
  assertEquals(run.failures, []);
});

/** A reader of `file` that counts how often it was opened. */
async function repeatedOver(
  file: Uint8Array,
  passes: number,
): Promise<{ reader: RepeatedReader; opened: () => number }> {
  let opened = 0;
  const reader = new RepeatedReader(await openCapture(sourceOfBytes(file), "built"), passes, async () => {
    opened += 1;
    return { reader: await openCapture(sourceOfBytes(file), "built"), close: () => void (opened += 100) };
  });
  return { reader, opened: () => opened };
}

Deno.test("RepeatedReader numbers packets on, closes what it opens, and reads an empty capture once", async () => {
  const file = buildPcap({}, bulk(4).map((bytes, i) => ({ seconds: 1, fraction: i, bytes })));
  const { reader, opened } = await repeatedOver(file, 3);
  const packet = new CapturePacket();
  const read: number[][] = [];
  while (await reader.fill()) while (reader.next(packet)) read.push([reader.pass, packet.index, packet.timeNs]);
  assertEquals(read.map(([, index]) => index), Array.from({ length: 12 }, (_, i) => i));
  assertEquals(read.map(([pass]) => pass), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  assertEquals(read.map(([, , timeNs]) => timeNs), Array.from({ length: 12 }, (_, i) => i * 1000));
  assertEquals(reader.linkTypes, [{ linkType: LINKTYPE_ETHERNET, packets: 4 }]);
  reader.close();
  assertEquals(opened(), 202);
  const empty = await repeatedOver(buildPcap({}, []), 1_000_000);
  assertEquals([await empty.reader.fill(), empty.opened()], [false, 0]);
});

Deno.test("timesOpened() says how often a capture is opened at least, so that stdin is kept", () => {
  const times = (...sets: string[]): number => timesOpened(resolveConfig({ sets }).config);
  assertEquals([times(), times("repeat=2"), times("repeat=1000000")], [1, 2, 2]);
  assertEquals([times("tunnel=local"), times("tunnel=local", "repeat=9")], [2, 3]);
});

const ANALYSIS = ["tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.lost_segment"];

for (const preset of ["nocopy", "nocopy-gro", "linux-6.1-module"]) {
  // That of IPv6 is played to its end, with FIN and the SYN that follows it.
  const files = [["IPv4", firstPackets(BULK, 800)], ["IPv6", BULK_IPV6]] as const;
  for (const [what, file] of preset === "nocopy-gro" ? files : files.slice(0, 1)) {
    Deno.test({
      name: `tshark sees nothing sent again, out of order or lost in three passes of the ${what} fixture (${preset})`,
      ignore: !canRun("tshark"),
      fn: async () => {
        // Where GRO holds data back, acknowledgments overtake it, so that it looks like sent again: one direction is played.
        const sets = ["oversize=grow", "repeat=3", ...preset === "nocopy" ? [] : ["tunnel=local"]];
        const { run, sent } = await runOf(inputOf(file), preset, sets, { check: false });
        const path = await Deno.makeTempFile({ suffix: ".pcap" });
        try {
          writeCapture(path, sent, run.t0EpochNs!);
          const lines = analyse(path, saTableLines(run.sa!));
          assertEquals(lines.length, sent.length);
          assertEquals(lines.filter((line) => line.trim() !== ""), []);
        } finally {
          await Deno.remove(path);
        }
      },
    });
  }
}

function writeCapture(path: string, sent: readonly { tNs: number; bytes: Uint8Array }[], t0: bigint): void {
  using file = Deno.openSync(path, { write: true, truncate: true });
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  };
  const writer = new PcapWriter(write, LINKTYPE_ETHERNET, t0);
  for (const { tNs, bytes } of sent) writer.write(tNs, bytes, 0, bytes.length);
  writer.flush();
}

/** What tshark has to say about each packet: a line of tabs when nothing. */
function analyse(path: string, associations: readonly string[]): string[] {
  const options = ["esp.enable_encryption_decode:TRUE", ...associations.map((line) => `uat:esp_sa:${line}`)];
  const args = ["-r", path, "-n", "-T", "fields", "-E", "occurrence=l", ...ANALYSIS.flatMap((field) => ["-e", field])];
  const settings = options.flatMap((option) => ["-o", option]);
  const { stdout } = new Deno.Command("tshark", { args: [...args, ...settings], stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n");
}
