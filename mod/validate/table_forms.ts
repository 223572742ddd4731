/**
 * The tables of a recording: which columns each has, and which of them say what the kernel made of a packet.
 *
 * A table is known by its file name; three files have several forms, told apart by their header row. Of the columns of a
 * form some describe what went in, some are for people (`i`, `ident`, `truesize`, which no run repeats), and some are
 * results. Results are what the model is held against, in one of two views:
 *
 * - `stage`: one recorded skb through one stage alone. What went in is taken from the recording.
 * - `path`: the whole path. Everything but the input frames is a result.
 *
 * ```ts
 * import { formOf } from "./table_forms.ts";
 * formOf("expected_gso.csv", ["call", "i", "dev"]); // { column: "where", reason: "the column is missing ..." }
 * ```
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";

/** One form of a table. */
export interface TableForm {
  /** Name of the file. */
  readonly file: string;
  /** What the rows are. */
  readonly name: string;
  /** All columns, in order. */
  readonly columns: readonly string[];
  /** Results of one stage. */
  readonly stage: readonly string[];
  /** Results of the whole path. */
  readonly path: readonly string[];
}

const SHAPE = "len data_len headlen nr_frags has_frag_list frag_list_n";
const GSO = "gso_size gso_segs gso_type";
const SKB = `${SHAPE} ${GSO} ip_summed head_frag skb_cloned`;
const ESP_TAIL = "tailen plen clen align64_datalen_tailen branch ret_nfrags inplace bytes_pulled bytes_expand_head " +
  "bytes_skb_copy bytes_copied after_headlen after_nr_frags after_tailroom";
const ESP_ENTRY = "len data_len headlen nr_frags frag_list_n skb_cloned head_frag shared_frag";
const COW = "branch cow_ret bytes_pulled bytes_expand_head bytes_skb_copy bytes_copied";
const SEGMENTS = "n_segs seg_len seg_data_len seg_nr_frags seg_tailspace seg_ip_summed bytes_copied";
const DRIVER = "len data_len headlen nr_frags has_frag_list frag_list_n skb_cloned layout";

function form(file: string, name: string, columns: string, stage: string, path: string): TableForm {
  const list = (text: string): string[] => text === "" ? [] : text.split(" ");
  return { file, name, columns: list(columns), stage: list(stage), path: list(path) };
}

const TX_COLUMNS = `tx_index dev rc ident ${SKB} truesize shared_frag layout i context`;

