/**
 * Inspections of real captures against what other programs say: capinfos by the list of the shared corpus, and tshark,
 * asked here. Skipped where the folder or the program is not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { parse } from "@std/csv";
import { parseAddress6 } from "../wire/ipv6_address.ts";
import { CaptureError } from "./errors.ts";
import { inspectCapture, type Inspection } from "./inspection.ts";
import { canRun, tsharkRows, tsharkRowsOfEach } from "./testing_tools.ts";

const FIXTURE = new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url);
const CORPUS = new URL("../../../shared/captures/", import.meta.url);

async function inspectFile(file: URL): Promise<Inspection> {
  using source = await Deno.open(file);
  return await inspectCapture(source, file.pathname.split("/").at(-1)!);
}

interface CorpusRow {
  readonly file: string;
  readonly packets: string;
  readonly dataBytes: string;
}

/** The captures of the corpus, of which one row has a field more than the header. */
function readManifest(): CorpusRow[] {
  try {
    const [header, ...rows] = parse(Deno.readTextFileSync(new URL("MANIFEST.csv", CORPUS)));
    const column = (row: string[], name: string): string => row[header?.indexOf(name) ?? -1] ?? "";
    return rows.filter((row) => /^pcap(ng)?, /.test(column(row, "format"))).map((row) => ({
      file: column(row, "file"),
      packets: column(row, "capinfos_packets"),
      dataBytes: column(row, "capinfos_data_bytes"),
    }));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const FIELDS = [
  ...[
    "frame.len",
    "frame.cap_len",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.flags.mf",
    "ip.frag_offset",
    "ip.len",
  ],
  ...["ip.hdr_len", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.checksum", "tcp.checksum.status"],
  ...["udp.srcport", "udp.dstport", "udp.checksum", "udp.checksum.status"],
  ...["ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.plen", "ipv6.opt.jumbo"],
  ...["ipv6.hopopts.nxt", "ipv6.hopopts.len_oct", "ipv6.routing.nxt", "ipv6.routing.len_oct"],
  ...["ipv6.dstopts.nxt", "ipv6.dstopts.len_oct", "ipv6.fraghdr.nxt", "ipv6.fraghdr.offset", "ipv6.fraghdr.more"],
] as const;

type Row = Readonly<Record<typeof FIELDS[number], string>>;

/** What tshark says of the frames of each capture, by its path; of a field that is there twice the outermost. */
function dissect(paths: readonly string[]): Map<string, Row[]> {
  const preferences = [
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
  ];
  // What ends inside a packet cannot be merged.
  const isWhole = (path: string): boolean => !path.includes("-cut-tail.");
  const rows = tsharkRowsOfEach(paths.filter(isWhole), FIELDS, preferences);
  for (const path of paths) if (!isWhole(path)) rows.set(path, tsharkRows(path, FIELDS, preferences));
  return new Map([...rows].map(([path, rows]) => [path, rows.map(rowOf)]));
}

function rowOf(cells: string[]): Row {
  return Object.fromEntries(FIELDS.map((field, i) => [field, cells[i] ?? ""])) as Row;
}

/** Counts per value. */
function tally(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

const NETWORKS: Readonly<Record<string, string>> = { ip: "ipv4", ipv6: "ipv6", arp: "arp" };
const TRANSPORTS: Readonly<Record<string, string>> = {
  "6": "tcp",
  "17": "udp",
  "1": "icmp",
  "50": "esp",
  "58": "icmpv6",
};

/** The first network protocol in the path of dissectors, for example `eth:ethertype:vlan:ethertype:ip:tcp`. */
function networkOf(row: Row): string {
  const found = row["frame.protocols"].split(":").find((protocol) => Object.hasOwn(NETWORKS, protocol));
  return found === undefined ? "other" : NETWORKS[found]!;
}

/** Next header and length of each extension header, as tshark gives them: of a kind that is there twice the first. */
const EXTENSIONS: Readonly<Record<string, (row: Row) => [next: string, bytes: number]>> = {
  "0": (row) => [row["ipv6.hopopts.nxt"], Number(row["ipv6.hopopts.len_oct"])],
  "43": (row) => [row["ipv6.routing.nxt"], Number(row["ipv6.routing.len_oct"])],
  "44": (row) => [row["ipv6.fraghdr.nxt"], 8],
  "60": (row) => [row["ipv6.dstopts.nxt"], Number(row["ipv6.dstopts.len_oct"])],
};

/** What tshark says of the IP packet and its headers, of either version. */
interface IpRow {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  /** Bytes behind the IP header and extension headers. */
  readonly transportBytes: number;
  readonly isLaterFragment: boolean;
  readonly isFragment: boolean;
}

function ipRow(row: Row): IpRow {
  if (networkOf(row) === "ipv6") return ipv6Row(row);
  const isLaterFragment = row["ip.frag_offset"] !== "0";
  return {
    source: row["ip.src"],
    destination: row["ip.dst"],
    protocol: row["ip.proto"],
    transportBytes: Number(row["ip.len"]) - Number(row["ip.hdr_len"]),
    isLaterFragment,
    isFragment: row["ip.flags.mf"] === "1" || isLaterFragment,
  };
}

function ipv6Row(row: Row): IpRow {
  let protocol = row["ipv6.nxt"];
  let transportBytes = Number(row["ipv6.opt.jumbo"] || row["ipv6.plen"]);
  while (Object.hasOwn(EXTENSIONS, protocol)) {
    const [next, bytes] = EXTENSIONS[protocol]!(row);
    transportBytes -= bytes;
    protocol = next;
  }
  const isLaterFragment = !["", "0"].includes(row["ipv6.fraghdr.offset"]);
  const isFragment = row["ipv6.fraghdr.more"] === "1" || isLaterFragment;
  return {
    source: row["ipv6.src"],
    destination: row["ipv6.dst"],
    protocol,
    transportBytes,
    isLaterFragment,
    isFragment,
  };
}

const transportOf = (row: Row): string => TRANSPORTS[ipRow(row).protocol] ?? "other";
const isFragment = (row: Row): boolean => ipRow(row).isFragment;

function flowOf(row: Row): string {
  const { source, destination, protocol, isLaterFragment } = ipRow(row);
  const transport = transportOf(row);
  const ports = transport === "tcp"
    ? [row["tcp.srcport"], row["tcp.dstport"]]
    : transport === "udp"
    ? [row["udp.srcport"], row["udp.dstport"]]
    : [];
  return [source, destination, protocol, ...(isLaterFragment ? [] : ports)].join(" ");
}

/** tshark's tcp.len; of everything else what the IP header leaves, and a UDP header with it. */
function payloadBytesOf(row: Row): number {
  const { transportBytes, isLaterFragment } = ipRow(row);
  const transport = isLaterFragment ? "none" : transportOf(row);
  if (transport === "tcp") return Number(row["tcp.len"]);
  return transportBytes - (transport === "udp" ? 8 : 0);
}

/** tshark knows good (1) and bad (0) checksums; which of the bad are the pseudo-header's is for its other fields to say. */
function checksumOf(row: Row): string {
  const transport = transportOf(row);
  if (isFragment(row) || transport !== "tcp" && transport !== "udp") return "unchecked";
  const status = row[`${transport}.checksum.status`];
  if (status !== "0") return status === "1" ? "complete" : "unchecked";
  const { source, destination, protocol, transportBytes } = ipRow(row);
  let sum = Number(protocol) + transportBytes;
  [...bytesOf(source), ...bytesOf(destination)].forEach((byte, i) => sum += i % 2 === 0 ? byte * 256 : byte);
  while (sum > 0xffff) sum -= 0xffff;
  return sum === Number(row[`${transport}.checksum`]) ? "pseudoHeaderOnly" : "wrong";
}

const bytesOf = (address: string): Iterable<number> => parseAddress6(address) ?? address.split(".").map(Number);

function counted(counts: object): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

let theirs: Map<string, Row[]> | undefined;

async function assertAgreesWithTshark(file: URL): Promise<void> {
  const inspection = await inspectFile(file);
  theirs ??= dissect(
    [FIXTURE, ...noCorpus ? [] : JUDGED.map(([file]) => judgedFile(file))].map(({ pathname }) => pathname),
  );
  const rows = theirs.get(file.pathname)!;
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const lengths = rows.map((row) => Number(row["frame.len"]));
  const captured = rows.map((row) => Number(row["frame.cap_len"]));
  assertEquals([inspection.packets, inspection.bytes, inspection.capturedBytes], [
    rows.length,
    sum(lengths),
    sum(captured),
  ]);
  assertEquals(inspection.longestFrameBytes, Math.max(...lengths));
  assertEquals(inspection.framesAboveMtu, lengths.filter((length) => length > 1518).length);
  assertEquals(inspection.cutPackets, lengths.filter((length, i) => captured[i]! < length).length);

  const ethernet = inspection.ethernet!;
  assertEquals(counted(ethernet.network), tally(rows.map(networkOf)));
  const ipRows = rows.filter((row) => /^ipv[46]$/.test(networkOf(row)));
  assertEquals(counted(ethernet.transport), tally(ipRows.map(transportOf)));
  assertEquals(ethernet.fragments, ipRows.filter(isFragment).length);
  const counting = ipRows.filter((row) => ["tcp", "udp"].includes(transportOf(row)));
  assertEquals(ethernet.payloadBytes, sum(counting.map(payloadBytesOf)));
  assertEquals(counted(ethernet.checksums), tally(ipRows.map(checksumOf)));
  const flows = [...Map.groupBy(ipRows, flowOf).values()].map((packets) => {
    const { source, destination } = ipRow(packets[0]!);
    return { source, destination, packets: packets.length, payloadBytes: sum(packets.map(payloadBytesOf)) };
  });
  assertEquals(ethernet.flows, flows.length);
  const top = flows.sort((a, b) => b.payloadBytes - a.payloadBytes).slice(0, 10);
  const ours = ethernet.topFlows.map(({ source, destination, packets, payloadBytes }) => {
    return { source, destination, packets, payloadBytes };
  });
  assertEquals(ours, top);
}

/** Captures that tshark judges, and why. */
const JUDGED = [
  ["tso-64k-iplen0-headers-only", "super-packets of total length 0, cut to their headers"],
  ["bigtcp-ipv4-iplen0", "a packet above 64 KiB"],
  ["lro-pgsql-18k-cut-tail", "checksums left to a NIC"],
  ["mpls-and-vlan", "tagged frames and wrong checksums"],
  ["ipv4-fragments-afs", "fragments"],
  ["tls-dualstack-665-flows", "many flows of both IP versions"],
  ["udp-flood-9940-flows", "a flow per packet"],
  ["bulk-nfs-snaplen-stalls", "packets cut by the snap length"],
  ["esp-transport-v4v6", "ESP over both IP versions"],
  ["bulk-http-ipv6", "bulk TCP over IPv6"],
  ["bigtcp-ipv6-hbh-jumbo", "a jumbogram"],
  ["ipv6-fragments", "fragments of IPv6"],
  ["udp-quic-ipv6", "UDP over IPv6"],
  ["ikev2-esp-ipv6", "ESP and IKE over IPv6"],
  ["multi-if-126-idb-nrb", "126 interfaces"],
  ["bulk-smb-vlan", "tags"],
  ["bulk-iperf-mptcp-ppp", "PPP"],
  ["tso-sll2-any-64k", "Linux cooked capture, version 2"],
  ["sll-http", "Linux cooked capture, version 1"],
  ["null-loopback-redis-16k", "BSD loopback"],
  ["null-loopback-bigendian-snmp", "BSD loopback, big-endian"],
  ["raw-ip12-ipv6-http", "raw IP by its old number"],
  ["raw-ip-bigendian-opb", "raw IP in obsolete packet blocks of pcapng"],
  ["bulk-mptcp-2if-ns", "two interfaces with nanoseconds"],
  ["multi-if-eth-sll-comments", "Ethernet and cooked capture in one file"],
] as const;

const manifest = readManifest();

function judgedFile(file: string): URL {
  return new URL(manifest.find((row) => row.file.startsWith(`real/${file}.`))!.file, CORPUS);
}

const noCorpus = manifest.length === 0;
const noTshark = !canRun("tshark");

Deno.test("inspectCapture() counts bulk-tcp-ipv4.pcap as its README describes it", async () => {
  const inspection = await inspectFile(FIXTURE);
  const { ethernet, paths, ...counts } = inspection;
  assertEquals([counts.packets, counts.bytes, counts.capturedBytes, counts.cutPackets], [4770, 4803636, 4803636, 0]);
  assertEquals([counts.longestFrameBytes, counts.framesAboveMtu, counts.warnings], [1514, 0, []]);
  assertEquals([ethernet?.transport.tcp, ethernet?.checksums.complete, ethernet?.payloadBytes], [4770, 4770, 4488800]);
  assertEquals(ethernet?.topFlows.map((flow) => [flow.source, flow.sourcePort, flow.packets, flow.fullSizeSegments]), [
    ["192.0.2.1", 40000, 3103, 3100],
    ["192.0.2.2", 5001, 1667, 0],
  ]);
  assertEquals(paths.map(({ why }) => why.split(",")[0]), [
    "4770 of its packets are IPv4",
    "3103 of its packets come from 192.0.2.1",
    "3103 of its packets are for 192.0.2.2",
    "3103 of its packets come from 192.0.2.1",
  ]);
  assertEquals(paths.every(({ playable }) => playable), true);
});

Deno.test({
  name: "inspectCapture() measures the duration of bulk-tcp-ipv4.pcap as capinfos does",
  ignore: !canRun("capinfos"),
  async fn() {
    const args = ["-T", "-m", "-r", "-u", "-a", "-S", FIXTURE.pathname];
    const { stdout } = new Deno.Command("capinfos", { args, stderr: "null" }).outputSync();
    const [, duration, start] = new TextDecoder().decode(stdout).trimEnd().split(",");
    const { durationNs, t0EpochNs } = await inspectFile(FIXTURE);
    assertEquals(durationNs! / 1e9, Number(duration));
    assertEquals(String(t0EpochNs).slice(0, -3), start!.replace(".", "").slice(0, 16));
  },
});

Deno.test({
  name: "inspectCapture() agrees with tshark about bulk-tcp-ipv4.pcap",
  ignore: noTshark,
  fn: () => assertAgreesWithTshark(FIXTURE),
});

for (const [file, what] of JUDGED) {
  Deno.test({
    name: `inspectCapture() agrees with tshark about ${file}: ${what}`,
    ignore: noTshark || noCorpus,
    fn: () => assertAgreesWithTshark(judgedFile(file)),
  });
}

Deno.test({ name: "the corpus has captures to inspect", ignore: noCorpus }, () => {
  assertEquals(manifest.filter((row) => row.file.startsWith("real/")).length > 20, true);
  assertEquals(manifest.filter((row) => row.file.startsWith("malformed/")).length > 15, true);
});

for (const row of manifest) {
  Deno.test({ name: `inspectCapture() counts ${row.file} as capinfos does` }, async () => {
    const inspection = await inspectFile(new URL(row.file, CORPUS)).catch((error) => error);
    if (inspection instanceof CaptureError) return assertEquals(row.packets, "", "capinfos reads it.");
    if (inspection instanceof Error) throw inspection;
    assertEquals(inspection.warnings.length <= 1, true);
    if (row.packets === "") return;
    assertEquals([inspection.packets, inspection.bytes], [Number(row.packets), Number(row.dataBytes)]);
  });
}
