/** tshark as judge of what IP packets hold, packet by packet: IPv6 with its extension headers, and ESP of either version. */

import { assertEquals } from "@std/assert";
import { FrameFacts } from "../wire/frame_facts.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import { sourceOfBytes } from "./byte_source.ts";
import type { EspSaSummary } from "./esp_census.ts";
import { inspectCapture } from "./inspection.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { buildFrame } from "./testing_frames.ts";
import { linksOf } from "./testing_links.ts";
import { PcapngBuilder } from "./testing_pcapng.ts";
import { canRun, isThere, tsharkRowsOfEach } from "./testing_tools.ts";

const CORPUS = new URL("../../../shared/captures/", import.meta.url);
const ignore = !canRun("tshark") || !isThere(CORPUS);

/** Number, addresses, protocol, ports, length and payload of each packet whose network layer is IPv6, as we read them. */
async function readIpv6(path: string): Promise<string[]> {
  const reader = await openCapture(sourceOfBytes(await Deno.readFile(path)), path);
  const packet = new CapturePacket();
  const facts = new FrameFacts();
  const lines: string[] = [];
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { bytes, offset, capturedBytes, originalBytes, linkType } = packet;
      facts.read(bytes, offset, capturedBytes, originalBytes, linkType);
      if (!facts.isIpv6) continue;
      const { ipAt, protocol, sourcePort, destinationPort, ipBytes } = facts;
      const payload = protocol === 6 && !facts.isLaterFragment ? facts.payloadBytes : "";
      const addresses = [formatAddress6(bytes, ipAt + 8), formatAddress6(bytes, ipAt + 24)];
      lines.push([packet.index + 1, ...addresses, protocol, sourcePort, destinationPort, ipBytes, payload].join());
    }
  }
  return lines;
}

/** The same by tshark, of each capture: the outermost IPv6 header, unless IPv4 is outside of it. */
function dissectIpv6(paths: readonly string[]): Map<string, string[]> {
  const fields = ["ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.plen", "ipv6.opt.jumbo", "frame.protocols"];
  const nexts = ["ipv6.hopopts.nxt", "ipv6.routing.nxt", "ipv6.fraghdr.nxt", "ipv6.dstopts.nxt"];
  const ports = ["tcp.srcport", "tcp.dstport", "tcp.len", "udp.srcport", "udp.dstport"];
  const rows = tsharkRowsOfEach(paths, [...fields, ...nexts, ...ports], ["ipv6.defragment:FALSE"]);
  return new Map([...rows].map(([path, rows]) => [path, rows.flatMap(ipv6Of)]));
}

function ipv6Of(row: string[], index: number): string[] {
  const [source, destination, next, length, jumbo, protocols, hop, routing, fragment, options, ...transport] = row;
  if (source === "" || /\bip:.*\bipv6\b/.test(protocols!)) return [];
  const behind: Record<string, string> = { 0: hop!, 43: routing!, 44: fragment!, 60: options! };
  let protocol = next!;
  while (Object.hasOwn(behind, protocol)) protocol = behind[protocol]!;
  const [tcpSource, tcpDestination, tcpBytes, udpSource, udpDestination] = transport;
  // An ICMP error shows the ports of the packet that it quotes.
  const isTcp = protocol === "6";
  const isUdp = protocol === "17";
  const sourcePort = (isTcp ? tcpSource : isUdp ? udpSource : "") || 0;
  const destinationPort = (isTcp ? tcpDestination : isUdp ? udpDestination : "") || 0;
  const ipBytes = Number(jumbo || length) + 40;
  const payload = isTcp ? tcpBytes : "";
  return [[index + 1, source, destination, protocol, sourcePort, destinationPort, ipBytes, payload].join()];
}

const IPV6_FILES = (
  [
    ["real/bulk-http-ipv6.pcap", 2007],
    ["real/bigtcp-ipv6-hbh-jumbo.pcap", 1],
    ["real/ipv6-fragments.pcap", 36],
    ["real/udp-quic-ipv6.pcap", 917],
    ["real/raw-ip12-ipv6-http.pcap", 81],
    ["real/tls-dualstack-665-flows.pcap", 4440],
    ["real/ikev2-esp-ipv6.pcap", 197],
    ["real/esp-transport-v4v6.pcap", 421],
    ["real/bulk-iperf-mptcp-ppp.pcap", 6],
    ["real/multi-if-126-idb-nrb.pcapng", 17],
  ] as const
).map(([file, packets]) => ({ file, packets, path: new URL(file, CORPUS).pathname }));
let theirs: Map<string, string[]> | undefined;

