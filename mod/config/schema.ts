/**
 * The table of configuration keys: the only place where a key is declared.
 *
 * Types, `--set`, files, help, the JSON Schema and the warnings about idle keys are all derived from {@linkcode KEYS}; a new
 * value or key is one edit here. The default of a key is what Linux 4.4 did, so that a file without a preset rests on the slides'
 * start. What the design names but nobody has built is listed too (`planned` of a key, `planned_keys.ts`) and
 * refused, so that no key does nothing.
 *
 * Example: `DEFAULTS.rx_ring` is 512, and its type is `number`; the type of `DEFAULTS.gro` is `"on" | "off"`.
 *
 * @module
 */

import { CIPHER_NAMES, CIPHER_NAMES_SHOWN } from "./cipher_names.ts";
import { IP_PREFIX_PATTERN } from "./ip_prefix_pattern.ts";
import type { IdleCondition, KeyDefinition, Path, Setting } from "./kinds.ts";

const EVERY_PATH = ["forward", "send", "receive", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_RX = ["forward", "receive", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_TX = ["forward", "send", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_SOCKETS = ["send", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_ESP_INPUT = ["receive", "host-to-host"] as const satisfies readonly Path[];

/** A receiver whose packets end in sockets sends none. */
const SOCKETS_TAKE_IT = { path: "receive", then: "socket" } as const;

/** Without IPsec there is nothing to encrypt, to encapsulate, or to open. */
const NO_IPSEC = { mode: "none" } as const satisfies IdleCondition;

/** Under IPsec of either mode. */
const IPSEC = { mode: ["tunnel", "transport"] } as const satisfies IdleCondition;

/** Where no NIC has to do with ESP that is sent: a receiver's sockets, and the others without offload. */
const NO_OFFLOAD = [
  SOCKETS_TAKE_IT,
  { path: PATHS_WITH_TX, offload: "none", ...IPSEC },
] as const satisfies readonly IdleCondition[];

const PCRYPT_IS_NOT_USED = [{ crypto: "cpu" }, { crypto: "cryptd" }, { crypto: "accel" }] as const;

/** A positive decimal from a millionth to below a million. */
const RATE = "[1-9][0-9]{0,5}(\\.[0-9]{1,6})?|0\\.[0-9]{0,5}[1-9]";

/** Every key that is built, in the order of help and of the explanation of a configuration. */
export const KEYS = {
  rx_cow: {
    kind: "choice",
    values: ["always", "if-shared"],
    default: "always",
    paths: PATHS_WITH_ESP_INPUT,
    idleWhen: NO_IPSEC,
    doc: "When ESP input makes a received skb linear and private (skb_cow_data) before it decrypts.",
    question: "RX: only linearize if the buffer is not writable.",
  },
  tx_tail: {
    kind: "choice",
    values: ["linearize", "fragment"],
    default: "linearize",
    paths: PATHS_WITH_TX,
    idleWhen: NO_IPSEC,
    doc:
      "Where ESP output puts trailer and ICV: behind the data of a linearized skb, or in tailroom or a page fragment, " +
      "where a cloned skb (local TCP) is linearized all the same.",
    question: "TX: add a page fragment with the tail bits to the buffer.",
  },
  tx_dst: {
    kind: "choice",
    values: ["inplace", "new-page"],
    default: "inplace",
    paths: PATHS_WITH_TX,
    idleWhen: [{ tx_tail: "linearize" }, NO_IPSEC],
    doc: "Where an skb with a tail fragment is encrypted: in its own pages (the ideal), or into new pages after a " +
      "null-cipher copy (as merged); acts with tx_tail=fragment only.",
    question: "TX: does a page fragment with the tail bits avoid the copy?",
  },
  gcm_sg: {
    kind: "choice",
    values: ["native", "single"],
    default: "native",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "How AES-GCM takes a request of several scatterlist entries: entry by entry (native, Linux 5.0), or through a " +
      "linear bounce buffer (single, AES-NI up to 4.16).",
  },
  max_skb_frags: {
    kind: "integer",
    minimum: 17,
    maximum: 45,
    default: 17,
    unit: "fragments",
    paths: EVERY_PATH,
    doc:
      "Page fragments that an skb can hold (MAX_SKB_FRAGS); more make skb_shared_info larger and every head smaller.",
  },
  build_frags: {
    kind: "integer",
    minimum: 1,
    maximum: 45,
    default: 17,
    unit: "fragments",
    paths: EVERY_PATH,
    idleWhen: { path: "forward", gro: "off" },
    doc: "Page fragments that the stack fills in the skbs that it builds, max_skb_frags at most.",
    question: "Can we instrument the stack to generate buffers with at most MAX_SKB_FRAGS - 1 fragments?",
  },
  esp_frag_limit: {
    kind: "choice",
    values: ["none", "4096"],
    default: "none",
    paths: PATHS_WITH_TX,
    idleWhen: [{ tx_tail: "linearize" }, NO_IPSEC],
    doc:
      "Bytes of paged data and trailer above which ESP output linearizes all the same (4096 is the rule of 6.1.192).",
  },
  page_order: {
    kind: "integer",
    minimum: 0,
    maximum: 3,
    default: 3,
    paths: PATHS_WITH_TX,
    idleWhen: [{ path: "forward", tx_tail: "linearize" }, { path: "forward", ...NO_IPSEC }],
    doc: "Order of the pages that TCP gathers into and ESP takes trailers from: 3 is 32 KiB.",
    question: "TCP tries to use high-order pages (32K), so there are not more than 3-4 page fragments per buffer.",
  },
  crypto_pages: {
    kind: "choice",
    values: ["order0", "any"],
    default: "order0",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc: "Whether the crypto layer steps at the ends of 4 KiB pages (order0), or only of scatterlist entries (any).",
    question: "The crypto layer always assumes order-0 pages: can it handle high-order pages?",
  },
  gro: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_RX,
    doc: "Software GRO: merge the segments of a flow into one skb before the stack sees them.",
    question: "Adding a software GRO codepath for IPsec.",
  },
  udp_gro: {
    kind: "choice",
    values: ["off", "forward", "frag-list", "encap"],
    default: "off",
    paths: PATHS_WITH_RX,
    idleWhen: { gro: "off" },
    doc: "GRO of UDP that is forwarded: none (off), datagrams of a flow joined as TCP segments are (forward, " +
      "NETIF_F_GRO_UDP_FWD, Linux 5.12), or whole packets chained (frag-list, NETIF_F_GRO_FRAGLIST, Linux 5.6); encap joins " +
      "those with ESP to our own host that have a checksum, as where the socket has UDP_GRO (Linux 5.0).",
  },
  esp_gro: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_ESP_INPUT,
    idleWhen: [{ gro: "off" }, NO_IPSEC],
    doc: "The GRO handler of ESP: decrypt inside GRO so that the inner segments merge in the same pass.",
    question: "The stack does not see IPsec packets anymore: should this be configurable?",
  },
  gro_overflow: {
    kind: "choice",
    values: ["frag-list", "stop"],
    default: "frag-list",
    paths: PATHS_WITH_RX,
    idleWhen: { gro: "off" },
    doc:
      "What GRO does with a packet that does not fit into the fragments of the held skb: chain it to the frag_list, or " +
      "complete the held skb and hold the packet.",
    question: "Can we build fair buffers for local receive and forwarding?",
  },
  gso: {
    kind: "choice",
    values: ["off", "xfrm", "l2"],
    default: "off",
    paths: PATHS_WITH_TX,
    idleWhen: NO_IPSEC,
    doc:
      "Who segments an skb larger than the MTU: nobody builds such skbs (off), xfrm before ESP, or the device layer, " +
      "which encrypts each segment (l2). Without IPsec it is always the device layer, or the NIC (nic_tso).",
    question: "Move the existing xfrm GSO handling from xfrm to the generic GSO layer (L2).",
  },
  async: {
    kind: "choice",
    values: ["inline", "callback", "crypto-qdisc", "encap-then-crypto"],
    default: "inline",
    paths: PATHS_WITH_TX,
    idleWhen: NO_IPSEC,
    doc:
      "Where a packet is while its crypto runs: in the call that sends it (inline), nowhere until the engine calls back, which " +
      "goes on with it (callback), in its place in a queue that encrypts before it dequeues (crypto-qdisc), or in a queue of " +
      "finished ESP packets that lack their ciphertext (encap-then-crypto).",
    question: "How to handle asynchronous crypto in the GSO layer?",
  },
  busy: {
    kind: "choice",
    values: ["requeue", "softirq-queue", "crypto-qdisc"],
    default: "requeue",
    paths: PATHS_WITH_TX,
    idleWhen: { async: "inline" },
    doc:
      "What becomes of an encrypted packet that meets a busy driver (NETDEV_TX_BUSY): it enters the queue discipline (again), " +
      "it is tried at once and waits in a queue of the CPU that NET_TX retries (softirq-queue, as merged in 4.16), or it stays " +
      "at the head of the crypto-qdisc.",
    question: "How to handle NETDEV_TX_BUSY after asynchronous crypto?",
  },
  crypto: {
    kind: "choice",
    values: ["cpu", "cryptd", "pcrypt", "accel"],
    default: "cpu",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "Who runs crypto requests: the CPU that makes them, at once (cpu) or from a queue of its own (cryptd), other CPUs in " +
      "turn, put in order again (pcrypt), or a look-aside engine (accel).",
    question: "Do we want to have separate networking and crypto CPUs?",
  },
  crypto_cpus: {
    kind: "integer",
    minimum: 0,
    maximum: 64,
    default: 0,
    unit: "CPUs",
    paths: EVERY_PATH,
    idleWhen: PCRYPT_IS_NOT_USED,
    doc:
      "CPUs set apart for crypto, numbered behind those of net_cpus; pcrypt encrypts on them, and on the CPUs of net_cpus when " +
      "there is none. Nothing else runs on them, unless callback_cpu names one.",
    question: "Do we want to have separate networking and crypto CPUs?",
  },
  callback_cpu: {
    kind: "integer",
    minimum: 0,
    maximum: 127,
    default: 0,
    paths: EVERY_PATH,
    idleWhen: PCRYPT_IS_NOT_USED,
    doc:
      "The CPU on which pcrypt calls back, and so transmits (cb_cpu of padata, which Linux deals out in turn to SAs).",
  },
  cryptd_qlen: {
    kind: "text",
    pattern: "^(auto|[1-9][0-9]{0,5})$",
    expects: "auto or a whole number of requests",
    default: "auto",
    paths: EVERY_PATH,
    idleWhen: { crypto: "cpu" },
    doc:
      "Requests that the queue of cryptd takes, and packets that wait in front of crypto with async=encap-then-crypto; auto is " +
      "100 in Linux 4.4 and 1000 in 6.1 (cryptd_max_cpu_qlen). ESP drops what a full one refuses.",
  },
  accel_gbps: {
    kind: "number",
    minimum: 0.000001,
    maximum: 1000000,
    default: 40,
    unit: "Gbit/s",
    paths: EVERY_PATH,
    idleWhen: { crypto: "cpu" },
    doc: "Rate at which the look-aside engine (crypto=accel) encrypts; no published figure stands behind the default.",
  },
  accel_latency_us: {
    kind: "number",
    minimum: 0,
    maximum: 1000000,
    default: 20,
    unit: "us",
    paths: EVERY_PATH,
    idleWhen: { crypto: "cpu" },
    doc:
      "Time that each request spends in the look-aside engine besides that at its rate: transfers and interrupt; no published " +
      "figure stands behind the default.",
  },
  accel_qlen: {
    kind: "integer",
    minimum: 1,
    maximum: 65536,
    default: 512,
    unit: "requests",
    paths: EVERY_PATH,
    idleWhen: { crypto: "cpu" },
    doc: "Requests that the look-aside engine holds; ESP drops what it refuses.",
  },
  offload: {
    kind: "choice",
    values: ["none", "crypto", "packet"],
    default: "none",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "What the NIC does of ESP, out and in: nothing; encryption of packets that the stack has made (crypto, Linux 4.12), where what " +
      "the driver refuses is encrypted by software; or all of it, without a fallback (packet, Linux 6.2). Aggregates that it does not " +
      "cut are cut by software, by reference.",
    question: "HW offload: the software GSO codepath as a fallback behind the same interface.",
  },
  era: {
    kind: "choice",
    values: ["4.4", "6.1"],
    default: "4.4",
    paths: EVERY_PATH,
    doc: "The kernel whose rules hold where no other key names them; 6.1 means 6.1.192.",
  },
  path: {
    kind: "choice",
    values: ["forward", "send", "receive", "host-to-host"],
    default: "forward",
    paths: EVERY_PATH,
    doc:
      "The part that the modelled host plays: forward is a gateway from clear frames to ESP, send a host whose sockets send " +
      "what the captured host sent, receive the end of the tunnel: what is addressed to it arrives as ESP.",
  },
  then: {
    kind: "choice",
    values: ["socket", "forward"],
    default: "socket",
    paths: ["receive"],
    doc: "Where decrypted packets go: to sockets of our host, or as a gateway sends them on, in the clear, from NIC 1.",
  },
  tunnel: {
    kind: "choice",
    values: ["all", "local"],
    default: "all",
    paths: ["forward"],
    doc: "Which arriving IP packets a gateway sends through the tunnel: all of them, or those from local.",
  },
  local: {
    kind: "text",
    pattern: `^(auto|${IP_PREFIX_PATTERN})$`,
    expects: "auto, an IP address or a prefix such as 10.0.0.0/8 or 2001:db8::/32",
    default: "auto",
    paths: EVERY_PATH,
    idleWhen: { path: "forward", tunnel: "all" },
    doc:
      "The host or net that is ours; auto is the side that sent more payload, on path receive the one that was sent more.",
  },
  pace: {
    kind: "choice",
    values: ["max", "line", "capture"],
    forms: [
      { prefix: "rate:", number: RATE, shown: "rate:<Gbps>" },
      { prefix: "capture*", number: RATE, shown: "capture*<N>" },
    ],
    default: "max",
    paths: ["forward", "send", "receive"],
    doc:
      "When the next frame arrives: as soon as the RX ring has room (max), or, whether it has or not, back to back at " +
      "link_gbps (line), at another rate of wire bits, as stamped in the capture, or N times as fast.",
  },
  repeat: {
    kind: "integer",
    minimum: 1,
    maximum: 1000000,
    default: 1,
    unit: "times",
    paths: EVERY_PATH,
    doc: "How many times the capture is played, with sequence numbers, IPv4 ids and times moved on.",
  },
  oversize: {
    kind: "choice",
    values: ["grow", "mss", "drop"],
    default: "grow",
    paths: ["forward"],
    idleWhen: NO_IPSEC,
    doc:
      "What becomes of a packet that ESP makes larger than the MTU: the egress MTU grows to fit, TCP payload is re-cut " +
      "to the MSS that path MTU discovery would have reached, or it is dropped. Sockets of our own know the MTU inside.",
  },
  link_gbps: {
    kind: "number",
    minimum: 0.000001,
    maximum: 1000000,
    default: 10,
    unit: "Gbit/s",
    paths: EVERY_PATH,
    doc: "Speed of the links, preamble and gap included.",
  },
  link_delay_us: {
    kind: "number",
    minimum: 0,
    maximum: 10000000,
    default: 10,
    unit: "us",
    paths: ["host-to-host"],
    doc: "How long a bit is on its way from one host to the other, the same in both directions.",
  },
  window_kib: {
    kind: "integer",
    minimum: 1,
    maximum: 1048560,
    default: 1024,
    unit: "KiB",
    paths: ["host-to-host"],
    doc:
      "TCP window of the receiving sockets: what may be on its way of one connection, sent and not acknowledged. There is no " +
      "congestion window beside it.",
  },
  reader_cpu: {
    kind: "choice",
    values: ["own", "same"],
    default: "own",
    paths: ["host-to-host"],
    doc:
      "Where host B runs the process that reads a socket: on a CPU of its own, one for each of net_cpus and numbered behind all " +
      "others (own), as a scheduler with idle CPUs does, where the window is smaller by what is not read yet; or at once, on the " +
      "CPU whose softirq delivers (same).",
  },
  mtu: {
    kind: "integer",
    minimum: 576,
    maximum: 65535,
    default: 1500,
    unit: "bytes",
    paths: EVERY_PATH,
    doc: "Largest IP packet that the egress link takes; captured packets above it are super-packets.",
  },
  rx_layout: {
    kind: "choice",
    values: ["page-frag", "build-skb", "virtio", "netdev-linear", "kmalloc", "napi-linear"],
    forms: [
      { prefix: "frags:", number: "[1-9]|1[0-7]", shown: "frags:<1..17>" },
      { prefix: "hdrsplit:", number: "[1-9]|1[0-7]", shown: "hdrsplit:<1..17>" },
    ],
    default: "page-frag",
    paths: PATHS_WITH_RX,
    doc:
      "How the RX driver lays a frame out as an skb: page-frag pulls the headers and leaves the rest in a page, virtio " +
      "copies 128 bytes (4.4), frags:N has an empty head and N pages (napi_gro_frags), hdrsplit:N the headers in the head " +
      "and the payload in N pages, the others are linear.",
  },
  rx_ring: {
    kind: "integer",
    minimum: 1,
    maximum: 4096,
    default: 128,
    unit: "descriptors",
    paths: PATHS_WITH_RX,
    doc: "Length of the RX ring: frames that wait for NAPI; short, so that short captures get past its first filling.",
  },
  rx_usecs: {
    kind: "number",
    minimum: 0,
    maximum: 1000000,
    default: 0,
    unit: "us",
    paths: PATHS_WITH_RX,
    doc:
      "Interrupt moderation: how long after the first frame in an empty RX ring NIC 0 interrupts (ethtool -C rx-usecs); 0 is " +
      "at once. The longer, the fuller the NAPI polls of a CPU that is not busy, and the later the packets.",
  },
  rx_hash: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: PATHS_WITH_RX,
    idleWhen: { path: "forward", gro: "off" },
    doc:
      "Whether the NIC gives each flow a receive hash, which spreads flows over the hash buckets of GRO (6.1); without " +
      "one all flows share a bucket.",
  },
  nic_rx_csum: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: PATHS_WITH_RX,
    idleWhen: [
      { path: "forward", gro: "off" },
      { path: PATHS_WITH_ESP_INPUT, offload: "none", ...IPSEC },
    ],
    doc:
      "Whether the NIC has verified the transport checksum (CHECKSUM_UNNECESSARY), also of what it has decrypted, or a CPU must.",
  },
  napi_weight: {
    kind: "integer",
    minimum: 1,
    maximum: 1024,
    default: 64,
    unit: "packets",
    paths: PATHS_WITH_RX,
    doc: "Packets that one NAPI poll takes from the RX ring at most.",
  },
  hz: {
    kind: "choice",
    values: [100, 250, 300, 1000],
    default: 250,
    unit: "jiffies per second",
    paths: PATHS_WITH_RX,
    idleWhen: { gro: "off" },
    doc:
      "Timer frequency of the kernel: how long GRO holds packets over full NAPI polls, and with gro_flush_us (6.1) over others.",
  },
  gro_flush_us: {
    kind: "number",
    minimum: 0,
    maximum: 1000000,
    default: 0,
    unit: "us",
    paths: PATHS_WITH_RX,
    idleWhen: [{ gro: "off" }, { path: PATHS_WITH_ESP_INPUT, ...IPSEC }],
    doc:
      "How long after a poll with packets GRO of NIC 0 may hold what could still grow (gro_flush_timeout); 0 holds nothing " +
      "over the end of a poll. Linux 6.1 sends up what is older than a jiffy (hz) all the same. A receiver's NIC has nothing " +
      "to hold but without IPsec: ESP is not merged, and the device of its GRO cells has no timer.",
  },
  tap: {
    kind: "choice",
    values: ["none", "mmap", "packet-socket"],
    default: "none",
    paths: PATHS_WITH_ESP_INPUT,
    doc:
      "A sniffer on NIC 0: mmap copies each frame into a ring, as libpcap does, packet-socket keeps a clone, so that ESP " +
      "input finds a shared buffer.",
    question: "The stack does not see IPsec packets anymore: should this be configurable?",
  },
  net_cpus: {
    kind: "integer",
    minimum: 1,
    maximum: 64,
    default: 1,
    unit: "CPUs",
    paths: EVERY_PATH,
    doc:
      "CPUs that run the network stack, each with an RX queue of NIC 0 over which flows are spread by their receive hash (that " +
      "of ESP knows addresses only), and each with a process whose sockets send. They share one TX queue and the SA.",
    question: "Do we want to have separate networking and crypto CPUs?",
  },
  qdisc: {
    kind: "choice",
    values: ["pfifo", "pfifo_fast", "noqueue", "fq_codel"],
    default: "pfifo",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc:
      "Queue discipline of the egress device: one list (pfifo), three by type of service (pfifo_fast, the default of Linux), a " +
      "list for each flow with CoDel (fq_codel, RFC 8290, the default of Debian), or none, as on veth (noqueue: what the " +
      "driver does not take is dropped).",
  },
  qdisc_limit: {
    kind: "integer",
    minimum: 1,
    maximum: 1000000,
    default: 1000,
    unit: "packets",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc:
      "Packets that the queue discipline holds before it drops; of pfifo_fast in Linux 6.1 those of each of its three bands " +
      "(tx_queue_len).",
  },
  tx_ring: {
    kind: "integer",
    minimum: 4,
    maximum: 4096,
    default: 512,
    unit: "descriptors",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc: "Length of the TX ring; a full one stops the queue (NETDEV_TX_BUSY).",
  },
  tx_stop: {
    kind: "choice",
    values: ["full", "early"],
    default: "full",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc:
      "When the driver stops its queue: when a packet does not fit into the TX ring, which is refused (full), or ahead, when " +
      "one of the most fragments would not fit, so that none is refused (early, as most drivers do).",
  },
  tx_fault: {
    kind: "choice",
    values: ["none"],
    forms: [
      { prefix: "busy:", number: "[1-9][0-9]{0,5}", shown: "busy:<N>" },
      { prefix: "stopped:", number: RATE, shown: "stopped:<ms>" },
    ],
    default: "none",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc:
      "A driver at fault: it refuses the first N packets that it is handed with NETDEV_TX_BUSY (busy:N), or its queue is " +
      "stopped for so many milliseconds from the start (stopped:ms).",
    question: "How to handle NETDEV_TX_BUSY after asynchronous crypto?",
  },
  bql: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc:
      "Byte queue limits: the TX ring holds as many bytes as keep the link busy, and as many packets as fit under the limit " +
      "leave the queue together (dynamic queue limits, Linux 3.3; most drivers have them).",
  },
  nic_sg: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: EVERY_PATH,
    idleWhen: SOCKETS_TAKE_IT,
    doc: "Whether NIC 1 sends scattered buffers; without that paged data is copied before it.",
  },
  nic_tso: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: EVERY_PATH,
    idleWhen: [
      SOCKETS_TAKE_IT,
      { path: PATHS_WITH_TX, offload: ["none", "crypto"], ...IPSEC },
    ],
    doc:
      "Whether NIC 1 segments clear TCP aggregates (TSO), also those that it is to encapsulate; needs nic_sg and nic_tx_csum.",
  },
  nic_tx_csum: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: EVERY_PATH,
    idleWhen: NO_OFFLOAD,
    doc:
      "Whether NIC 1 fills transport checksums in: of clear packets, and of what it encrypts (NETIF_F_HW_ESP_TX_CSUM). If not, a CPU " +
      "sums before.",
    question: "HW offload: what does the NIC need from the stack?",
  },
  nic_gso_esp: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: PATHS_WITH_TX,
    idleWhen: [{ offload: "none" }, { offload: "packet" }],
    doc:
      "Whether a NIC that encrypts also cuts aggregates of ESP packets (NETIF_F_GSO_ESP); needs nic_sg and nic_tx_csum. If not, " +
      "software cuts them, by reference.",
    question: "HW offload: what does the NIC need from the stack?",
  },
  nic_fraglist: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: EVERY_PATH,
    idleWhen: NO_OFFLOAD,
    doc: "Whether NIC 1 sends buffers with a frag_list (hardly any does); if not, software cuts such aggregates.",
    question: "Can we build fair buffers for local receive and forwarding?",
  },
  socket_gso: {
    kind: "choice",
    values: ["auto", "on", "off"],
    default: "auto",
    paths: PATHS_WITH_SOCKETS,
    doc:
      "Whether TCP sockets build skbs of up to 64 KiB (on) or of one segment (off); auto is on with gso=l2, as Linux " +
      "leaves GSO to a socket over IPsec where esp4_offload is loaded (4.14). Without IPsec auto is on, in 4.4 with nic_sg=on only.",
  },
  write_bytes: {
    kind: "text",
    pattern: "^(auto|[1-9][0-9]{0,8})$",
    expects: "auto or a whole number of bytes",
    default: "auto",
    paths: PATHS_WITH_SOCKETS,
    doc:
      "Bytes that the process writes to a TCP socket at once; auto takes a write to end behind a packet with PSH or FIN " +
      "and behind a super-packet, and after 64 KiB.",
  },
  nodelay: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_SOCKETS,
    doc: "Whether a short segment goes out at once (TCP_NODELAY) or waits while another is unacknowledged (Nagle).",
  },
  sendfile: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_SOCKETS,
    doc: "Whether the process sends the pages of a file by reference (sendfile) or copies what it writes.",
  },
  cipher: {
    kind: "choice",
    values: CIPHER_NAMES,
    shown: CIPHER_NAMES_SHOWN,
    planned: ["3des-cbc-<hmac>", "camellia-cbc-<hmac>", "aes-xcbc-<cipher>", "null-md5"],
    default: "aes-gcm-256",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "Cipher suite of the SAs: AES-GCM, AES-CCM (ICV of 16 bytes unless said) and ChaCha20-Poly1305, AES-GMAC, which does not " +
      "encrypt, AES-CBC and AES-CTR with HMAC-SHA1-96, HMAC-SHA256-128, HMAC-SHA384-192 or HMAC-SHA512-256, and ESP-NULL " +
      "with one of these or without authentication.",
  },
  mode: {
    kind: "choice",
    values: ["tunnel", "transport", "none"],
    default: "tunnel",
    defaultOn: { send: "transport", "host-to-host": "transport" },
    paths: EVERY_PATH,
    doc:
      "IPsec mode of the SAs: tunnel protects whole IP packets behind an outer header, transport what follows the header; " +
      "transport is the default of paths send and host-to-host. With none there is no IPsec at all: the same packets in the clear, " +
      "as a plain router, or plain TCP and UDP sockets, send them.",
  },
  ip: {
    kind: "choice",
    values: [4, 6],
    default: 4,
    paths: EVERY_PATH,
    idleWhen: [{ mode: "transport" }, NO_IPSEC],
    doc: "Version of the outer IP header of tunnel mode, whatever the version inside.",
  },
  esn: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "Extended sequence numbers (RFC 4304): 64 bits, of which the upper 32 are authenticated and not sent; a receiver guesses " +
      "them from its replay window.",
  },
  encap: {
    kind: "choice",
    values: ["none", "udp"],
    default: "none",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "What ESP packets hide in: nothing, or UDP to port 4500 (RFC 3948), 8 bytes more. Linux takes UDP neither into ESP's GRO " +
      "handler nor to layer 2: esp_gro and gso=l2 do not act on it.",
  },
  replay_window: {
    kind: "integer",
    minimum: 0,
    maximum: 4096,
    default: 64,
    unit: "packets",
    paths: PATHS_WITH_ESP_INPUT,
    idleWhen: NO_IPSEC,
    doc: "Sequence numbers that the replay window of a receiving SA covers; 0 checks none.",
  },
  engine: {
    kind: "choice",
    values: ["auto", "noble", "openssl", "skip"],
    default: "auto",
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc:
      "Who encrypts: auto only when somebody looks, or a captured ESP packet has to be decrypted, with OpenSSL where --allow-ffi " +
      "is granted, else noble; noble (JavaScript) and openssl always, skip never; traces are the same with each.",
  },
  profile: {
    kind: "text",
    pattern: "^[^\\u0000-\\u001f\\u007f]+$",
    expects: "the name of a cost profile or a file",
    default: "published",
    paths: EVERY_PATH,
    doc:
      "The cost profile that prices events: published, netdev11, haswell-2020 or icelake-2021, which come with tailbits, " +
      "or a file, whose path ends in .json or has a slash.",
  },
  interval_us: {
    kind: "text",
    pattern: "^(auto|[1-9][0-9]{0,8})$",
    expects: "auto or a whole number of microseconds",
    default: "auto",
    paths: EVERY_PATH,
    doc: "Length of an interval of series.csv; auto is about a hundredth of the run, 1, 2 or 5 times a power of ten.",
  },
  seed: {
    kind: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 1,
    paths: EVERY_PATH,
    idleWhen: NO_IPSEC,
    doc: "What the free choices of the model are derived from: so far the fixed part of the IVs.",
  },
} as const satisfies Record<string, KeyDefinition>;

