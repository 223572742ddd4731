/**
 * The event schema: what can happen to a packet, where, and why.
 *
 * This is one of the two schemas of the program (the other is the configuration). Event kinds, stages and reasons are small
 * integers inside and names at the edge; a reason names the kernel function that it stands for, so that every row of a
 * trace can be looked up in the source of Linux. A new reason is one line here.
 *
 * ```ts
 * import { EVENT, REASON, REASONS } from "./schema.ts";
 * ledger.write(EVENT.copy, REASON.pullTail, skb.packet, skb.id, NONE, 1460, 1, 0);
 * REASONS[REASON.pullTail].kernelFunction; // "__pskb_pull_tail"
 * ```
 *
 * @module
 */

/** Stands for "no packet", "no skb" or "no CPU" in a column of integers; such a cell is empty in CSV. */
export const NONE: number = -1;

/** Names of the event kinds, in the order of their numbers. */
export const EVENT_NAMES = [
  "arrive",
  "visit",
  "alloc",
  "free",
  "copy",
  "clone",
  "frag",
  "tail",
  "checksum",
  "merge",
  "flush",
  "poll",
  "segment",
  "seal",
  "open",
  "reject",
  "submit",
  "complete",
  "enqueue",
  "dequeue",
  "busy",
  "requeue",
  "tap",
  "drop",
  "send",
  "deliver",
  "idle",
  "user-copy",
  "answer",
  "retransmit",
  "acknowledge",
] as const;

/** Names of the stages in the order of the packet's road. */
export const STAGE_NAMES = [
  "rx-ring",
  "driver-rx",
  "napi",
  "gro",
  "ip-input",
  "esp-input",
  "gro-cells",
  "backlog",
  "trans-queue",
  "local-in",
  "forward",
  "socket",
  "local-out",
  "xfrm-output",
  "gso",
  "esp-output",
  "crypto",
  "ip-output",
  "qdisc",
  "xfrm-backlog",
  "driver-tx",
  "nic",
] as const;

/** A reason: its name in traces, the kernel function it stands for (empty: hardware, or none), and its meaning. */
export interface Reason {
  /** Name in traces. */
  readonly name: string;
  /** Function of Linux 6.1.192 unless the meaning says otherwise. */
  readonly kernelFunction: string;
  /** One clause. */
  readonly meaning: string;
}