/** Every form there is. */
export const TABLE_FORMS: readonly TableForm[] = [
  form(
    "expected.csv",
    "esp-output",
    `packet i dev via inner ${SHAPE} skb_cloned cloned_bit dataref headroom tailroom tailspace ${ESP_TAIL} encrypt_ret layout`,
    ESP_TAIL,
    `${SHAPE} skb_cloned headroom tailroom tailspace ${ESP_TAIL} layout`,
  ),
  form(
    "expected.csv",
    "delivered",
    `out_index first_input n_inputs inputs poll ${SKB} truesize shared_frag layout i`,
    "",
    `first_input n_inputs inputs ${SKB} layout`,
  ),
  form("expected.csv", "transmitted", TX_COLUMNS, DRIVER, `${SKB} layout`),
  form(
    "expected_inputs.csv",
    "received frames",
    "in_index batch poll entry len headlen nr_frags head_frag ip_summed gro_ret out_index skb_gro_receive_ret tcp_gro",
    "",
    "entry len headlen nr_frags head_frag ip_summed gro_ret",
  ),
  form(
    "expected_gro.csv",
    "packets after GRO",
    `out_index ident ${SKB} truesize shared_frag layout i`,
    "",
    `${SKB} layout`,
  ),
  form(
    "expected_gso.csv",
    "calls of skb_segment",
    `call i dev where len data_len headlen nr_frags frag_list_n skb_cloned gso_size gso_segs ${SEGMENTS} layout ident`,
    SEGMENTS,
    `len data_len headlen nr_frags frag_list_n skb_cloned gso_size gso_segs ${SEGMENTS} layout`,
  ),
  form(
    "expected_esp_rx.csv",
    "injected ESP packets",
    `in_index batch poll esp_seq inner_index outer_gro_ret outer_headlen outer_nr_frags via ${ESP_ENTRY} ${COW} ` +
      "esp_input_ret inner_gro_ret inner_ip_summed inner_headlen inner_nr_frags inner_tcp_gro out_index layout",
    COW,
    `outer_gro_ret outer_headlen outer_nr_frags via ${ESP_ENTRY} ${COW} esp_input_ret inner_gro_ret inner_ip_summed inner_headlen ` +
      "inner_nr_frags layout",
  ),
  form(
    "expected_esp_rx.csv",
    "ESP packets of a host",
    "packet i dev esp_seq via len data_len headlen nr_frags frag_list_n skb_cloned dataref head_frag shared_frag tailroom " +
      "branch bytes_copied esp_input_ret layout",
    "tailroom branch bytes_copied",
    "",
  ),
  form(
    "expected_xfrm_output.csv",
    "packets entering xfrm output",
    `call i ident ${SKB} truesize shared_frag layout ret`,
    "",
    `${SKB} layout`,
  ),
  form("expected_tx.csv", "packets entering the driver", TX_COLUMNS, DRIVER, `rc ${SKB} layout`),
  form(
    "expected_rx.csv",
    "packets reaching netif_receive_skb",
    `rx_index dev ident ${SKB} truesize shared_frag layout i`,
    "",
    "",
  ),
  form(
    "expected_copies.csv",
    "copies",
    "i what bytes context dev len nr_frags frag_list_n skb_cloned ident",
    "bytes",
    "bytes",
  ),
  form(
    "expected_wire.csv",
    "frames sent, decoded",
    "tx_index frame_len out_ver out_len out_tos out_ttl out_proto out_id out_df out_frag out_flowlabel udp_len udp_csum spi " +
      "seq seq_hi iv esp_len clen padlen pad_ok next_header in_ver in_len in_tos in_ttl in_proto in_id in_df in_frag " +
      "in_flowlabel error",
    "esp_len clen padlen",
    "",
  ),
];

/** Columns that a table may lack: for people, or more than the model is held against. */
const OPTIONAL = ("i truesize cloned_bit dataref batch poll skb_gro_receive_ret tcp_gro inner_tcp_gro encrypt_ret " +
  "esp_input_ret ret error out_index frame_len").split(" ");

/** What is wrong with a header row. */
export interface HeaderFault {
  /** The column that is unknown, named twice, or missing. */
  readonly column: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/**
 * The form of table `file` that has these columns, in any order; the columns that are for people only may be missing. Says
 * what is wrong where no form has them. There must be a table of that name.
 */
export function formOf(file: string, columns: readonly string[]): TableForm | HeaderFault {
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) return { column: twice, reason: "the column is there twice" };
  const known = (each: TableForm): number => columns.filter((name) => each.columns.includes(name)).length;
  const best = formsOf(file).reduce((one, other) => known(other) > known(one) ? other : one);
  const unknown = columns.find((name) => !best.columns.includes(name));
  if (unknown !== undefined) return { column: unknown, reason: `there is no such column${hint(unknown, best)}` };
  const missing = best.columns.find((name) => !columns.includes(name) && !OPTIONAL.includes(name));
  return missing === undefined ? best : { column: missing, reason: `the column is missing (table of ${best.name})` };
}

function hint(name: string, { columns }: TableForm): string {
  const near = nearest(name, columns);
  return near === undefined ? "" : `, the nearest is ${near}`;
}

/** The forms of table `file`; none when there is no table of that name. */
export function formsOf(file: string): TableForm[] {
  return TABLE_FORMS.filter((each) => each.file === file);
}
