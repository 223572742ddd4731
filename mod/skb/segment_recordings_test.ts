/**
 * segment() against recordings of Linux 6.1: each recorded call of skb_segment is made again on a buffer of the recorded
 * shape, and segments and copies are compared. Ignored where the recordings are missing.
 *
 * The recordings do not see the copy of linear payload with scatter-gather (an inline memcpy): reason segment-linear is left
 * out of the comparison of bytes. Received frames had 64 bytes of headroom, headers of local TCP all of MAX_TCP_HEADER.
 */

import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/csv";
import { headerRelease } from "./clone_ops.ts";
import { segment } from "./segment.ts";
import type { SegmentFeatures } from "./segment_plan.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import { assertSameBytes, SkbFixture, type SkbShape } from "./testing.ts";

const DRIVER_HEADROOM = 64;
const MAX_TCP_HEADER = 320;
const NO_FEATURES: SegmentFeatures = { scatterGather: false, checksumOffload: false, fragListOffload: false };

/** The fields of `scenario.json` that matter here. */
interface Settings {
  readonly path: string;
  readonly rx_layout?: string | readonly string[];
  /** Ethernet, IP and TCP headers of a received frame. */
  readonly header_bytes: number;
  readonly nic_sg: "on" | "off";
  readonly nic_tx_csum: "on" | "off";
  readonly nic_tso: "on" | "off";
  readonly sa?: readonly unknown[];
}

/** One recorded call of skb_segment. */
interface Call {
  readonly label: string;
  readonly settings: Settings;
  readonly row: Readonly<Record<string, string>>;
}

const calls = [...readCalls("../../../shared/oracle/"), ...readCalls("../../../shared/oracle-2/")];

function readCalls(path: string): Call[] {
  const root = new URL(path, import.meta.url);
  return entriesOf(root).filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort().flatMap((name) => {
    const folder = new URL(`${name}/`, root);
    if (!entriesOf(folder).some((file) => file.name === "expected_gso.csv")) return [];
    const settings = JSON.parse(Deno.readTextFileSync(new URL("scenario.json", folder))) as Settings;
    const rows = parse(Deno.readTextFileSync(new URL("expected_gso.csv", folder)), { skipFirstRow: true });
    return rows.map((row, i) => ({ label: `${name} call ${i}`, settings, row }));
  });
}

function entriesOf(folder: URL): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function numbers(text: string | undefined): number[] {
  return text === undefined || text === "" ? [] : text.split("/").map(Number);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** What the segments had to be: aggregates are cut for ESP without features, else for the device. */
function featuresOf({ settings, row }: Call): SegmentFeatures {
  if (row["where"] === "xfrm_output_gso" || settings.sa !== undefined) return NO_FEATURES;
  return {
    scatterGather: settings.nic_sg === "on",
    checksumOffload: settings.nic_tx_csum === "on",
    fragListOffload: settings.nic_tso === "on",
  };
}

/** Fragment sizes of a list member, of which only the number was recorded: those of the head in turn, the last to fit. */
function memberFrags(headFrags: readonly number[], count: number, bytes: number): number[] {
  const sizes = Array.from({ length: count }, (_, i) => headFrags[i % headFrags.length]!);
  if (count > 0) sizes[count - 1]! += bytes - sum(sizes);
  return sizes;
}

/** The recorded aggregate with its headers in front, `headerBytes` of them. */
function build(fixture: SkbFixture, { settings, row }: Call, headerBytes: number): Skb {
  const payloadAt = settings.path === "forward" ? DRIVER_HEADROOM + settings.header_bytes : MAX_TCP_HEADER;
  const [own = "", list = ""] = row["layout"]!.split(";").map((part) => part.split("=")[1]!);
  const frags = numbers(own);
  const members = list === "" ? [] : list.split("/").map((member): SkbShape => {
    const [len, headlen, nrFrags, , tailspace] = member.split(":").map(Number) as [number, number, number, 0, number];
    const room = payloadAt + headlen + tailspace;
    return { request: room, headroom: payloadAt, linear: headlen, frags: memberFrags(frags, nrFrags, len - headlen) };
  });
  const headlen = Number(row["headlen"]);
  const linear = headerBytes + headlen;
  const head = fixture.build({
    request: payloadAt + headlen,
    headroom: payloadAt - headerBytes,
    linear,
    frags,
    members,
  });
  head.head.gsoSize = Number(row["gso_size"]);
  head.ipSummed = CHECKSUM.partial;
  for (let member = head.head.fragList; member !== null; member = member.next) {
    member.headFrag = settings.rx_layout === "build-skb";
    headerRelease(member);
  }
  return head;
}

function check(call: Call): void {
  const { row, label } = call;
  const fixture = new SkbFixture("6.1");
  const lengths = numbers(row["seg_len"]);
  const headerBytes = (sum(lengths) - Number(row["len"])) / lengths.length;
  const head = build(fixture, call, headerBytes);
  assertEquals(head.len, headerBytes + Number(row["len"]), label);
  const whole = fixture.bytesOf(head);
  fixture.takeRows();
  const segments: Skb[] = [];
  assert(segment(fixture.skbs, head, headerBytes, featuresOf(call), (part) => segments.push(part)), label);
  const copies = fixture.takeCopies().filter(([reason]) => reason !== "segment-linear");
  assertEquals(
    {
      lengths: segments.map(({ len }) => len),
      paged: segments.map(({ dataLen }) => dataLen),
      frags: segments.map(({ nrFrags }) => nrFrags),
      tailspace: segments.map(({ head, tail }) => head.endOffset - tail),
      ipSummed: segments.map(({ ipSummed }) => ipSummed),
      copied: sum(copies.map(([, bytes]) => bytes)),
    },
    {
      lengths,
      paged: numbers(row["seg_data_len"]),
      frags: numbers(row["seg_nr_frags"]),
      tailspace: numbers(row["seg_tailspace"]),
      ipSummed: numbers(row["seg_ip_summed"]),
      copied: Number(row["bytes_copied"]),
    },
    label,
  );
  let at = headerBytes;
  for (const part of segments) {
    const bytes = fixture.bytesOf(part);
    assertSameBytes(bytes.subarray(0, headerBytes), whole.subarray(0, headerBytes), label);
    assertSameBytes(bytes.subarray(headerBytes), whole.subarray(at, at + part.len - headerBytes), label);
    at += part.len - headerBytes;
  }
  assertEquals(at, whole.length, label);
  fixture.free(head, ...segments);
  fixture.assertNothingLives(label);
}

Deno.test({
  name: "segment() makes the segments and the copies that Linux 6.1 was recorded to make",
  ignore: calls.length === 0,
  fn: () => calls.forEach(check),
});