/** Kernel functions are those of Linux 6.1.192 unless the meaning says otherwise. */
export const REASON_TABLE = {
  none: { name: "", kernelFunction: "", meaning: "nothing to add" },

  driverPull: {
    name: "driver-pull",
    kernelFunction: "ixgbe_pull_tail",
    meaning: "the driver copies the headers of a frame in a page fragment into the linear area, rounded up to 8 bytes",
  },
  goodCopy: {
    name: "good-copy",
    kernelFunction: "page_to_skb",
    meaning: "virtio copies the first 128 bytes of a frame into the linear area (GOOD_COPY_LEN)",
  },
  copybreak: {
    name: "copybreak",
    kernelFunction: "ixgbe_add_rx_frag",
    meaning: "the driver copies a small frame whole into the linear area, rounded up to 8 bytes",
  },
  ethHeader: {
    name: "eth-header",
    kernelFunction: "napi_frags_skb",
    meaning: "the Ethernet header of a frame that lies all in pages is copied into the empty linear area",
  },
  frag0Pull: {
    name: "frag0-pull",
    kernelFunction: "gro_pull_from_frag0",
    meaning: "the headers that GRO has read in the first page fragment are copied into the linear area",
  },
  expandHead: {
    name: "expand-head",
    kernelFunction: "pskb_expand_head",
    meaning: "a new linear area was needed: headroom and linear bytes move into it",
  },
  pullTail: {
    name: "pull-tail",
    kernelFunction: "__pskb_pull_tail",
    meaning: "paged bytes move into the linear area",
  },
  skbCopy: { name: "skb-copy", kernelFunction: "skb_copy", meaning: "a private linear copy of the whole buffer" },
  skbCopyExpand: {
    name: "skb-copy-expand",
    kernelFunction: "skb_copy_expand",
    meaning: "a private linear copy of the whole buffer with other head and tail room",
  },
  pskbCopy: {
    name: "pskb-copy",
    kernelFunction: "__pskb_copy_fclone",
    meaning: "a private linear area; the fragments are shared by reference",
  },
  skbClone: { name: "skb-clone", kernelFunction: "skb_clone", meaning: "a second sk_buff over the same bytes" },
  segmentCopy: {
    name: "segment-copy",
    kernelFunction: "skb_copy_and_csum_bits",
    meaning: "skb_segment copies the payload of a segment into its linear area, summing it in the same pass",
  },
  segmentPlainCopy: {
    name: "segment-plain-copy",
    kernelFunction: "skb_copy_bits",
    meaning: "skb_segment copies the payload of a segment into its linear area; the device is going to sum it",
  },
  segmentLinear: {
    name: "segment-linear",
    kernelFunction: "skb_copy_from_linear_data_offset",
    meaning: "skb_segment copies the payload that lies in the linear area; the rest goes by reference",
  },
  nullCipher: {
    name: "null-cipher",
    kernelFunction: "crypto_skcipher_encrypt",
    meaning:
      "the IV generator copies the plaintext from source to destination with the null cipher (seqiv_aead_encrypt)",
  },
  bounceIn: {
    name: "bounce-in",
    kernelFunction: "scatterwalk_map_and_copy",
    meaning:
      "AES-NI GCM copies a request that is not one piece into a linear buffer (helper_rfc4106_encrypt, 4.4 to 4.16)",
  },
  bounceOut: {
    name: "bounce-out",
    kernelFunction: "scatterwalk_map_and_copy",
    meaning: "AES-NI GCM copies the result back from its linear buffer (helper_rfc4106_encrypt, 4.4 to 4.16)",
  },
  ipFragment: {
    name: "ip-fragment",
    kernelFunction: "ip_frag_next",
    meaning: "a finished packet above the MTU is copied into fragments (ip_fragment in 4.4)",
  },

  icmpQuote: {
    name: "icmp-quote",
    kernelFunction: "skb_copy_and_csum_bits",
    meaning: "an ICMP error quotes the packet that it is about, summing it in the same pass",
  },

  coalesceCopy: {
    name: "coalesce-copy",
    kernelFunction: "skb_try_coalesce",
    meaning: "a fragment for our host fits into the tailroom of those in front of it, and is copied there",
  },

  userLinear: {
    name: "user-linear",
    kernelFunction: "skb_add_data_nocache",
    meaning: "what a process writes is copied into the linear area of a buffer of its socket (Linux 4.4)",
  },
  userPage: {
    name: "user-page",
    kernelFunction: "skb_copy_to_page_nocache",
    meaning: "what a process writes is copied into page fragments of a buffer of its socket",
  },
  userDatagram: {
    name: "user-datagram",
    kernelFunction: "ip_generic_getfrag",
    meaning: "the datagram that a process sends is copied into the linear area",
  },
  fragmentGap: {
    name: "fragment-gap",
    kernelFunction: "__ip_append_data",
    meaning: "bytes that did not fit behind the headers of ESP move on to the next fragment of a datagram",
  },
  filePage: {
    name: "file-page",
    kernelFunction: "do_tcp_sendpages",
    meaning: "a page of a file becomes a fragment by reference (sendfile)",
  },
  tcpSplit: {
    name: "tcp-split",
    kernelFunction: "skb_split",
    meaning: "TCP cuts a buffer of its queue in two: linear bytes behind the cut move into the new one (tcp_fragment)",
  },

  tapCopy: {
    name: "tap-copy",
    kernelFunction: "tpacket_rcv",
    meaning: "a packet tap copies the frame into the ring that it shares with a process",
  },
  userRead: {
    name: "user-read",
    kernelFunction: "skb_copy_datagram_iter",
    meaning: "a process reads the payload: it is copied to user space (skb_copy_datagram_iovec in 4.4)",
  },

  allocSkb: { name: "alloc-skb", kernelFunction: "__alloc_skb", meaning: "a linear area from a kmalloc size class" },
  netdevAllocSkb: {
    name: "netdev-alloc-skb",
    kernelFunction: "__netdev_alloc_skb",
    meaning: "a linear area carved from a page fragment, a small one from a kmalloc size class (6.1)",
  },
  buildSkb: {
    name: "build-skb",
    kernelFunction: "napi_build_skb",
    meaning: "an sk_buff around the receive buffer itself (build_skb in 4.4)",
  },
  napiAllocSkb: {
    name: "napi-alloc-skb",
    kernelFunction: "__napi_alloc_skb",
    meaning: "a linear area carved from a page fragment",
  },

  sent: { name: "sent", kernelFunction: "napi_consume_skb", meaning: "transmission is complete" },
  merged: { name: "merged", kernelFunction: "napi_skb_free_stolen_head", meaning: "its bytes joined another buffer" },
  segmented: { name: "segmented", kernelFunction: "consume_skb", meaning: "it was cut into segments" },
  dropped: { name: "dropped", kernelFunction: "kfree_skb", meaning: "it was dropped" },
  acknowledged: {
    name: "acknowledged",
    kernelFunction: "tcp_clean_rtx_queue",
    meaning: "the other side has acknowledged it",
  },
  consumed: { name: "consumed", kernelFunction: "consume_skb", meaning: "it was handed to its receiver" },

  headFrag: {
    name: "head-frag",
    kernelFunction: "skb_gro_receive",
    meaning: "the linear payload became a page fragment by reference",
  },
  moveFrags: { name: "move-frags", kernelFunction: "skb_gro_receive", meaning: "fragment descriptors moved over" },
  fragList: {
    name: "frag-list",
    kernelFunction: "skb_gro_receive",
    meaning: "the whole buffer was chained to frag_list",
  },
  packetList: {
    name: "packet-list",
    kernelFunction: "skb_gro_receive_list",
    meaning: "the whole packet was chained to frag_list and keeps its headers",
  },
  listSegment: {
    name: "list-segment",
    kernelFunction: "skb_segment_list",
    meaning: "a packet of the frag_list goes on as it came",
  },

  coalesce: {
    name: "coalesce",
    kernelFunction: "skb_try_coalesce",
    meaning: "a fragment for our host joined those in front of it in one buffer",
  },
  fragmentList: {
    name: "fragment-list",
    kernelFunction: "inet_frag_reasm_finish",
    meaning: "a fragment for our host was chained to the frag_list of its packet",
  },

  pollEnd: { name: "poll-end", kernelFunction: "napi_complete_done", meaning: "the poll ended before its budget" },
  budget: { name: "budget", kernelFunction: "__napi_poll", meaning: "the poll used its whole budget" },
  flushTimer: {
    name: "flush-timer",
    kernelFunction: "napi_watchdog",
    meaning: "gro_flush_us after the last poll with packets the timer polled, and found none",
  },
  flushOld: {
    name: "older-jiffy",
    kernelFunction: "napi_gro_flush",
    meaning: "it was held since an earlier jiffy, which gro_flush_us does not prolong",
  },
  tableFull: { name: "table-full", kernelFunction: "gro_flush_oldest", meaning: "the oldest held buffer made room" },
  flushShort: {
    name: "short-segment",
    kernelFunction: "tcp_gro_receive",
    meaning: "a segment shorter than the first joined and ended the aggregate (udp_gro_receive_segment of UDP)",
  },
  flushPush: {
    name: "push",
    kernelFunction: "tcp_gro_receive",
    meaning: "a segment with PSH or FIN joined and ended the aggregate",
  },
  flushCount: {
    name: "datagram-count",
    kernelFunction: "udp_gro_receive_segment",
    meaning: "an aggregate takes no more than 64 datagrams (UDP_GRO_CNT_MAX)",
  },
  flushIpRefused: {
    name: "ip-refused",
    kernelFunction: "inet_gro_receive",
    meaning:
      "a packet of the flow is no whole IP packet: bytes follow it, or it is a fragment (ipv6_gro_receive of IPv6)",
  },
  flushNoPayload: {
    name: "no-payload",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow carries no payload",
  },
  flushSequence: {
    name: "sequence",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow does not begin where the aggregate ends",
  },
  flushFlags: {
    name: "tcp-flags",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow has other TCP flags",
  },
  flushWindow: {
    name: "window",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow has another window",
  },
  flushAcknowledgment: {
    name: "acknowledgment",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow has another acknowledgment number",
  },
  flushOptions: {
    name: "tcp-options",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow has other TCP options, such as a later timestamp",
  },
  flushTtl: {
    name: "other-ttl",
    kernelFunction: "inet_gro_receive",
    meaning: "a packet of the flow has another time to live (hop limit in ipv6_gro_receive)",
  },
  flushTos: {
    name: "other-tos",
    kernelFunction: "inet_gro_receive",
    meaning: "a packet of the flow has another DSCP or ECN mark (traffic class in ipv6_gro_receive)",
  },
  flushDf: {
    name: "other-df",
    kernelFunction: "inet_gro_receive",
    meaning: "one packet of the flow may be fragmented and another may not (DF)",
  },
  flushIpId: {
    name: "ip-id",
    kernelFunction: "tcp_gro_receive",
    meaning: "the IP id of a packet of the flow does not follow (udp_gro_receive_segment of UDP)",
  },
  flushLonger: {
    name: "longer-segment",
    kernelFunction: "tcp_gro_receive",
    meaning: "a packet of the flow is longer than the first (udp_gro_receive_segment of UDP)",
  },
  flushGsoSize: {
    name: "gso-size",
    kernelFunction: "tcp_gro_receive",
    meaning: "a super-packet of the flow has segments of another size",
  },
  flushSize: {
    name: "size-limit",
    kernelFunction: "skb_gro_receive",
    meaning: "with one more packet the aggregate would reach gro_max_size (skb_gro_receive_list of chained packets)",
  },
  flushFragsFull: {
    name: "frags-full",
    kernelFunction: "skb_gro_receive",
    meaning: "gro_overflow=stop: a packet of the flow does not fit into the fragments of the aggregate",
  },

  tcpVerify: {
    name: "tcp-verify",
    kernelFunction: "tcp_checksum_complete",
    meaning: "the CPU verifies the checksum of a segment that nobody has verified before it reached its socket",
  },
  fusedRead: {
    name: "fused-read",
    kernelFunction: "skb_copy_and_csum_datagram_msg",
    meaning: "summed in the same pass as the copy to a process, and priced there",
  },
  groVerify: {
    name: "gro-verify",
    kernelFunction: "__skb_gro_checksum_complete",
    meaning: "the CPU verifies a received checksum",
  },
  fused: {
    name: "fused",
    kernelFunction: "skb_copy_and_csum_bits",
    meaning: "summed in the same pass as a copy, and priced there",
  },
  udpVerify: {
    name: "udp-verify",
    kernelFunction: "udp_lib_checksum_complete",
    meaning: "the CPU verifies the checksum of a datagram with ESP in it",
  },
  fusedUser: {
    name: "fused-user",
    kernelFunction: "csum_and_copy_from_iter_full",
    meaning: "summed in the same pass as the copy from the process, and priced there",
  },
  segmentSum: {
    name: "segment-sum",
    kernelFunction: "skb_checksum",
    meaning: "skb_segment sums the payload of a segment that it did not have to copy",
  },
  encapChecksum: {
    name: "encap-checksum",
    kernelFunction: "esp_output_encap_csum",
    meaning: "UDP around ESP needs a checksum over IPv6: the CPU sums what was encrypted",
  },
  checksumHelp: {
    name: "checksum-help",
    kernelFunction: "skb_checksum_help",
    meaning: "the CPU fills in a checksum that was left to the device",
  },

  tailInPlace: {
    name: "in-place",
    kernelFunction: "esp_output_head",
    meaning: "the trailer fits behind the linear bytes of a buffer that nobody shares",
  },
  tailFragment: {
    name: "fragment",
    kernelFunction: "esp_output_head",
    meaning: "the trailer went into a page fragment",
  },
  cowAlways: {
    name: "cow-always",
    kernelFunction: "skb_cow_data",
    meaning: "tx_tail=linearize: the buffer was reallocated or linearized to make room (esp_output, 4.4)",
  },
  cowCloned: {
    name: "cow-cloned",
    kernelFunction: "skb_cow_data",
    meaning: "the buffer is a clone: linearized all the same",
  },
  cowFragList: {
    name: "cow-frag-list",
    kernelFunction: "skb_cow_data",
    meaning: "a buffer with a frag_list takes no further fragment",
  },
  cowFragLimit: {
    name: "cow-frag-limit",
    kernelFunction: "skb_cow_data",
    meaning: "paged data and trailer are more than a page (esp_output_head, 6.1.192)",
  },
  cowFragsFull: {
    name: "cow-frags-full",
    kernelFunction: "skb_cow_data",
    meaning: "the buffer has MAX_SKB_FRAGS fragments already",
  },
  rxCowAlways: {
    name: "rx-cow-always",
    kernelFunction: "skb_cow_data",
    meaning: "rx_cow=always: a received buffer was linearized or unshared before it is decrypted (esp_input, 4.4)",
  },
  rxCowCloned: {
    name: "rx-cow-cloned",
    kernelFunction: "skb_cow_data",
    meaning: "a received buffer is a clone: linearized before it is decrypted",
  },
  rxCowFragList: {
    name: "rx-cow-frag-list",
    kernelFunction: "skb_cow_data",
    meaning: "a received buffer has a frag_list: made writable before it is decrypted",
  },
  rxCowSharedFrag: {
    name: "rx-cow-shared-frag",
    kernelFunction: "skb_cow_data",
    meaning: "outsiders may write to the pages of a received buffer: linearized before it is decrypted (6.1.192)",
  },

  aesGcm: {
    name: "aes-gcm",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-GCM encrypts and authenticates (RFC 4106); decryption is crypto_aead_decrypt",
  },
  aesGcm128: {
    name: "aes-gcm-128",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-GCM with a key of 128 bits encrypts and authenticates (RFC 4106); decryption is crypto_aead_decrypt",
  },
  aesCcm: {
    name: "aes-ccm",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CCM encrypts and authenticates, in two passes of the cipher (RFC 4309)",
  },
  aesGmac: {
    name: "aes-gmac",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-GMAC authenticates and leaves the bytes clear (RFC 4543)",
  },
  chacha: {
    name: "chacha20-poly1305",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ChaCha20-Poly1305 encrypts and authenticates (RFC 7634)",
  },
  aesCbcSha1: {
    name: "aes-cbc-sha1",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CBC encrypts, HMAC-SHA1-96 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbc128Sha1: {
    name: "aes-cbc-128-sha1",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CBC with a key of 128 bits encrypts, HMAC-SHA1-96 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbcSha256: {
    name: "aes-cbc-sha256",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CBC encrypts, HMAC-SHA256-128 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbc128Sha256: {
    name: "aes-cbc-128-sha256",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CBC with a key of 128 bits encrypts, HMAC-SHA256-128 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbcSha384: {
    name: "aes-cbc-sha384",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CBC encrypts, HMAC-SHA384-192 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbc128Sha384: {
    name: "aes-cbc-128-sha384",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CBC with a key of 128 bits encrypts, HMAC-SHA384-192 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbcSha512: {
    name: "aes-cbc-sha512",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CBC encrypts, HMAC-SHA512-256 authenticates what was encrypted (RFC 3602, authenc)",
  },
  aesCbc128Sha512: {
    name: "aes-cbc-128-sha512",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CBC with a key of 128 bits encrypts, HMAC-SHA512-256 authenticates what was encrypted (RFC 3602, authenc)",
  },
  oldCipher: {
    name: "old-cipher",
    kernelFunction: "crypto_aead_decrypt",
    meaning: "DES, triple DES, HMAC-MD5 or CBC without authentication: there to open old captures",
  },
  aesCtrSha1: {
    name: "aes-ctr-sha1",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CTR encrypts, HMAC-SHA1-96 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtr128Sha1: {
    name: "aes-ctr-128-sha1",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CTR with a key of 128 bits encrypts, HMAC-SHA1-96 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtrSha256: {
    name: "aes-ctr-sha256",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CTR encrypts, HMAC-SHA256-128 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtr128Sha256: {
    name: "aes-ctr-128-sha256",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CTR with a key of 128 bits encrypts, HMAC-SHA256-128 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtrSha384: {
    name: "aes-ctr-sha384",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CTR encrypts, HMAC-SHA384-192 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtr128Sha384: {
    name: "aes-ctr-128-sha384",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CTR with a key of 128 bits encrypts, HMAC-SHA384-192 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtrSha512: {
    name: "aes-ctr-sha512",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "AES-CTR encrypts, HMAC-SHA512-256 authenticates what was encrypted (RFC 3686, authenc)",
  },
  aesCtr128Sha512: {
    name: "aes-ctr-128-sha512",
    kernelFunction: "crypto_aead_encrypt",
    meaning:
      "AES-CTR with a key of 128 bits encrypts, HMAC-SHA512-256 authenticates what was encrypted (RFC 3686, authenc)",
  },
  espNull: {
    name: "null",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ESP-NULL without authentication: in place the null cipher touches no byte",
  },
  nullSha256: {
    name: "null-sha256",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ESP-NULL with HMAC-SHA256-128: header and payload are read once and authenticated",
  },
  nullSha1: {
    name: "null-sha1",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ESP-NULL with HMAC-SHA1-96: header and payload are read once and authenticated",
  },
  nullSha384: {
    name: "null-sha384",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ESP-NULL with HMAC-SHA384-192: header and payload are read once and authenticated",
  },
  nullSha512: {
    name: "null-sha512",
    kernelFunction: "crypto_aead_encrypt",
    meaning: "ESP-NULL with HMAC-SHA512-256: header and payload are read once and authenticated",
  },
  nic: {
    name: "nic",
    kernelFunction: "",
    meaning: "the NIC encrypts or decrypts, at no cost to a CPU (offload)",
  },
  wrongIcv: {
    name: "icv",
    kernelFunction: "crypto_aead_decrypt",
    meaning: "the ICV is wrong: another key, or the packet was changed on its way",
  },

  tapEsp: { name: "esp", kernelFunction: "deliver_skb", meaning: "a packet tap sees an ESP packet" },
  tapPlain: { name: "plain", kernelFunction: "deliver_skb", meaning: "a packet tap sees a clear packet" },
  toSocket: { name: "socket", kernelFunction: "tcp_v4_rcv", meaning: "its payload has reached a socket of our host" },

  ringFull: { name: "ring-full", kernelFunction: "ndo_start_xmit", meaning: "the TX ring lacks descriptors" },
  queueStopped: {
    name: "queue-stopped",
    kernelFunction: "netif_tx_stop_queue",
    meaning: "the driver's queue is stopped",
  },
  byteLimit: {
    name: "byte-limit",
    kernelFunction: "netdev_tx_sent_queue",
    meaning: "as many bytes are in the TX ring as its byte queue limit allows (BQL)",
  },
  txFault: {
    name: "tx-fault",
    kernelFunction: "ndo_start_xmit",
    meaning: "tx_fault: the driver is at fault and refuses it, though its ring has room",
  },
  behindBacklog: {
    name: "behind-backlog",
    kernelFunction: "validate_xmit_xfrm",
    meaning: "its ESP has to wait: encrypted packets of this CPU wait for the driver already, or crypto takes no more",
  },
  resumeStopped: {
    name: "resume-stopped",
    kernelFunction: "xfrm_dev_resume",
    meaning: "the driver's queue is stopped; what callbacks left in the backlog of the CPU is tried again and again",
  },

  headOfLine: {
    name: "head-of-line",
    kernelFunction: "",
    meaning: "the first packet of the crypto-qdisc is still being encrypted, and others that are ready wait behind it",
  },

  cryptd: {
    name: "cryptd",
    kernelFunction: "cryptd_enqueue_request",
    meaning: "the queue of cryptd, which a kernel worker of the same CPU serves",
  },
  pcrypt: {
    name: "pcrypt",
    kernelFunction: "padata_do_parallel",
    meaning: "padata deals requests out to CPUs and puts them in order again",
  },
  accel: { name: "accel", kernelFunction: "", meaning: "a look-aside engine, which interrupts when it is done" },
  cryptoFull: {
    name: "crypto-queue-full",
    kernelFunction: "crypto_enqueue_request",
    meaning: "the crypto queue is full, and ESP does not ask twice",
  },

  offloadVeto: {
    name: "offload-veto",
    kernelFunction: "xdo_dev_offload_ok",
    meaning: "the driver does not take it, for IPv4 options or IPv6 extension headers: software encrypts it",
  },
  noFallback: {
    name: "no-fallback",
    kernelFunction: "xfrm_output",
    meaning: "the NIC does not take it, and packet offload has no fallback (Linux 6.2, EHOSTUNREACH)",
  },
  nicStatus: {
    name: "nic-status",
    kernelFunction: "xfrm_input",
    meaning: "the NIC says that its ICV is wrong: another key, or the packet was changed on its way",
  },

  ignored: { name: "ignored", kernelFunction: "", meaning: "not from our host: it does not arrive (tunnel=local)" },
  bypass: { name: "bypass", kernelFunction: "__netif_receive_skb_core", meaning: "not for ESP: it passes by" },
  queueLimit: { name: "queue-limit", kernelFunction: "pfifo_enqueue", meaning: "the queue is full: tail drop" },
  bandLimit: {
    name: "band-limit",
    kernelFunction: "pfifo_fast_enqueue",
    meaning: "its band of pfifo_fast is full: tail drop (all three together in 4.4)",
  },
  noQueue: {
    name: "no-queue",
    kernelFunction: "__dev_queue_xmit",
    meaning: "the driver did not take it, and the device has no queue where it could wait (noqueue)",
  },
  fattestFlow: {
    name: "fattest-flow",
    kernelFunction: "fq_codel_drop",
    meaning: "fq_codel is full: the flow with the most bytes loses packets from its head",
  },
  codel: {
    name: "codel",
    kernelFunction: "codel_dequeue",
    meaning: "packets of its flow have waited for more than 5 ms throughout 100 ms: CoDel drops one",
  },
  codelMark: {
    name: "codel-mark",
    kernelFunction: "codel_dequeue",
    meaning:
      "packets of its flow have waited too long: CoDel marks one, whose ECN field allows it, instead of dropping it",
  },
  burstRefused: {
    name: "burst-refused",
    kernelFunction: "xfrm_output_gso",
    meaning:
      "an earlier segment of its burst was refused (a full queue, a busy device without one, or crypto): the rest is freed",
  },
  fragmentsRefused: {
    name: "fragments-refused",
    kernelFunction: "ip_do_fragment",
    meaning: "an earlier fragment of its packet was refused: the rest is not sent",
  },
  pmtu: {
    name: "pmtu",
    kernelFunction: "ip_exceeds_mtu",
    meaning: "larger than the path MTU with DF set: dropped, and ICMP says so to the sender",
  },
  ttl: { name: "ttl", kernelFunction: "ip_forward", meaning: "its time to live has run out" },
  malformed: {
    name: "malformed",
    kernelFunction: "ip_rcv",
    meaning: "its IP header is damaged or longer than the frame",
  },
  tooBigAnswer: {
    name: "packet-too-big",
    kernelFunction: "icmp_send",
    meaning: "ICMP tells the sender which MTU its packet exceeds",
  },
  timeExceededAnswer: {
    name: "time-exceeded",
    kernelFunction: "icmp_send",
    meaning: "ICMP tells the sender that the time to live of its packet has run out",
  },
  aboveMtu: {
    name: "above-mtu",
    kernelFunction: "",
    meaning: "the frame is larger than the device can receive (a super-packet of a host with offloads)",
  },
  tooManyFrags: {
    name: "too-many-frags",
    kernelFunction: "skb_segment",
    meaning: "a segment of it would need more page fragments than an skb holds",
  },
  rxRingFull: { name: "rx-ring-full", kernelFunction: "", meaning: "the RX ring has no free slot (rx_missed_errors)" },
  noState: {
    name: "no-state",
    kernelFunction: "xfrm_input",
    meaning: "there is no SA with its SPI and destination (XfrmInNoStates)",
  },
  replayed: {
    name: "replay",
    kernelFunction: "xfrm_replay_check",
    meaning: "its sequence number has come before, or is behind the replay window (XfrmInStateSeqError)",
  },
  espShort: {
    name: "esp-short",
    kernelFunction: "esp_input",
    meaning: "it is too short for the headers of ESP and the ICV",
  },
  padLength: {
    name: "pad-length",
    kernelFunction: "esp_remove_trailer",
    meaning: "its padding leaves no payload (XfrmInStateProtoError)",
  },
  dummy: {
    name: "dummy",
    kernelFunction: "esp_input_done2",
    meaning: "a dummy packet, made to hide traffic (next header 59)",
  },
  notTunnelled: {
    name: "not-tunnelled",
    kernelFunction: "xfrm_inner_mode_input",
    meaning: "what ESP protected in tunnel mode is no IP packet (XfrmInStateModeError)",
  },
  cellFull: {
    name: "gro-cell-full",
    kernelFunction: "gro_cells_receive",
    meaning: "more than netdev_max_backlog decrypted packets wait for GRO",
  },
  backlogFull: {
    name: "backlog-full",
    kernelFunction: "enqueue_to_backlog",
    meaning: "more than netdev_max_backlog decrypted packets wait in the backlog of the CPU",
  },
  transQueueFull: {
    name: "trans-queue-full",
    kernelFunction: "xfrm_trans_queue",
    meaning: "netdev_max_backlog packets of transport mode wait already",
  },
  messageSize: {
    name: "message-size",
    kernelFunction: "__ip_append_data",
    meaning: "longer than IP can carry, or TCP hands over at once: its socket refuses it (EMSGSIZE)",
  },
  badChecksum: {
    name: "bad-checksum",
    kernelFunction: "tcp_v4_rcv",
    meaning: "its transport checksum is wrong (TcpInCsumErrors, UdpInCsumErrors)",
  },
  shortTransport: {
    name: "short-transport",
    kernelFunction: "tcp_v4_rcv",
    meaning: "its transport header is damaged or not all there",
  },
  fragmentTimeout: {
    name: "fragment-timeout",
    kernelFunction: "ip_expire",
    meaning: "a fragment for our host: the others of its packet did not come in time, or before the run ended",
  },
  fragmentMemory: {
    name: "fragment-memory",
    kernelFunction: "inet_frag_find",
    meaning: "a fragment for our host: too many fragments wait already (ipfrag_high_thresh)",
  },
  fragmentDuplicate: {
    name: "fragment-duplicate",
    kernelFunction: "inet_frag_queue_insert",
    meaning: "a fragment for our host that has come before",
  },
  fragmentConflict: {
    name: "fragment-conflict",
    kernelFunction: "ip_frag_queue",
    meaning: "a fragment for our host: those of its packet overlap, or do not fit together",
  },
  keepalive: {
    name: "keepalive",
    kernelFunction: "xfrm4_udp_encap_rcv",
    meaning: "a keepalive of a NAT: one byte to the port of encapsulated ESP",
  },
  wrongEncapsulation: {
    name: "wrong-encapsulation",
    kernelFunction: "xfrm_input",
    meaning: "the SA wants ESP in UDP and it came without, or the other way round",
  },
  nextUpperHalf: {
    name: "next-upper-half",
    kernelFunction: "esp_xmit",
    meaning:
      "a segment at the end of the lower half is authenticated with the next upper half of its number: its receiver refuses it",
  },
  sequenceExhausted: {
    name: "sequence-exhausted",
    kernelFunction: "xfrm_replay_overflow",
    meaning: "the SA has used its last sequence number",
  },

  toPeer: { name: "to-peer", kernelFunction: "", meaning: "the frame goes on to the other host (path=host-to-host)" },
  toSender: {
    name: "to-sender",
    kernelFunction: "",
    meaning: "the frame goes back to the sending host, which gets an acknowledgment (path=host-to-host)",
  },
  fullSegments: {
    name: "full-segments",
    kernelFunction: "__tcp_ack_snd_check",
    meaning: "more than one full segment has not been acknowledged",
  },
  allRead: {
    name: "all-read",
    kernelFunction: "tcp_cleanup_rbuf",
    meaning: "the process has read everything, and the last segment was shorter than the others",
  },
  readSegments: {
    name: "read-segments",
    kernelFunction: "tcp_cleanup_rbuf",
    meaning: "the process has read, and softirq left the acknowledgment of more than one full segment to it",
  },
  windowUpdate: {
    name: "window-update",
    kernelFunction: "tcp_cleanup_rbuf",
    meaning: "the process has read so much that the window is at least twice as large as the other end knows",
  },
  synOrFin: {
    name: "syn-or-fin",
    kernelFunction: "tcp_fin",
    meaning: "the beginning and the end of a connection are acknowledged at once",
  },
  delayedAck: {
    name: "delayed-ack",
    kernelFunction: "tcp_delack_timer",
    meaning: "nothing has followed for 40 ms: the timer of the delayed acknowledgment has expired",
  },
  endOfCapture: {
    name: "end-of-capture",
    kernelFunction: "",
    meaning: "nothing more is going to be sent: the model does not wait for the timer of a delayed acknowledgment",
  },
  outOfOrder: {
    name: "out-of-order",
    kernelFunction: "tcp_data_queue_ofo",
    meaning: "bytes in front of it are missing, or were until now",
  },
  oldData: {
    name: "old-data",
    kernelFunction: "tcp_data_queue",
    meaning: "its bytes have come before",
  },
  outOfWindow: {
    name: "out-of-window",
    kernelFunction: "tcp_sequence",
    meaning: "its bytes lie outside the window of the receiver",
  },
  fastRetransmit: {
    name: "fast-retransmit",
    kernelFunction: "tcp_fastretrans_alert",
    meaning: "three duplicate acknowledgments say that it was lost",
  },
  partialAck: {
    name: "partial-acknowledgment",
    kernelFunction: "tcp_xmit_retransmit_queue",
    meaning: "what was sent again has arrived, and what follows it is missing too",
  },
  retransmitTimeout: {
    name: "retransmit-timeout",
    kernelFunction: "tcp_retransmit_timer",
    meaning: "nothing was acknowledged until the retransmission timer expired",
  },
  capturedAgain: {
    name: "captured-again",
    kernelFunction: "",
    meaning:
      "the captured host sent these bytes again, for what its own network had lost: path=host-to-host sends again what is lost here",
  },
  retriesOver: {
    name: "retries-over",
    kernelFunction: "tcp_write_err",
    meaning: "its connection is given up: 15 retransmissions in a row were not acknowledged (tcp_retries2)",
  },
} as const satisfies Record<string, Reason>;

/** A kind of event by name: `EVENT.copy`. */
export const EVENT: Readonly<Record<typeof EVENT_NAMES[number], number>> = numbered(EVENT_NAMES);

/** A stage by name: `STAGE["esp-output"]`. */
export const STAGE: Readonly<Record<typeof STAGE_NAMES[number], number>> = numbered(STAGE_NAMES);

/** Name of a reason in code. */
export type ReasonName = keyof typeof REASON_TABLE;

/** A reason by its name in code: `REASON.pullTail`. */
export const REASON: Readonly<Record<ReasonName, number>> = numbered(
  Object.keys(REASON_TABLE) as (keyof typeof REASON_TABLE)[],
);

/** All reasons, indexed by their numbers. */
export const REASONS: readonly Reason[] = Object.values(REASON_TABLE);

function numbered<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}

/**
 * Columns of a ledger row, in the order of `events.csv`; `payload_bytes` counts the L4 payload that the buffer of the
 * event carries, on the events where that matters (arrive, drop, send, deliver), else 0; `flow` is known where a device
 * writes the row (arrive, send) or a socket has the payload (deliver); `steps` are those of a cipher over its request (seal, open), else 0.
 */
export const EVENT_COLUMNS = [
  "t_ns",
  "cpu",
  "stage",
  "event",
  "reason",
  "packet",
  "skb",
  "into",
  "bytes",
  "count",
  "cost_ns",
  "payload_bytes",
  "flow",
  "steps",
] as const;
