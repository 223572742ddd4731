import { assert, assertEquals } from "@std/assert";
import { inspectCapture, type Inspection } from "../capture/inspection.ts";
import { sourceOfBytes } from "../capture/mod.ts";
import { buildPcap, type PcapHeaderFields, type PcapRecordFields } from "../capture/testing.ts";
import { buildFrame } from "../capture/testing_frames.ts";
import { nameOption, PcapngBuilder } from "../capture/testing_pcapng.ts";
import { inspectionJson, renderInspection } from "./inspection.ts";

function inspect(
  name: string,
  records: readonly PcapRecordFields[],
  header: PcapHeaderFields = {},
): Promise<Inspection> {
  return inspectCapture(sourceOfBytes(buildPcap(header, records)), name);
}

const RECORDS: readonly PcapRecordFields[] = [
  { seconds: 1700000000, fraction: 1, bytes: buildFrame({ payloadBytes: 1460 }) },
  { seconds: 1700000001, fraction: 0, bytes: buildFrame({ protocol: 17, checksum: "pseudo-header" }) },
  { seconds: 1700000001, fraction: 2, bytes: buildFrame({ protocol: 50 }).subarray(0, 60), originalLength: 134 },
  { seconds: 1700000003, fraction: 3, bytes: buildFrame({ etherType: 0x0806 }) },
];

Deno.test("inspectionJson() writes keys in a fixed order, indented by 2 spaces, with a line feed at the end", async () => {
  const file = buildPcap({}, RECORDS);
  const cut = await inspectCapture(sourceOfBytes(file.subarray(0, file.length - 1)), "small.pcap");
  assertEquals(
    inspectionJson(cut),
    `{
  "name": "small.pcap",
  "format": "pcap",
  "packets": 3,
  "bytes": 1790,
  "captured_bytes": 1716,
  "t0_epoch_ns": "1700000000000001000",
  "duration_ms": 1000.001,
  "link_types": [
    {
      "link_type": 1,
      "name": "ethernet",
      "packets": 3
    }
  ],
  "network": {
    "ipv4": 3,
    "ipv6": 0,
    "arp": 0,
    "other": 0
  },
  "transport": {
    "tcp": 1,
    "udp": 1,
    "icmp": 0,
    "esp": 1,
    "other": 0
  },
  "fragments": 0,
  "longest_frame_bytes": 1514,
  "frames_above_mtu": 0,
  "cut_packets": 1,
  "payload_bytes": 1560,
  "flows": 3,
  "top_flows": [
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "source_port": 40000,
      "destination_port": 5001,
      "protocol": "tcp",
      "packets": 1,
      "payload_bytes": 1460,
      "full_size_segments": 1
    },
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "source_port": 40000,
      "destination_port": 5001,
      "protocol": "udp",
      "packets": 1,
      "payload_bytes": 100,
      "full_size_segments": null
    },
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "source_port": null,
      "destination_port": null,
      "protocol": "esp",
      "packets": 1,
      "payload_bytes": 100,
      "full_size_segments": null
    }
  ],
  "checksums": {
    "complete": 1,
    "pseudo_header_only": 1,
    "wrong": 0,
    "unchecked": 1
  },
  "paths": [
    {
      "path": "forward",
      "playable": true,
      "why": "3 of its packets are IPv4"
    }
  ],
  "warnings": [
    "Cannot read small.pcap to its end: it ends inside a packet (153 of 154 bytes), after 3 packets, at byte 1788"
  ],
  "interfaces": [],
  "reframed": 0
}
`,
  );
});

