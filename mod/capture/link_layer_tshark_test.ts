/** tshark as judge of what lies behind the link layer: the same addresses and lengths, packet by packet. */

import { assertEquals } from "@std/assert";
import { FrameFacts } from "../wire/frame_facts.ts";
import { formatAddress } from "../wire/ipv4.ts";
import { sourceOfBytes } from "./byte_source.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { buildFrame } from "./testing_frames.ts";
import { linksOf } from "./testing_links.ts";
import { PcapngBuilder } from "./testing_pcapng.ts";
import { canRun, isThere, tsharkRowsOfEach } from "./testing_tools.ts";

const CORPUS = new URL("../../../shared/captures/real/", import.meta.url);

/** Number, source, destination and length of each packet whose network layer is IPv4, as we read them. */
async function readOurs(path: string): Promise<string[]> {
  const reader = await openCapture(sourceOfBytes(await Deno.readFile(path)), path);
  const packet = new CapturePacket();
  const facts = new FrameFacts();
  const lines: string[] = [];
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { bytes, offset, capturedBytes, originalBytes, linkType } = packet;
      facts.read(bytes, offset, capturedBytes, originalBytes, linkType);
      if (!facts.isIpv4) continue;
      lines.push(
        [packet.index + 1, formatAddress(facts.source), formatAddress(facts.destination), facts.ipBytes].join(),
      );
    }
  }
  return lines;
}

/** The same by tshark, of each capture: the outermost IPv4 header, unless IPv6 is outside of it. */
function readTheirs(paths: readonly string[]): Map<string, string[]> {
  const fields = ["ip.src", "ip.dst", "ip.len", "frame.protocols"];
  const rows = tsharkRowsOfEach(paths, fields, ["ip.defragment:FALSE", "ip.tso_support:TRUE"]);
  return new Map([...rows].map(([path, rows]) => [path, rows.flatMap(ipv4Of)]));
}

function ipv4Of([source, destination, length, protocols]: string[], index: number): string[] {
  const isOutermost = source !== "" && !/\bipv6\b.*\bip\b/.test(protocols!);
  return isOutermost ? [[index + 1, source, destination, length].join()] : [];
}

const ignore = !canRun("tshark");

Deno.test({
  name: "IPv4 is found behind every link layer where tshark finds it",
  ignore,
  async fn() {
    const file = new PcapngBuilder().section();
    const links = linksOf(140);
    for (const { linkType } of links) file.describe({ linkType });
    links.forEach(({ header }, interfaceId) => {
      const packet = buildFrame({ source: [10, 0, 0, interfaceId] }).subarray(14);
      file.enhanced({ bytes: Uint8Array.from([...header, ...packet]), interfaceId });
    });
    const path = await Deno.makeTempFile({ suffix: ".pcapng" });
    try {
      await Deno.writeFile(path, file.bytes);
      const ours = await readOurs(path);
      assertEquals(ours.length, links.length);
      assertEquals(ours, readTheirs([path]).get(path));
    } finally {
      await Deno.remove(path);
    }
  },
});

const FILES = [
  ...["bulk-smb-vlan.pcap", "pppoe-over-qinq.pcap", "mpls-and-vlan.pcap", "bulk-iperf-mptcp-ppp.pcap", "sll-http.pcap"],
  ...["tso-sll2-any-64k.pcap", "null-loopback-redis-16k.pcap", "null-loopback-bigendian-snmp.pcap"],
  ...["raw-ip12-ipv6-http.pcap", "raw-ip-bigendian-opb.pcapng", "multi-if-eth-sll-comments.pcapng"],
  ...["bulk-mptcp-2if-ns.pcapng", "esp-natt-gcm-ctr-cbc.pcapng", "multi-if-126-idb-nrb.pcapng"],
].map((file) => new URL(file, CORPUS));
let theirs: Map<string, string[]> | undefined;

for (const { pathname } of FILES) {
  Deno.test({
    name: `IPv4 is found where tshark finds it in ${pathname.split("/").at(-1)}`,
    ignore: ignore || !isThere(CORPUS),
    async fn() {
      theirs ??= readTheirs(FILES.map(({ pathname }) => pathname));
      assertEquals(await readOurs(pathname), theirs.get(pathname));
    },
  });
}
