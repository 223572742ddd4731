/**
 * The associations of a run to which no file gives others: both are drawn from the seed.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";

/** The SA that packets are sealed under where no file has others; undefined without IPsec. */
export function testAssociation(config: Config, isReverse = false): SecurityAssociation | undefined {
  const { mode } = config;
  return mode === "none" ? undefined : testSecurityAssociation({ ...config, mode, isReverse });
}

/** The SA of the way back; undefined on a path without one, and without IPsec. */
export function reverseAssociation(config: Config): SecurityAssociation | undefined {
  return config.path === "host-to-host" ? testAssociation(config, true) : undefined;
}
