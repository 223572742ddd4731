import { assertEquals } from "@std/assert";
import { NONE } from "../ledger/schema.ts";
import { TcpConnection, TcpConnections } from "./tcp_connection.ts";

Deno.test("TcpConnection.takeEnd() gives the captured packets whose last byte is there, in order, once", () => {
  const connection = new TcpConnection();
  connection.begin(0xfffffff0);
  connection.begin(7);
  connection.addEnd(0xfffffffa, 3, 10);
  connection.addEnd(4, 5, 10);
  connection.addEnd(4, 6, 0);
  assertEquals([connection.first, connection.openPackets], [0xfffffff0, 3]);
  assertEquals(connection.takeEnd(0xfffffff9), undefined);
  assertEquals(connection.takeEnd(0), { number: 0xfffffffa, packet: 3, payloadBytes: 10 });
  assertEquals(connection.takeEnd(0), undefined);
  assertEquals([connection.takeEnd(4)?.packet, connection.takeEnd(4)?.packet, connection.takeEnd(9)], [
    5,
    6,
    undefined,
  ]);
  assertEquals(connection.openPackets, 0);
});

Deno.test("TcpConnection keeps thousands of ends, and forgets those that are taken", () => {
  const connection = new TcpConnection();
  for (let i = 1; i <= 5000; i++) connection.addEnd(i * 100, i, 100);
  let taken = 0;
  while (connection.takeEnd(400_000) !== undefined) taken += 1;
  assertEquals([taken, connection.openPackets, connection.giveUpEnd()?.packet], [4000, 1000, 4001]);
});

Deno.test("TcpConnection.behindGap() jumps over what the capture lacks, gap by gap", () => {
  const connection = new TcpConnection();
  connection.addGap(100, 200);
  connection.addGap(200, 250);
  connection.addGap(400, 500);
  assertEquals([connection.behindGap(99), connection.behindGap(100), connection.behindGap(400)], [99, 250, 500]);
});

Deno.test("TcpConnections counts the time during which at least one socket waits for its window", () => {
  const connections = new TcpConnections(65536);
  for (const [change, tNs] of [[1, 10], [1, 20], [-1, 30], [-1, 50], [1, 60], [-1, 65]] as const) {
    connections.countBlocked(change, tNs);
  }
  assertEquals(connections.blockedNs, 45);
});

Deno.test("TcpConnections.open() replaces the connection of a flow; packets of the old one still count", () => {
  const connections = new TcpConnections(65536);
  const first = connections.open(4);
  first.addEnd(10, 1, 1);
  const second = connections.open(4);
  assertEquals([connections.of(4) === second, connections.of(5), second.first], [true, undefined, NONE]);
  assertEquals(connections.openPackets, 1);
});