Deno.test("inspectionJson() writes null for what is unknown, and 0 for what is known to be 0", async () => {
  const empty = JSON.parse(inspectionJson(await inspect("x", [])));
  assertEquals([empty.t0_epoch_ns, empty.duration_ms, empty.longest_frame_bytes], [null, null, null]);
  assertEquals([empty.packets, empty.bytes, empty.flows, empty.network.ipv4, empty.top_flows], [0, 0, 0, 0, []]);
  const radio = JSON.parse(inspectionJson(await inspect("x", RECORDS, { linkType: 127 })));
  const inside = [radio.network, radio.transport, radio.fragments, radio.payload_bytes, radio.flows, radio.reframed];
  assertEquals([...inside, radio.top_flows, radio.checksums], Array(8).fill(null));
  assertEquals([radio.packets, radio.longest_frame_bytes], [4, 1514]);
  assertEquals(Object.keys(radio), Object.keys(empty));
});

Deno.test("renderInspection() lines up labels, counts, flows and paths", async () => {
  assertEquals(
    renderInspection(await inspect("small.pcap", RECORDS)),
    `Capture        small.pcap (pcap)
Packets        4
Bytes          1944, captured 1870
First packet   2023-11-14T22:13:20.000001000Z
Duration       3000.002000 ms
Link types     ethernet 4
Longest frame  1514 bytes
Above MTU      0 (frames of more than 1518 bytes)
Cut            1 (packets that lack bytes)

Network        IPv4 3, IPv6 0, ARP 1, other 0
Re-framed      0 (tags or another link layer than plain Ethernet)
IPv4           TCP 1, UDP 1, ICMP 0, ESP 1, other 0
Fragments      0
Checksums      complete 1, pseudo-header only 1, wrong 0, unchecked 1
Payload        1560 bytes of TCP and UDP
Flows          3

                                                                 full_
                                                    payload_     size_
source           destination     protocol  packets     bytes  segments
---------------  --------------  --------  -------  --------  --------
192.0.2.1:40000  192.0.2.2:5001  tcp             1      1460         1
192.0.2.1:40000  192.0.2.2:5001  udp             1       100
192.0.2.1        192.0.2.2       esp             1       100

Path           forward can play it: 3 of its packets are IPv4
`,
  );
});

Deno.test("renderInspection() says unknown and none instead of leaving a blank", async () => {
  assertEquals(
    renderInspection(await inspect("none.pcap", [])),
    `Capture        none.pcap (pcap)
Packets        0
Bytes          0, captured 0
First packet   unknown
Duration       unknown
Link types     none
Longest frame  unknown
Above MTU      0 (frames of more than 1518 bytes)
Cut            0 (packets that lack bytes)

Network        IPv4 0, IPv6 0, ARP 0, other 0
Re-framed      0 (tags or another link layer than plain Ethernet)
IPv4           TCP 0, UDP 0, ICMP 0, ESP 0, other 0
Fragments      0
Checksums      complete 0, pseudo-header only 0, wrong 0, unchecked 0
Payload        0 bytes of TCP and UDP
Flows          0

Path           forward cannot play it: the capture holds no packet
`,
  );
  const radio = renderInspection(await inspect("x", RECORDS, { linkType: 127 })).split("\n");
  assertEquals(radio.slice(10), [
    "Contents       unknown: link type not understood",
    "",
    "Path           forward cannot play it: its link type is not understood (ieee802-11-radiotap)",
    "",
  ]);
});

Deno.test("renderInspection() and inspectionJson() name interfaces, control characters made visible", async () => {
  const file = new PcapngBuilder().section().describe({ options: [nameOption("=1+1")], snaplen: 96 })
    .describe({ linkType: 113, options: [nameOption("\x1b[2Jeth0\n")] }).describe({ linkType: 9 })
    .enhanced({ bytes: buildFrame() }).simple(buildFrame().subarray(0, 96), 154);
  const inspection = await inspectCapture(sourceOfBytes(file.bytes), "x.pcapng");
  const page = renderInspection(inspection);
  assert(page.includes("\nInterfaces     =1+1 (ethernet), \\x1b[2Jeth0\\n (linux-sll), unnamed (ppp)\n"), page);
  const json = inspectionJson(inspection);
  assertEquals(/[\p{Cc}\p{Cf}]/u.test(json.replaceAll("\n", "")), false);
  assertEquals(JSON.parse(json).interfaces, [
    { link_type: 1, name: "=1+1", snaplen_bytes: 96 },
    { link_type: 113, name: "\x1b[2Jeth0\n", snaplen_bytes: 262144 },
    { link_type: 9, name: null, snaplen_bytes: 262144 },
  ]);
  for (let more = 0; more < 7; more++) file.describe();
  const many = renderInspection(await inspectCapture(sourceOfBytes(file.bytes), "x.pcapng"));
  assert(many.includes("unnamed (ethernet), unnamed (ethernet) and 2 more\n"), many);
});

