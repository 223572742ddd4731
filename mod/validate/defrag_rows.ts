/**
 * Fragments of ESP packets, received: those that the model has sent go through its reassembly (`stages/ip_defrag.ts`), and must
 * come out in the shape that esp_input of the other host found (`expected_esp_rx.csv`). A veth device hands buffers over as they
 * are.
 *
 * @module
 */

import { pull } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "../stages/host.ts";
import { FRAGMENT_WAIT_NS, IpDefrag, placeOfIpv4, placeOfIpv6, removeFragmentHeader } from "../stages/ip_defrag.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { Comparison } from "./comparison.ts";
import type { OpenedFrame } from "./opened_frames.ts";
import type { Recording } from "./recording.ts";
import { skbRow } from "./skb_row.ts";
import type { TableRow } from "./table.ts";

/** What the values are called: no stage of the table is this. */
const LABEL = "reassembly in front of expected_esp_rx.csv";
const COLUMNS = ["len", "data_len", "headlen", "nr_frags", "frag_list_n", "layout"];

/** The packet that `fragments`, whose data begin at their Ethernet headers, are put together to; its data begin at the IP header. */
export function putTogether(host: Host, fragments: readonly Skb[]): Skb | null {
  const { memory } = host.skbs;
  const isIpv6 = ip.isIpv6(memory.u8, fragments[0]!.dataAt + ETH_HLEN);
  const defrag = new IpDefrag(host, isIpv6 ? FRAGMENT_WAIT_NS.ipv6 : FRAGMENT_WAIT_NS.ipv4);
  let whole: Skb | null = null;
  for (const skb of fragments) {
    skb.macHeader = skb.data;
    pull(skb, ETH_HLEN);
    const { u8 } = memory;
    const place = isIpv6 ? placeOfIpv6(u8, skb.dataAt, ipv6.HEADER_BYTES) : placeOfIpv4(u8, skb.dataAt);
    whole = defrag.take(skb, place) ?? whole;
  }
  defrag.release();
  if (whole !== null && isIpv6) removeFragmentHeader(host, whole, ipv6.HEADER_BYTES, ipv6.OFFSET_NEXT_HEADER);
  return whole;
}

/** Compares the shape of `whole`, the packet of `frame`, where the recording says how the other host received it. */
export function compareDefragmented(
  { tables, scenario }: Recording,
  host: Host,
  whole: Skb,
  { sa, sequence }: OpenedFrame,
  comparison: Comparison,
): void {
  const rows = tables.get("expected_esp_rx.csv")?.rows ?? [];
  const isReceived = (row: TableRow): boolean => {
    return row.integer("esp_seq") === sequence && row.text("dev") !== scenario.tx_device;
  };
  const index = rows.findIndex(isReceived);
  if (index === -1) return;
  const { u8 } = host.skbs.memory;
  const headerBytes = ip.headerBytes(u8, whole.dataAt) + sa.encapsulationBytes;
  pull(whole, headerBytes);
  const ours = skbRow(u8, whole);
  for (const column of COLUMNS) comparison.value(LABEL, index, column, ours[column]!, rows[index]!.text(column));
}
