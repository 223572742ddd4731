/** What a driver takes for offload (xdo_dev_offload_ok). */

import { assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { tcpFrame } from "../replay/testing.ts";
import { overIpv6 } from "./testing_frames.ts";
import { xfrmDeviceOf } from "./xfrm_device.ts";

const ETH_HLEN = 14;

function deviceOf(preset: string) {
  const { config } = resolveConfig({ preset, sets: [] });
  return xfrmDeviceOf(config, testSecurityAssociation({ ...config, mode: "tunnel" }), null);
}

Deno.test("xfrmDeviceOf() is null without offload", () => {
  assertEquals(deviceOf("linux-6.1-module"), null);
  assertEquals(deviceOf("offload-crypto")!.encapsulates, false);
  assertEquals(deviceOf("offload-packet")!.encapsulates, true);
});

Deno.test("takes() refuses IPv4 options and IPv6 extension headers, and nothing else", () => {
  const device = deviceOf("offload-crypto")!;
  assertEquals(device.takes(tcpFrame(), ETH_HLEN), true);
  assertEquals(device.takes(tcpFrame({ ipOptions: new Uint8Array(4) }), ETH_HLEN), false);
  const ipv6 = overIpv6(tcpFrame());
  assertEquals(device.takes(ipv6, ETH_HLEN), true);
  for (const header of [0, 43, 44, 51, 59, 60]) {
    ipv6[ETH_HLEN + 6] = header;
    assertEquals(device.takes(ipv6, ETH_HLEN), false, `next header ${header}`);
  }
  ipv6[ETH_HLEN + 6] = 58;
  assertEquals(device.takes(ipv6, ETH_HLEN), true);
});