Deno.test("renderInspection() and inspectionJson() know no time where no packet has a stamp", async () => {
  const file = new PcapngBuilder().section().describe().simple(buildFrame());
  const inspection = await inspectCapture(sourceOfBytes(file.bytes), "x.pcapng");
  assert(renderInspection(inspection).includes("\nFirst packet   unknown\nDuration       unknown\n"));
  const { t0_epoch_ns, duration_ms, packets } = JSON.parse(inspectionJson(inspection));
  assertEquals([t0_epoch_ns, duration_ms, packets], [null, null, 1]);
});

Deno.test("renderInspection() says how many flows there are when it does not list them all", async () => {
  const records = Array.from(
    { length: 11 },
    (_, port) => ({ seconds: 1, fraction: 0, bytes: buildFrame({ sourcePort: port + 1 }) }),
  );
  const lines = renderInspection(await inspect("x", records)).split("\n");
  assert(lines.includes("Flows          11, the 10 with the most payload:"));
  assertEquals(lines.filter((line) => line.includes("192.0.2.1:")).length, 10);
});

Deno.test("renderInspection() and inspectionJson() print the warning of a damaged capture", async () => {
  const file = buildPcap({}, RECORDS);
  const inspection = await inspectCapture(sourceOfBytes(file.subarray(0, file.length - 1)), "cut.pcap");
  const last = renderInspection(inspection).trimEnd().split("\n").at(-1)!;
  assertEquals(last.startsWith("Warning        Cannot read cut.pcap to its end: it ends inside a packet"), true);
  assertEquals(JSON.parse(inspectionJson(inspection)).warnings, inspection.warnings);
});

const HOSTILE = "\x1b[2J\x9b31m\r\nPackets        9\u202e\x07.pcap";

Deno.test("renderInspection() and inspectionJson() show control characters of a hostile name, wherever it is", async () => {
  const file = buildPcap({}, RECORDS);
  const inspection = await inspectCapture(sourceOfBytes(file.subarray(0, file.length - 1)), HOSTILE);
  const page = renderInspection(inspection);
  const json = inspectionJson(inspection);
  for (const text of [page, json]) assertEquals(/[\p{Cc}\p{Cf}]/u.test(text.replaceAll("\n", "")), false);
  const shown = "\\x1b[2J\\x9b31m\\r\\nPackets        9\\u202e\\x07.pcap";
  const [first, second] = page.split("\n");
  assertEquals([first, second], [`Capture        ${shown} (pcap)`, "Packets        3"]);
  assert(page.includes(`Cannot read ${shown} to its end`));
  assertEquals(JSON.parse(json).name, HOSTILE);
});

Deno.test("renderInspection() writes stamps that have no date as a number", async () => {
  const inspection = await inspect("x", RECORDS);
  const firstPacket = (t0EpochNs: bigint): string => renderInspection({ ...inspection, t0EpochNs }).split("\n")[3]!;
  assertEquals(firstPacket(0n), "First packet   1970-01-01T00:00:00.000000000Z");
  assertEquals(firstPacket(253402300799999999999n), "First packet   9999-12-31T23:59:59.999999999Z");
  assertEquals(firstPacket(253402300800000000000n), "First packet   253402300800000000000 ns after 1970-01-01");
  assertEquals(firstPacket(-1n), "First packet   -1 ns after 1970-01-01");
});