/** The name of a key that is built. */
export type KeyName = keyof typeof KEYS;

/** The type of one key's value: its values and forms for a choice, else text or number. */
export type ValueOf<Definition> = Definition extends
  { kind: "choice"; values: readonly (infer Value)[]; forms: readonly { prefix: infer Prefix extends string }[] }
  ? Value | `${Prefix}${number}`
  : Definition extends { kind: "choice"; values: readonly (infer Value)[] } ? Value
  : Definition extends { kind: "text" } ? string
  : number;

/** A configuration: a checked value for every key, under the names of the design. */
export type Config = { readonly [Key in KeyName]: ValueOf<(typeof KEYS)[Key]> };

/** All keys in table order. */
export const KEY_NAMES: readonly KeyName[] = Object.keys(KEYS) as KeyName[];

/** Tells whether `name` is a key that is built. */
export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}

/** Returns the row of a key, typed as any row. */
export function definitionOf(key: KeyName): KeyDefinition {
  return KEYS[key];
}

/** The value of every key when nothing else is said. */
export const DEFAULTS: Config = configOf((key) => KEYS[key].default);

/** Builds a configuration from a function that returns a checked value for each key. */
export function configOf(valueOf: (key: KeyName) => Setting): Config {
  // The table's check is what makes the values have these types.
  return Object.fromEntries(KEY_NAMES.map((key) => [key, valueOf(key)])) as unknown as Config;
}
