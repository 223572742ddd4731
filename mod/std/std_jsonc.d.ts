/** Throws SyntaxError, with the offending text in its message, when `text` is not JSONC. */
export declare function parse(text: string): unknown;
