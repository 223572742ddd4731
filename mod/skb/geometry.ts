/**
 * Sizes of linear areas: how large the buffer that the kernel allocates really is, hence how much tailroom there is.
 *
 * linux-datapath 1.2 to 1.5: `skb_shared_info` lies at the very end of the block that a request is rounded up to, so what
 * the rounding adds is tailroom. The size class decides whether ESP finds room for its trailer. The shared info ends in the
 * array of fragments: a kernel built with a longer one (`max_skb_frags`) has less room in every head.
 *
 * Departure: Linux has had a build option for the length of the array since 6.4 only; here every era can have it.
 *
 * ```ts
 * new Geometry().kmallocEndOffset(1578); // 1728: class 2048 less 320 bytes of skb_shared_info
 * new Geometry(45).kmallocEndOffset(1578); // 3328: 768 bytes of skb_shared_info no longer fit into class 2048
 * ```
 *
 * @module
 */

/** Size of a page on x86-64. */
export const PAGE_SIZE = 4096;
/** SMP_CACHE_BYTES on x86-64. */
export const CACHE_LINE = 64;
/** Frags that a buffer can hold unless configured otherwise: 65536/PAGE_SIZE + 1 (include/linux/skbuff.h, 4.4 and 6.1). */
export const DEFAULT_MAX_SKB_FRAGS = 17;
/** Headroom that drivers get from netdev_alloc_skb (NET_SKB_PAD). */
export const NET_SKB_PAD = 64;
/** Slack that the copy primitives add when they reallocate a linear area (linux-datapath 2.2, 2.4). */
export const COW_SLACK = 128;
/** Order of the blocks of page-frag pools: 32 KiB (SKB_FRAG_PAGE_ORDER). */
export const DEFAULT_PAGE_ORDER = 3;

const KMALLOC_CLASSES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
/** Bytes of struct skb_shared_info in front of its array of fragments. */
const SHARED_INFO_FIXED_BYTES = 48;
/** sizeof(skb_frag_t). */
const FRAG_DESCRIPTOR_BYTES = 16;
/** The fixed slice that 6.1 takes for small heads. */
const SMALL_SLICE_BYTES = 1024;

/** `bytes` rounded up to a cache line (SKB_DATA_ALIGN). */
export function alignCacheLine(bytes: number): number {
  return (bytes + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
}

/** The kmalloc block that a request of `bytes` gets: a size class, or above 8192 a power of two of pages. */
export function kmallocBlockBytes(bytes: number): number {
  for (const size of KMALLOC_CLASSES) if (bytes <= size) return size;
  let size = 2 * 8192;
  while (size < bytes) size *= 2;
  return size;
}

/** The sizes of a kernel whose buffers hold `maxSkbFrags` fragments. */
export class Geometry {
  /** SKB_DATA_ALIGN(sizeof(struct skb_shared_info)): 320 with 17 fragments. */
  readonly sharedInfoBytes: number;
  /** Largest request that __napi_alloc_skb serves from a page fragment: SKB_WITH_OVERHEAD(PAGE_SIZE), 3776. */
  readonly maxPageFragHead: number;
  /** Linear bytes of the fixed 1 KiB slice of 6.1: SKB_WITH_OVERHEAD(1024), 704. */
  readonly smallHeadBytes: number;

  /** Sizes for an array of `maxSkbFrags` fragments. */
  constructor(readonly maxSkbFrags: number = DEFAULT_MAX_SKB_FRAGS) {
    this.sharedInfoBytes = alignCacheLine(SHARED_INFO_FIXED_BYTES + FRAG_DESCRIPTOR_BYTES * maxSkbFrags);
    this.maxPageFragHead = this.withOverhead(PAGE_SIZE);
    this.smallHeadBytes = this.withOverhead(SMALL_SLICE_BYTES);
  }

  /** Usable bytes of a block of `bytes` bytes (SKB_WITH_OVERHEAD). */
  withOverhead(bytes: number): number {
    return bytes - this.sharedInfoBytes;
  }

  /** Largest linear area behind `reserved` bytes of headroom that fits into one page (SKB_MAX_HEAD). */
  maxHead(reserved: number): number {
    return this.maxPageFragHead - reserved;
  }

  /** End offset of the linear area that alloc_skb(`bytes`) returns (__alloc_skb, 4.4 and 6.1). */
  kmallocEndOffset(bytes: number): number {
    return this.withOverhead(kmallocBlockBytes(alignCacheLine(bytes) + this.sharedInfoBytes));
  }

  /**
   * End offset of the linear area that napi_alloc_skb(`bytes`) returns, NET_SKB_PAD included (__napi_alloc_skb).
   *
   * 4.4 carves exactly the rounded request from a page fragment; 6.1 takes a fixed 1 KiB slice for small requests.
   */
  napiEndOffset(bytes: number, era: "4.4" | "6.1"): number {
    const request = bytes + NET_SKB_PAD;
    if (request > this.maxPageFragHead) return this.kmallocEndOffset(request);
    if (era === "6.1" && request <= this.smallHeadBytes) return this.smallHeadBytes;
    return alignCacheLine(request);
  }

  /** Whether napi_alloc_skb(`bytes`) serves its head from a page fragment, which sets head_frag. */
  napiHeadIsPageFragment(bytes: number): boolean {
    return bytes + NET_SKB_PAD <= this.maxPageFragHead;
  }

  /** End offset of the linear area that netdev_alloc_skb(`bytes`) returns, NET_SKB_PAD included (__netdev_alloc_skb). */
  netdevEndOffset(bytes: number, era: "4.4" | "6.1"): number {
    const request = bytes + NET_SKB_PAD;
    if (!this.netdevHeadIsPageFragment(bytes, era)) return this.kmallocEndOffset(request);
    return alignCacheLine(request);
  }

  /** Whether netdev_alloc_skb(`bytes`) serves its head from a page fragment: 6.1 takes kmalloc for small requests. */
  netdevHeadIsPageFragment(bytes: number, era: "4.4" | "6.1"): boolean {
    const request = bytes + NET_SKB_PAD;
    return request <= this.maxPageFragHead && (era === "4.4" || request > this.smallHeadBytes);
  }
}
