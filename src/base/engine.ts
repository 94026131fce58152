import { setFlagsFromString } from 'node:v8'

/**
 * The way of a command goes through some forty small functions. V8 compiles them into one as far as its budget goes, which
 * by itself (920 bytes of bytecode in each function that is optimised) ends in the middle: then a GET takes a third more of
 * our own CPU time, with calls of a few instructions each. With twice this budget it takes more again.
 */
const INLINED_BYTES = 4000

/** To be called before the functions concerned have run often. */
export function inlineHotPaths(): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTES}`)
}
