export interface StringifyOptions {
  headers?: boolean;
  separator?: string;
  bom?: boolean;
  columns?: readonly string[];
}
export declare function stringify(
  data: readonly (readonly unknown[] | Record<string, unknown>)[],
  options?: StringifyOptions,
): string;
export declare function parse(
  text: string,
  options: { skipFirstRow: true; separator?: string },
): Record<string, string>[];
export declare function parse(text: string, options?: { separator?: string }): string[][];
