/**
 * How many ICMP errors a host sends: a bucket for all of them, and one for each receiver.
 *
 * icmp_global_allow (net/ipv4/icmp.c) and inet_peer_xrlim_allow (net/ipv4/inetpeer.c), 4.4 and 6.1, at the defaults of
 * `icmp_msgs_per_sec` (1000), `icmp_msgs_burst` (50) and `icmp_ratelimit` (1 s). "Fragmentation needed" and "packet too big"
 * are not limited: path MTU discovery depends on them.
 *
 * Departures: 6.1 takes up to two more from the bucket for all at random; one is taken here.
 *
 * @module
 */

const NS_PER_MS = 1000000;
const NS_PER_SECOND = 1000000000;
/** Errors that the bucket for all holds at most, and the time that one is worth. */
const GLOBAL_BURST = 50;
const GLOBAL_NS = NS_PER_MS;
/** The bucket for all is filled again at steps of this length. */
const GLOBAL_STEP_NS = NS_PER_SECOND / 50;
/** Errors to one receiver at once (XRLIM_BURST_FACTOR). */
const PEER_BURST = 6;
/** Receivers that are remembered. */
const PEERS_MAX = 4096;

/** What one receiver has left. */
interface Bucket {
  /** Time saved up, of which each error takes its worth. */
  tokensNs: number;
  lastNs: number;
}

/** Counts errors of one IP version. */
export class IcmpLimit {
  readonly #peers = new Map<string, Bucket>();
  #credit = GLOBAL_BURST;
  #creditNs = 0;

  /** `peerNs` is the time that one error to one receiver is worth. */
  constructor(readonly peerNs: number) {}

  /** Whether the host may send one more error at `nowNs`, to whomever. It counts as sent. */
  allowsOneMore(nowNs: number): boolean {
    const elapsedNs = Math.min(NS_PER_SECOND, nowNs - this.#creditNs);
    if (elapsedNs >= GLOBAL_STEP_NS) {
      this.#credit = Math.min(GLOBAL_BURST, this.#credit + Math.floor(elapsedNs / GLOBAL_NS));
      this.#creditNs = nowNs;
    }
    if (this.#credit === 0) return false;
    this.#credit -= 1;
    return true;
  }

  /** Whether it may go to `peer`, an address in any form, as well. */
  allowsTo(peer: string, nowNs: number): boolean {
    const bucket = this.#bucketOf(peer, nowNs);
    const most = PEER_BURST * this.peerNs;
    bucket.tokensNs = Math.min(most, bucket.tokensNs + nowNs - bucket.lastNs);
    bucket.lastNs = nowNs;
    if (bucket.tokensNs < this.peerNs) return false;
    bucket.tokensNs -= this.peerNs;
    return true;
  }

  #bucketOf(peer: string, nowNs: number): Bucket {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    const bucket = { tokensNs: PEER_BURST * this.peerNs, lastNs: nowNs };
    if (this.#peers.size === PEERS_MAX) this.#peers.delete(this.#peers.keys().next().value!);
    this.#peers.set(peer, bucket);
    return bucket;
  }
}
