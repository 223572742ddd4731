/**
 * House rules as lint rules: what would make a trace depend on the machine stays out of the model.
 *
 * The wall clock, `Math.random`, transcendental functions (their last bit differs between engines) and anything that asks
 * the locale are refused everywhere but in the places that are meant to look at the real world: tests, benches and the
 * command line. One file more may read a clock, for what measures this machine.
 *
 * @module
 */

/** Files that may look at the real world. */
const OUTSIDE_THE_MODEL = /(_test|_bench)\.ts$|\/mod\/(cli|tidy)\/|\/cli\.ts$/;

/** The file whose clock `bench` and `calibrate` use. */
const STOPWATCH = /\/mod\/machine\/stopwatch\.ts$/;
const STOPWATCH_CLOCK = "performance.now";

const CLOCKS: Record<string, string> = {
  "Date.now": "the wall clock",
  "performance.now": "the wall clock",
  "Math.random": "chance without a seed",
};
const INEXACT = new Set(
  "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 log log2 log10 log1p pow cbrt hypot"
    .split(" "),
);
const LOCALE = new Set([
  "toLocaleString",
  "toLocaleDateString",
  "toLocaleTimeString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
  "localeCompare",
]);

function forbidden(object: string | undefined, property: string): string | undefined {
  if (LOCALE.has(property)) return `Cannot use ${property}: the result depends on the locale`;
  if (object === "Math" && INEXACT.has(property)) {
    return `Cannot use Math.${property}: its last bit depends on the engine`;
  }
  const clock = object === undefined ? undefined : CLOCKS[`${object}.${property}`];
  return clock === undefined ? undefined : `Cannot use ${object}.${property} here: it is ${clock}`;
}

const plugin: Deno.lint.Plugin = {
  name: "tailbits",
  rules: {
    "deterministic-model": {
      create(context) {
        if (OUTSIDE_THE_MODEL.test(context.filename)) return {};
        return {
          MemberExpression(node) {
            if (node.property.type !== "Identifier") return;
            const object = node.object.type === "Identifier" ? node.object.name : undefined;
            if (STOPWATCH.test(context.filename) && `${object}.${node.property.name}` === STOPWATCH_CLOCK) return;
            const message = forbidden(object, node.property.name);
            if (message !== undefined) context.report({ node, message });
          },
          NewExpression(node) {
            if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
              context.report({ node, message: "Cannot use new Date() here: it is the wall clock" });
            }
          },
          Identifier(node) {
            if (node.name === "Intl") {
              context.report({ node, message: "Cannot use Intl: the result depends on the locale" });
            }
          },
        };
      },
    },
  },
};

export default plugin;
