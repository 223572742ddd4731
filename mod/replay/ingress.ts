/**
 * NIC 0 of a host that gets clear frames: rings, polls and GRO.
 *
 * ```ts
 * const { rings, gros } = buildIngress(host, forward);
 * ```
 *
 * @module
 */

import { DeviceNapi } from "../stages/device_napi.ts";
import { Gro } from "../stages/gro.ts";
import type { Host } from "../stages/host.ts";
import { NetRx } from "../stages/net_rx.ts";
import type { ListStage } from "../stages/netif_receive.ts";
import { RxRings } from "../stages/rx_rings.ts";

/** A ring for each networking CPU, and GRO in front of `next`. */
export function buildIngress(host: Host, next: ListStage): { rings: RxRings; gros: Gro[] } {
  const { net_cpus, rx_ring } = host.config;
  const rings = new RxRings(net_cpus, rx_ring);
  const gros = host.netCpus.map((cpu, i) => {
    const gro = new Gro(host, next, next.listStart);
    new DeviceNapi(host, new NetRx(host, cpu), rings.all[i]!, gro);
    return gro;
  });
  return { rings, gros };
}
