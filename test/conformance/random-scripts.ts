import fc from 'fast-check'
import { scriptOf, style } from '../helpers/script-programs.js'
import type { Line } from './script.js'

/*
 * Scripts of random commands.
 */

/** Not to be had inside a script: what concerns whole databases, or other ones. */
export function isServed({ args }: Line): boolean {
  const words = args.map((arg) => arg.toString('latin1'))
  return !/^(SWAPDB|FLUSHDB|SELECT|MOVE)$/.test(words[0]) && !(words[0] === 'COPY' && words.includes('DB'))
}

const hasTag = (pattern: RegExp) => (word: Buffer) => pattern.test(word.toString('latin1'))
const isKey = hasTag(/\{[ab]\}$/)

/** A script of those of the commands whose keys have this tag; of all commands where it is both. */
export function evaluation(lines: readonly Line[], tag: string, how: Parameters<typeof scriptOf>[2]): Line {
  const isOther = hasTag(tag === '{a}' ? /\{b\}$/ : tag === '{b}' ? /\{a\}$/ : /^$/)
  const fit = lines.filter((line) => isServed(line) && !line.args.some((word, i) => i > 0 && isOther(word)))
  const commands = fit.map(({ args, way }) => ({ args, isTold: way === 'same' }))
  const { source, keys } = scriptOf(commands, isKey, how)
  const args = [Buffer.from('EVAL'), source, Buffer.from(String(keys.length)), ...keys, Buffer.from(tag.slice(0, 3))]
  return {
    way: 'same',
    args,
    text: `${source.toString('latin1')} ${keys.join(' ')}\n-- ${fit.map(({ text }) => text).join('\n-- ')}`,
  }
}

/** Keys with the one are on other servers than those with the other. */
export const tag = fc.constantFrom('{a}', '{b}', '{a}{b}')

/** A script of some of these commands. */
export function scripts(command: fc.Arbitrary<Line>, maxLength: number): fc.Arbitrary<Line> {
  return fc.tuple(fc.array(command, { maxLength, size: 'max' }), tag, style).map((parts) => evaluation(...parts))
}
