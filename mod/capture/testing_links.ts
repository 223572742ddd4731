/**
 * IP packets behind link layers of all kinds, built by hand for the tests. Not part of the library, and made with no code of
 * `mod/wire`.
 *
 * @example
 * ```ts
 * import { linksOf } from "./testing_links.ts";
 * linksOf(1500)[1]?.what; // "one tag"
 * ```
 *
 * @module
 */

/** One way to wrap a network packet. */
export interface Link {
  /** What it is, for names of tests. */
  readonly what: string;
  /** LINKTYPE_ number. */
  readonly linkType: number;
  /** What stands before the network packet. */
  readonly header: Uint8Array;
}

const MACS = "02000000000b" + "02000000000a";

/** A PPPoE header; its length field fits a packet of `ipBytes` bytes. */
const pppoe = (ipBytes: number, protocol: string): string => {
  return "11000007" + (ipBytes + protocol.length / 2).toString(16).padStart(4, "0") + protocol;
};

/** All links, around IP packets of `ipBytes` bytes, of IPv4 if not said. The first is plain Ethernet. */
export function linksOf(ipBytes: number, ipVersion: 4 | 6 = 4): Link[] {
  const isIpv4 = ipVersion === 4;
  const type = isIpv4 ? "0800" : "86dd";
  const ppp = isIpv4 ? "21" : "57";
  const rows: [what: string, linkType: number, hex: string][] = [
    ["plain Ethernet", 1, MACS + type],
    ["one tag", 1, MACS + "8100" + "2001" + type],
    ["two tags", 1, MACS + "88a8" + "0001" + "8100" + "0002" + type],
    ["three tags", 1, MACS + "9100" + "0001" + "8100" + "0002" + "8100" + "0003" + type],
    ["PPPoE", 1, MACS + "8864" + pppoe(ipBytes, `00${ppp}`)],
    ["PPPoE behind two tags", 1, MACS + "88a8" + "0001" + "8100" + "0002" + "8864" + pppoe(ipBytes, `00${ppp}`)],
    ["one label", 1, MACS + "8847" + "000641ff"],
    ["two labels", 1, MACS + "8847" + "000640ff" + "000651ff"],
    ["a label behind a tag", 1, MACS + "8100" + "0001" + "8847" + "000641ff"],
    ["SLL", 113, "0000" + "0001" + "0006" + "02000000000a0000" + type],
    ["SLL2", 276, type + "0000" + "00000003" + "0001" + "00" + "06" + "02000000000a0000"],
    ["raw IP", 101, ""],
    ["raw IP of one version", isIpv4 ? 228 : 229, ""],
    ["little-endian loopback", 0, isIpv4 ? "02000000" : "1e000000"],
    ["big-endian loopback", 0, isIpv4 ? "00000002" : "0000001c"],
    ["OpenBSD loopback", 108, isIpv4 ? "00000002" : "00000018"],
    ["PPP", 9, `00${ppp}`],
    ["PPP in HDLC framing", 9, `ff0300${ppp}`],
    ["PPP with a short protocol field", 9, ppp],
  ];
  return rows.map(([what, linkType, hex]) => ({ what, linkType, header: Uint8Array.fromHex(hex) }));
}
