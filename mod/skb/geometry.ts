/**
 * Sizes of linear areas: how large the buffer that the kernel allocates really is, hence how much tailroom there is.
 *
 * linux-datapath 1.3 to 1.5: `skb_shared_info` lies at the very end of the block that a request is rounded up to, so what
 * the rounding adds is tailroom. The size class decides whether ESP finds room for its trailer.
 *
 * ```ts
 * kmallocEndOffset(1578); // 1728: class 2048 less 320 bytes of skb_shared_info
 * ```
 *
 * @module
 */

/** Size of a page on x86-64. */
export const PAGE_SIZE = 4096;
/** SMP_CACHE_BYTES on x86-64. */
export const CACHE_LINE = 64;
/** Frags that a buffer can hold: 65536/PAGE_SIZE + 1 (include/linux/skbuff.h, 4.4 and 6.1). */
export const MAX_SKB_FRAGS = 17;
/** sizeof(struct skb_shared_info) with 17 frags: 48 fixed bytes + 17 * 16. */
export const SHARED_INFO_BYTES = 320;
/** Headroom that drivers get from netdev_alloc_skb (NET_SKB_PAD). */
export const NET_SKB_PAD = 64;
/** Slack that the copy primitives add when they reallocate a linear area (linux-datapath 2.2, 2.4). */
export const COW_SLACK = 128;
/** Order-3 block of the page-frag pools (SKB_FRAG_PAGE_ORDER). */
export const PAGE_FRAG_BLOCK_BYTES = 32768;

const KMALLOC_CLASSES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
/** Largest request that __napi_alloc_skb serves from a page fragment: SKB_WITH_OVERHEAD(PAGE_SIZE). */
const MAX_PAGE_FRAG_HEAD = PAGE_SIZE - SHARED_INFO_BYTES;
/** Linear bytes of the fixed 1 KiB slice of 6.1 (SKB_WITH_OVERHEAD(1024)). */
const SMALL_HEAD = 1024 - SHARED_INFO_BYTES;

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

/** End offset of the linear area that alloc_skb(`bytes`) returns (__alloc_skb, 4.4 and 6.1). */
export function kmallocEndOffset(bytes: number): number {
  return kmallocBlockBytes(alignCacheLine(bytes) + SHARED_INFO_BYTES) - SHARED_INFO_BYTES;
}

/**
 * End offset of the linear area that napi_alloc_skb(`bytes`) returns, NET_SKB_PAD included (__napi_alloc_skb).
 *
 * 4.4 carves exactly the rounded request from a page fragment; 6.1 takes a fixed 1 KiB slice for small requests.
 */
export function napiEndOffset(bytes: number, era: "4.4" | "6.1"): number {
  const request = bytes + NET_SKB_PAD;
  if (request > MAX_PAGE_FRAG_HEAD) return kmallocEndOffset(request);
  if (era === "6.1" && request <= SMALL_HEAD) return SMALL_HEAD;
  return alignCacheLine(request);
}

/** End offset of the linear area that netdev_alloc_skb(`bytes`) returns, NET_SKB_PAD included (__netdev_alloc_skb). */
export function netdevEndOffset(bytes: number, era: "4.4" | "6.1"): number {
  const request = bytes + NET_SKB_PAD;
  if (!netdevHeadIsPageFragment(bytes, era)) return kmallocEndOffset(request);
  return alignCacheLine(request);
}

/** Whether netdev_alloc_skb(`bytes`) serves its head from a page fragment: 6.1 takes kmalloc for small requests. */
export function netdevHeadIsPageFragment(bytes: number, era: "4.4" | "6.1"): boolean {
  const request = bytes + NET_SKB_PAD;
  return request <= MAX_PAGE_FRAG_HEAD && (era === "4.4" || request > SMALL_HEAD);
}

/** Whether napi_alloc_skb(`bytes`) serves its head from a page fragment, which sets head_frag. */
export function napiHeadIsPageFragment(bytes: number): boolean {
  return bytes + NET_SKB_PAD <= MAX_PAGE_FRAG_HEAD;
}
