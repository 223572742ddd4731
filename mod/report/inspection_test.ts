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
    "icmpv6": 0,
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
      "full_size_segments": 1,
      "aggregation": {
        "tcp_payload_packets": 1,
        "segments": 1,
        "super_packets": 0,
        "in_bursts_as_captured": {
          "aggregates": 1,
          "segments_per_aggregate": 1,
          "merged_packets": 0,
          "merged_percent": 0,
          "merged_packets_not_in_linux_4_4": 0,
          "ends": [
            {
              "reason": "ip-checksum",
              "aggregates": 1
            }
          ]
        },
        "polled_together": {
          "aggregates": 1,
          "segments_per_aggregate": 1,
          "merged_packets": 0,
          "merged_percent": 0,
          "merged_packets_not_in_linux_4_4": 0,
          "ends": [
            {
              "reason": "ip-checksum",
              "aggregates": 1
            }
          ]
        }
      }
    },
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "source_port": 40000,
      "destination_port": 5001,
      "protocol": "udp",
      "packets": 1,
      "payload_bytes": 100,
      "full_size_segments": null,
      "aggregation": null
    },
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "source_port": null,
      "destination_port": null,
      "protocol": "esp",
      "packets": 1,
      "payload_bytes": 100,
      "full_size_segments": null,
      "aggregation": null
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
      "why": "3 of its packets are IPv4, 0 are IPv6"
    },
    {
      "path": "send",
      "playable": true,
      "why": "3 of its packets come from 192.0.2.1, which sent the most"
    },
    {
      "path": "receive",
      "playable": true,
      "why": "1 of its packets are ESP for 192.0.2.2, and arrive as they are: what the SA does not open is dropped"
    },
    {
      "path": "host-to-host",
      "playable": true,
      "why": "3 of its packets come from 192.0.2.1, which sent the most"
    }
  ],
  "warnings": [
    "Cannot read small.pcap to its end: it ends inside a packet (153 of 154 bytes), after 3 packets, at byte 1788"
  ],
  "interfaces": [],
  "reframed": 0,
  "esp_sas": [
    {
      "source": "192.0.2.1",
      "destination": "192.0.2.2",
      "spi": "0x030a1118",
      "encapsulation": "ip",
      "packets": 1,
      "bytes": 100,
      "first_sequence": 522595636,
      "last_sequence": 522595636,
      "gaps": 0,
      "late": 0
    }
  ],
  "esp_packets_of_other_sas": 0,
  "aggregation": {
    "rules": "linux-6.1",
    "poll_packets_max": 64,
    "burst_us": 50,
    "flows_followed_max": 16384,
    "tcp_payload_packets": 1,
    "segments": 1,
    "super_packets": 0,
    "in_bursts_as_captured": {
      "aggregates": 1,
      "segments_per_aggregate": 1,
      "merged_packets": 0,
      "merged_percent": 0,
      "merged_packets_not_in_linux_4_4": 0,
      "ends": [
        {
          "reason": "ip-checksum",
          "aggregates": 1
        }
      ]
    },
    "polled_together": {
      "aggregates": 1,
      "segments_per_aggregate": 1,
      "merged_packets": 0,
      "merged_percent": 0,
      "merged_packets_not_in_linux_4_4": 0,
      "ends": [
        {
          "reason": "ip-checksum",
          "aggregates": 1
        }
      ]
    },
    "packets_of_other_flows": 0
  }
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
  assertEquals([...inside, radio.top_flows, radio.checksums, radio.aggregation], Array(9).fill(null));
  assertEquals([radio.esp_sas, radio.esp_packets_of_other_sas], [null, null]);
  assertEquals([empty.esp_sas, empty.esp_packets_of_other_sas], [[], 0]);
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
Transport      TCP 1, UDP 1, ICMP 0, ICMPv6 0, ESP 1, other 0
Fragments      0
Checksums      complete 1, pseudo-header only 1, wrong 0, unchecked 1
Payload        1560 bytes of TCP and UDP
Flows          3

                                                                 full_
                                                    payload_     size_  segments_  segments_
source           destination     protocol  packets     bytes  segments  in_bursts   together  ended_mostly_by
---------------  --------------  --------  -------  --------  --------  ---------  ---------  --------------------------------------
192.0.2.1:40000  192.0.2.2:5001  tcp             1      1460         1       1.00       1.00  IP checksum wrong or left to the NIC 1
192.0.2.1:40000  192.0.2.2:5001  udp             1       100
192.0.2.1        192.0.2.2       esp             1       100

