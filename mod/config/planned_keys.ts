/**
 * Keys that the design names and nobody has built: they are refused as such, never ignored.
 *
 * Building one means moving it into the table of `schema.ts`.
 *
 * @module
 */

/** Name of each unbuilt key, with what the design (sections 3 and 4) says it will decide. */
export const PLANNED_KEYS: Readonly<Record<string, string>> = {
  async: "inline, callback, crypto-qdisc or encap-then-crypto: asynchronous crypto in the GSO layer",
  busy: "requeue, softirq-queue or crypto-qdisc: NETDEV_TX_BUSY after asynchronous crypto",
  crypto: "cpu, cryptd, pcrypt or accel: who runs the crypto requests",
  crypto_cpus: "CPUs set apart for crypto",
  offload: "none, crypto or packet: what the NIC does of IPsec",
  nic_gso_esp: "whether the NIC segments ESP super-packets",
  nic_tx_csum: "whether the NIC fills transport checksums in",
  link_delay_us: "delay of the link between two hosts",
  window_kib: "window of the closed loop between two hosts",
  rx_usecs: "interrupt moderation of the RX ring",
  gro_flush_us: "gro_flush_timeout of the device",
  net_cpus: "CPUs that run the network stack",
  cryptd_qlen: "length of the cryptd queue",
  tx_fault: "faults of the driver on transmission",
  encap: "ESP in UDP",
  esn: "extended sequence numbers",
};