for (const { file, packets, path } of IPV6_FILES) {
  Deno.test({
    name: `FrameFacts reads the IPv6 packets of ${file} as tshark does`,
    ignore,
    async fn() {
      theirs ??= dissectIpv6(IPV6_FILES.map(({ path }) => path));
      const ours = await readIpv6(path);
      assertEquals(ours.length, packets);
      assertEquals(ours, theirs.get(path));
    },
  });
}

Deno.test({
  name: "IPv6 is found behind every link layer where tshark finds it",
  ignore: !canRun("tshark"),
  async fn() {
    const frame = buildFrame({ ipVersion: 6, nextHeader: 60, extensions: [6, 0, 1, 4, 0, 0, 0, 0] }).subarray(14);
    const links = linksOf(frame.length, 6);
    const file = new PcapngBuilder().section();
    for (const { linkType } of links) file.describe({ linkType });
    links.forEach(({ header }, interfaceId) => {
      file.enhanced({ bytes: Uint8Array.from([...header, ...frame]), interfaceId });
    });
    const path = await Deno.makeTempFile({ suffix: ".pcapng" });
    try {
      await Deno.writeFile(path, file.bytes);
      const ours = await readIpv6(path);
      assertEquals(ours.length, links.length);
      assertEquals(ours, dissectIpv6([path]).get(path));
    } finally {
      await Deno.remove(path);
    }
  },
});

/** SAs as tshark sees them in each capture, ESP behind AH left out: key, packets, first and last sequence number. */
function dissectSas(paths: readonly string[]): Map<string, string[]> {
  const fields = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "esp.spi", "esp.sequence", "frame.protocols"];
  const rows = tsharkRowsOfEach(paths, fields, ["ip.defragment:FALSE", "ipv6.defragment:FALSE"]);
  return new Map([...rows].map(([path, rows]) => [path, sasOf(rows)]));
}

function sasOf(all: string[][]): string[] {
  const rows = all.filter(([, , , , spi, , protocols]) =>
    spi !== "" && spi !== undefined && !/\bah\b/.test(protocols!)
  );
  const sas = Map.groupBy(rows, ([source, destination, source6, destination6, spi, , protocols]) => {
    return [source || source6, destination || destination6, Number(spi), /\budp\b/.test(protocols!) ? "udp" : "ip"]
      .join();
  });
  return [...sas].map(([key, packets]) => {
    return [key, packets.length, Number(packets[0]![5]), Number(packets.at(-1)![5])].join();
  });
}

function summaryOf(sa: EspSaSummary): string {
  const { source, destination, spi, encapsulation, packets, firstSequence, lastSequence } = sa;
  return [source, destination, spi, encapsulation, packets, firstSequence, lastSequence].join();
}

const ESP_FILES = (
  [
    ["esp-transport-v4v6.pcap", 24],
    ["esp-tunnel-aes256cbc.pcap", 1],
    ["esp-natt-gcm-ctr-cbc.pcapng", 6],
    ["ike-natt-esp-834.pcap", 74],
    ["ikev2-esp-ipv6.pcap", 8],
    ["ah-then-esp.pcap", 0],
    ["nanosecond-snaplen64.pcap", 0], // Its ESP packet is cut off behind the IP header.
    ["bulk-http-ipv6.pcap", 0],
  ] as const
).map(([file, sas]) => ({ file, sas, path: new URL(`real/${file}`, CORPUS).pathname }));
let theirSas: Map<string, string[]> | undefined;

for (const { file, sas, path } of ESP_FILES) {
  Deno.test({
    name: `inspectCapture() lists the SAs of ${file} as tshark does`,
    ignore,
    async fn() {
      theirSas ??= dissectSas(ESP_FILES.map(({ path }) => path));
      const { ethernet } = await inspectCapture(sourceOfBytes(await Deno.readFile(path)), file);
      assertEquals(ethernet!.esp.sas.length, sas);
      assertEquals(ethernet!.esp.sas.map(summaryOf), theirSas.get(path));
    },
  });
}
