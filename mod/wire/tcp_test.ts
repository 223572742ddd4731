import { assertEquals } from "@std/assert";
import * as tcp from "./tcp.ts";

Deno.test("getters read every field of a TCP header", () => {
  const u8 = new Uint8Array(64).fill(0xa5);
  u8.set(Uint8Array.fromHex("01bbd431fffffffe80000001a0c2fffedead0000"), 7);
  assertEquals(tcp.sourcePort(u8, 7), 443);
  assertEquals(tcp.destinationPort(u8, 7), 54321);
  assertEquals(tcp.sequence(u8, 7), 0xfffffffe);
  assertEquals(tcp.acknowledgment(u8, 7), 0x80000001);
  assertEquals(tcp.dataOffsetBytes(u8, 7), 40);
  assertEquals(tcp.flags(u8, 7), tcp.FLAG_CWR | tcp.FLAG_ECE | tcp.FLAG_SYN);
  assertEquals(tcp.window(u8, 7), 0xfffe);
  assertEquals(tcp.checksum(u8, 7), 0xdead);
});

Deno.test("the TCP flags are eight different bits", () => {
  const { FLAG_FIN, FLAG_SYN, FLAG_RST, FLAG_PSH, FLAG_ACK, FLAG_URG, FLAG_ECE, FLAG_CWR } = tcp;
  const all = [FLAG_FIN, FLAG_SYN, FLAG_RST, FLAG_PSH, FLAG_ACK, FLAG_URG, FLAG_ECE, FLAG_CWR];
  assertEquals(all, [1, 2, 4, 8, 16, 32, 64, 128]);
});

Deno.test("TCP setters write their field on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(24).fill(0xa5);
  tcp.setSequence(u8, 2, 0x1_0000_0001);
  tcp.setAcknowledgment(u8, 2, 0xfffffffe);
  tcp.setFlags(u8, 2, tcp.FLAG_PSH | tcp.FLAG_ACK);
  tcp.setChecksum(u8, 2, 0xbeef);
  assertEquals(u8.toHex(), "a5a5" + "a5a5a5a500000001fffffffea518a5a5beefa5a5" + "a5a5");
});
