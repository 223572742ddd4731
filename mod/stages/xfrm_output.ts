/**
 * xfrm output: an aggregate is cut into segments before it is encapsulated (`gso=xfrm`), everything else goes straight on.
 *
 * linux-datapath 6.4 (net/xfrm/xfrm_output.c: xfrm_output, xfrm_output_gso, xfrm_output_one, xfrm_skb_check_space; 4.4 to
 * 4.11 always, later where there is no layer-2 path). Each segment is a step of its own.
 *
 * @module
 */

import { expandHead } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { LL_RESERVED_SPACE } from "./forward.ts";
import { segmentTcpIpv4 } from "./gso.ts";
import { type Host, type Stage, visit } from "./host.ts";

/** Segments what is too large, then transforms packet by packet. */
export class XfrmOutput implements Stage {
  readonly #one: Stage;

  /** `headerBytes` is what the transformation puts in front (dst->header_len). */
  constructor(readonly host: Host, next: Stage, headerBytes: number) {
    this.#one = new XfrmOutputOne(host, next, headerBytes);
  }

  process(skb: Skb): void {
    if (skb.isGso) segmentTcpIpv4(this.host, skb, (segment) => this.host.cpu.handOn(this.#one, segment));
    else this.#one.process(skb);
  }
}

/** One packet through one transformation (xfrm_output_one). */
class XfrmOutputOne implements Stage {
  constructor(readonly host: Host, readonly next: Stage, readonly headerBytes: number) {}

  process(skb: Skb): void {
    visit(this.host, "xfrm-output", skb);
    const missing = this.headerBytes + LL_RESERVED_SPACE - skb.headroom;
    if (missing > 0) expandHead(this.host.skbs, skb, missing, 0);
    this.next.process(skb);
  }
}