GRO            of Linux 6.1 would merge 1 TCP packets with payload:
In bursts      1.00 segments at a time, 0.00 % of packets join (a poll takes what arrives within 50 us, 64 packets at most)
               what ends aggregates: IP checksum wrong or left to the NIC 1
Together       1.00 segments at a time, 0.00 % of packets join (every poll takes 64 packets, whatever their stamps)
               what ends aggregates: IP checksum wrong or left to the NIC 1

ESP SAs        1

                                                             first_      last_
source     destination  spi         over  packets  bytes   sequence   sequence  gaps  late
---------  -----------  ----------  ----  -------  -----  ---------  ---------  ----  ----
192.0.2.1  192.0.2.2    0x030a1118  ip          1    100  522595636  522595636     0     0

Path           forward can play it: 3 of its packets are IPv4, 0 are IPv6
Path           send can play it: 3 of its packets come from 192.0.2.1, which sent the most
Path           receive can play it: 1 of its packets are ESP for 192.0.2.2, and arrive as they are: what the SA does not open is dropped
Path           host-to-host can play it: 3 of its packets come from 192.0.2.1, which sent the most
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
Transport      TCP 0, UDP 0, ICMP 0, ICMPv6 0, ESP 0, other 0
Fragments      0
Checksums      complete 0, pseudo-header only 0, wrong 0, unchecked 0
Payload        0 bytes of TCP and UDP
Flows          0

Path           forward cannot play it: the capture holds no packet
Path           send cannot play it: the capture holds no packet
Path           receive cannot play it: the capture holds no packet
Path           host-to-host cannot play it: the capture holds no packet
`,
  );
  const radio = renderInspection(await inspect("x", RECORDS, { linkType: 127 })).split("\n");
  assertEquals(radio.slice(10), [
    "Contents       unknown: link type not understood",
    "",
    "Path           forward cannot play it: its link type is not understood (ieee802-11-radiotap)",
    "Path           send cannot play it: its link type is not understood (ieee802-11-radiotap)",
    "Path           receive cannot play it: its link type is not understood (ieee802-11-radiotap)",
    "Path           host-to-host cannot play it: its link type is not understood (ieee802-11-radiotap)",
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

/** An ESP packet over IPv6 with its SPI and sequence number, and `bytes` behind them. */
function espFrame(spi: number, sequence: number, bytes: number = 60): Uint8Array {
  const payload = [
    ...[24, 16, 8, 0].map((shift) => (spi >>> shift) & 0xff),
    0,
    0,
    0,
    sequence,
    ...Array<number>(bytes).fill(0),
  ];
  return buildFrame({ ipVersion: 6, protocol: 50, payload });
}

Deno.test("renderInspection() lists the SAs with the most bytes and says how many there are", async () => {
  const records = Array.from(
    { length: 11 },
    (_, i) => ({ seconds: 1, fraction: 0, bytes: espFrame(0x100 + i, 1, i % 3) }),
  );
  const lines = renderInspection(await inspect("x", records)).split("\n");
  assert(lines.includes("ESP SAs        11, the 10 with the most bytes:"), lines.join("\n"));
  const listed = lines.flatMap((line) => line.match(/^2001:db8::1\s+2001:db8::2\s+0x000001(..)\s+ip /)?.[1] ?? []);
  assertEquals(listed, ["02", "05", "08", "01", "04", "07", "0a", "00", "03", "06"]);
});

Deno.test("renderInspection() and inspectionJson() say so where there are more SAs than they follow", async () => {
  const records = Array.from({ length: 1030 }, (_, i) => ({ seconds: 1, fraction: 0, bytes: espFrame(0x1000 + i, 1) }));
  const inspection = await inspect("x", records);
  const told =
    "\nESP SAs        more than 1024, and 6 packets are of others than the first 1024, the 10 with the most bytes:\n";
  assert(renderInspection(inspection).includes(told), renderInspection(inspection));
  const json = JSON.parse(inspectionJson(inspection));
  assertEquals([json.esp_sas.length, json.esp_packets_of_other_sas], [1024, 6]);
});

Deno.test("renderInspection() puts an IPv6 address in brackets before a port", async () => {
  const page = renderInspection(
    await inspect("x", [
      { seconds: 1, fraction: 0, bytes: buildFrame({ ipVersion: 6 }) },
      { seconds: 1, fraction: 0, bytes: buildFrame({ ipVersion: 6, protocol: 58 }) },
    ]),
  );
  assert(page.includes("\n[2001:db8::1]:40000  [2001:db8::2]:5001  tcp "), page);
  assert(page.includes("\n2001:db8::1          2001:db8::2         icmpv6 "), page);
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
