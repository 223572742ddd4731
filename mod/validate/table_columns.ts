/**
 * The columns of the tables of a recording: what a cell holds, and how it is checked when it is read.
 *
 * A column means the same in every table, so it is described once. Sizes are in bytes. Where a table is about an skb, `len`,
 * `headlen` and `headroom` count from skb->data at the event that the table is of.
 *
 * @module
 */

/** What the cells of a column hold. */
export type CellKind = "integer" | "hexadecimal" | "integers" | "layout" | "text";

/** What a cell of each kind looks like when it is not empty. */
const PATTERNS: Readonly<Record<CellKind, RegExp>> = {
  integer: /^-?\d{1,15}$/,
  hexadecimal: /^0x[0-9a-f]{1,8}$/,
  integers: /^\d{1,9}(\/\d{1,9})*$/,
  layout: /^frags=(\d{1,9}(\/\d{1,9})*)?(;fraglist=\d{1,9}(:\d{1,9}){4}(\/\d{1,9}(:\d{1,9}){4})*)?$/,
  text: /^[^\r\n]*$/,
};

/** What a cell of each kind is called in a message. */
const KIND_WORDS: Readonly<Record<CellKind, string>> = {
  integer: "an integer",
  hexadecimal: "a hexadecimal number",
  integers: "integers with / between them",
  layout: "a layout, frags=LEN/LEN;fraglist=LEN:HEADLEN:NR_FRAGS:CLONED:TAILSPACE/...",
  text: "text on one line",
};

const TEXT = new Set(words(`
  branch context dev entry error gro_ret ident inner inner_gro_ret inner_tcp_gro inputs iv outer_gro_ret tcp_gro via what
  where
`));
const HEXADECIMAL = words("gso_type spi");
const INTEGERS = words("seg_data_len seg_ip_summed seg_len seg_nr_frags seg_tailspace");

/** Columns whose cells may be empty: not known, or nothing of the kind happened. */
const MAY_BE_EMPTY = new Set(words(`
  branch bytes_copied bytes_expand_head bytes_pulled bytes_skb_copy clen context cow_ret data_len error esp_input_ret
  esp_len esp_seq frag_list_n head_frag headlen ident in_df in_flowlabel in_frag in_id in_len in_proto in_tos in_ttl in_ver
  inner_gro_ret inner_headlen inner_index inner_ip_summed inner_nr_frags inner_tcp_gro iv layout len next_header nr_frags
  out_df out_flowlabel out_id out_index padlen pad_ok seq seq_hi shared_frag skb_cloned skb_gro_receive_ret spi tcp_gro
  udp_csum udp_len via
`));

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** What the cells of the column of that name hold. */
export function kindOf(column: string): CellKind {
  if (column === "layout") return "layout";
  if (TEXT.has(column)) return "text";
  if (HEXADECIMAL.includes(column)) return "hexadecimal";
  return INTEGERS.includes(column) ? "integers" : "integer";
}

/** What is wrong with a cell; undefined when nothing is. */
export function whyDamaged(column: string, cell: string): string | undefined {
  if (cell === "") return MAY_BE_EMPTY.has(column) ? undefined : "the cell is empty";
  const kind = kindOf(column);
  if (PATTERNS[kind].test(cell)) return undefined;
  return `${JSON.stringify(cell.slice(0, 40))} is not ${KIND_WORDS[kind]}`;
}
