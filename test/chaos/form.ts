import type { Value } from './history.js'

/** A command with its arguments. */
export type Words = readonly (Buffer | string)[]

/** The kinds of replies: a reply of another kind was meant for another command. */
export const KINDS = {
  ok: (value: Value) => value === 'OK',
  integer: (value: Value) => typeof value === 'number',
  text: (value: Value) => typeof value === 'string',
  'text or nil': (value: Value) => value === null || typeof value === 'string',
  texts: (value: Value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  any: () => true,
  'texts or nils': (value: Value) => Array.isArray(value) && value.every((item) => !Array.isArray(item)),
  integers: (value: Value) => Array.isArray(value) && value.every((item) => typeof item === 'number'),
  'lists of texts': (value: Value) => Array.isArray(value) && value.every((item) => KINDS.texts(item)),
  /** Numbers, also as texts, and nothing where there is none. */
  amounts: isAmounts,
  'amounts together': (value: Value) => Array.isArray(value) && value.length === 1 && isAmounts(value[0]),
  'amounts and an id': (value: Value) => Array.isArray(value) && value.length === 3 && isAmounts([value[0], value[2]]),
  'popped or nil': (value: Value) => value === null || (Array.isArray(value) && KINDS.texts(value[1])),
  'all or nothing': (value: Value) => value === null || (Array.isArray(value) && value.every((item) => item === 'OK')),
  entries: (value: Value) =>
    Array.isArray(value) && value.every((item) => Array.isArray(item) && Array.isArray(item[1])),
} as const

function isAmounts(value: Value): boolean {
  const isAmount = (item: Value) => item === null || (typeof item !== 'object' && /^-?\d+$/.test(String(item)))
  return Array.isArray(value) && value.every(isAmount)
}

export interface Form {
  /** Whether it leaves everything as it is. */
  readonly read?: boolean
  readonly reply: keyof typeof KINDS
  /** The command, or several of which the last one's reply is that of all; values have been made long already. */
  encode(key: Buffer, args: readonly string[]): Words | readonly Words[]
  /** What the reply says, when that is not the plain value. */
  decode?(value: Value): Value
  /** Nil means that it was not executed, because somebody was quicker. */
  readonly mayBeLate?: boolean
  /** What an error says that is an answer like any other. */
  readonly answers?: readonly [error: RegExp, value: Value]
}

/** What is executed together. */
export function inMulti(...commands: readonly Words[]): readonly Words[] {
  return [['MULTI'], ...commands, ['EXEC']]
}
