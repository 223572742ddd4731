/**
 * Clear packets that a router sends on, against recordings of Linux 6.1: which buffers the driver was handed, by the abilities
 * of its NIC, shape and bytes. Path receive with `then=forward` ends like this. Where not all recordings are there, those
 * that come with the program.
 */

import { assert, assertEquals } from "@std/assert";
import { REASON } from "../ledger/schema.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { batchesOf, BatchNapi, RecordedDriver } from "../validate/polls.ts";
import { readRecording, type Recording } from "../validate/recording.ts";
import { type ResultRow, skbRow } from "../validate/skb_row.ts";
import { ALL_ROOTS, foldersIn, SHIPPED } from "../validate/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { egressQueue } from "./egress.ts";
import { Forward } from "./forward.ts";
import { Gro } from "./gro.ts";
import { Gso } from "./gso.ts";
import { IpOutput } from "./ip_output.ts";
import { NetRx } from "./net_rx.ts";
import { NetTxOfHost } from "./net_tx.ts";
import { PlainOutput } from "./plain_output.ts";
import { StageFixture } from "./testing.ts";
import { rowsOf } from "./testing_receive.ts";
import { TxNic } from "./tx_nic.ts";
import { ValidatePlain } from "./validate_plain.ts";

const recordings: Recording[] = [];
const all = ALL_ROOTS.flatMap(foldersIn);
const folders = all.length > 0 ? all : foldersIn(SHIPPED);
for (const folder of folders.filter(({ name }) => name.startsWith("fwd-plain-"))) {
  recordings.push(await readRecording(folder));
}

const COLUMNS = [
  ...["len", "data_len", "headlen", "nr_frags", "has_frag_list", "frag_list_n", "gso_size", "gso_segs", "gso_type"],
  ...["ip_summed", "head_frag", "skb_cloned", "layout"],
];

/** What the driver was handed. */
interface Sent {
  readonly row: ResultRow;
  readonly packet: string;
}

function play(recording: Recording): Sent[] {
  const { scenario, input } = recording;
  const fixture = new StageFixture([
    ...["path=receive", "then=forward", "era=6.1", "rx_hash=off", `gro=${scenario.gro}`],
    ...["nic_rx_csum", "nic_sg", "nic_tso", "nic_fraglist"].map((key) => `${key}=${scenario[key as "nic_sg"]}`),
  ]);
  const { host, engine } = fixture;
  const { skbs } = host;
  const sent: Sent[] = [];
  const nic = new TxNic(host, new NetTxOfHost(host), null);
  nic.transmit = (skb: Skb): boolean => {
    const bytes = new Uint8Array(skb.len);
    gather(skbs, skb, 0, skb.len, bytes);
    sent.push({ row: skbRow(skbs.memory.u8, skb), packet: bytes.subarray(ETH_HLEN).toHex() });
    skbs.free(skb, REASON.sent);
    return true;
  };
  const validate = new ValidatePlain(host, new Gso(host, 0), scenario.nic_tx_csum === "on");
  const qdisc = egressQueue(host, nic, validate);
  const output = new PlainOutput(host, new IpOutput(host, qdisc, scenario.mtu), scenario.mtu);
  const forward = new Forward(host, output, 0, scenario.mtu);
  const gro = new Gro(host, forward, forward.listStart);
  const driver = new RecordedDriver(host, scenario);
  const frames = input.map(({ bytes }) => bytes);
  const napi = new BatchNapi(new NetRx(host), frames, { gro, receive: (index, frame) => driver.receive(index, frame) });
  napi.play(batchesOf(recording), engine);
  fixture.finish();
  assertEquals(skbs.memory.live, 0);
  return sent;
}

Deno.test({ name: "all kernel recordings of plain forwarding are there", ignore: all.length === 0, fn: () => {} });

for (const recording of recordings) {
  Deno.test(`a driver gets from 6.1 what was recorded: ${recording.scenario.name}`, () => {
    const sent = play(recording);
    assertEquals(
      sent.map(({ row }) => COLUMNS.map((name) => `${row[name]}`)),
      rowsOf(recording, "expected.csv").map((row) => COLUMNS.map((name) => row.text(name))),
    );
    assertEquals(
      sent.map(({ packet }) => packet),
      recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN).toHex()),
    );
    assert(sent.length > 0);
  });
}
