import { type Form, inMulti, type Words } from './form.js'
import type { Value } from './history.js'
import { ACCOUNTS, keyUnder, PLACES } from './several-keys.js'

/*
 * How the operations of the workloads in `several-keys.ts` look as commands. Arguments are names of what they concern.
 */

const debit = (key: Buffer, name: string, amount: string): Words => ['DECRBY', keyUnder(key, name), amount]
const credit = (key: Buffer, name: string, amount: string): Words => ['INCRBY', keyUnder(key, name), amount]
const balance = (key: Buffer, name: string): Words => ['GET', keyUnder(key, name)]
const allUnder = (key: Buffer, names: readonly string[]) => names.map((name) => keyUnder(key, name))

/** Balances, of which one that is not there is 0. */
function amounts(value: Value): Value {
  return (value as readonly Value[]).map(Number)
}

const BANK: Readonly<Record<string, Form>> = {
  transfer: {
    reply: 'integers',
    encode: (key, [from, to, amount]) => inMulti(debit(key, from, amount), credit(key, to, amount)),
  },
  // What stands between the two parts is read as it is between them.
  audited: {
    reply: 'amounts',
    encode: (key, [from, to, amount]) =>
      inMulti(debit(key, from, amount), ...ACCOUNTS.map((name) => balance(key, name)), credit(key, to, amount)),
    decode: amounts,
  },
  // Their servers let the master choose: the others are told what has come of it.
  logged: {
    reply: 'amounts and an id',
    encode: (key, [from, to, amount]) =>
      inMulti(
        debit(key, from, amount),
        ['XADD', keyUnder(key, 'log*'), 'MAXLEN', '~', '10', '*', 'amount', amount],
        credit(key, to, amount),
      ),
    decode: (value) => {
      const [one, , other] = value as readonly Value[]
      return [Number(one), Number(other)]
    },
  },
  // What the two have is set to what it was when they were watched, less and more the amount.
  watched: {
    reply: 'all or nothing',
    mayBeLate: true,
    encode: (key, [from, to, amount, less, more]) =>
      inMulti(
        ['SET', keyUnder(key, from), String(Number(less) - Number(amount))],
        ['SET', keyUnder(key, to), String(Number(more) + Number(amount))],
      ),
  },
  watch: {
    reply: 'amounts',
    read: true,
    encode: (key, names) => [
      ['WATCH', ...allUnder(key, names)],
      ['MGET', ...allUnder(key, names)],
    ],
    decode: amounts,
  },
  balance: {
    reply: 'text or nil',
    read: true,
    encode: (key, [name]) => balance(key, name),
    decode: (value) => amounts([value]),
  },
  look: {
    reply: 'amounts',
    read: true,
    encode: (key) => inMulti(...ACCOUNTS.map((name) => balance(key, name))),
    decode: amounts,
  },
  mget: { reply: 'amounts', read: true, encode: (key) => ['MGET', ...allUnder(key, ACCOUNTS)], decode: amounts },
  lookWithMget: {
    reply: 'amounts together',
    read: true,
    encode: (key) => inMulti(['MGET', ...allUnder(key, ACCOUNTS)]),
    decode: (value) => amounts((value as readonly Value[])[0]),
  },
}

const MOVED: Readonly<Record<string, Form>> = {
  sadd: { reply: 'integer', encode: (key, [place, element]) => ['SADD', keyUnder(key, place), element] },
  srem: { reply: 'integer', encode: (key, [place, element]) => ['SREM', keyUnder(key, place), element] },
  smove: {
    reply: 'integer',
    encode: (key, [from, to, element]) => ['SMOVE', keyUnder(key, from), keyUnder(key, to), element],
  },
  sunionstore: { reply: 'integer', encode: (key, places) => ['SUNIONSTORE', ...allUnder(key, places)] },
  sunion: { reply: 'texts', read: true, encode: (key) => ['SUNION', ...allUnder(key, PLACES)] },
  look: {
    reply: 'lists of texts',
    read: true,
    encode: (key) => inMulti(...allUnder(key, PLACES).map((place): Words => ['SMEMBERS', place])),
  },
}

const ROTATED: Readonly<Record<string, Form>> = {
  rpush: { reply: 'integer', encode: (key, [place, value]) => ['RPUSH', keyUnder(key, place), value] },
  lpop: { reply: 'text or nil', encode: (key, [place]) => ['LPOP', keyUnder(key, place)] },
  lmove: {
    reply: 'text or nil',
    encode: (key, [from, to, side, otherSide]) => ['LMOVE', keyUnder(key, from), keyUnder(key, to), side, otherSide],
  },
  rpoplpush: {
    reply: 'text or nil',
    encode: (key, [from, to]) => ['RPOPLPUSH', keyUnder(key, from), keyUnder(key, to)],
  },
  lmpop: {
    reply: 'popped or nil',
    encode: (key, [side]) => ['LMPOP', String(PLACES.length), ...allUnder(key, PLACES), side],
    // The element alone: it says where it was.
    decode: (value) => {
      const [, elements] = (value ?? [null, [null]]) as readonly [Value, readonly Value[]]
      return elements[0]
    },
  },
  look: {
    reply: 'lists of texts',
    read: true,
    encode: (key) => inMulti(...allUnder(key, PLACES).map((place): Words => ['LRANGE', place, '0', '-1'])),
  },
}

const NO_SUCH_KEY = [/^ERR no such key/, 'none'] as const

/** As with names that have a common tag, which are on the same servers. */
const RING: Readonly<Record<string, Form>> = {
  set: { reply: 'ok', encode: (key, [name, value]) => ['SET', keyUnder(key, name), value] },
  get: { reply: 'text or nil', read: true, encode: (key, [name]) => ['GET', keyUnder(key, name)] },
  mget: { reply: 'texts or nils', read: true, encode: (key) => ['MGET', ...allUnder(key, PLACES)] },
  mset: {
    reply: 'ok',
    encode: (key, [one, other, value]) => ['MSET', keyUnder(key, one), value, keyUnder(key, other), value],
  },
  rename: { reply: 'ok', encode: (key, names) => ['RENAME', ...allUnder(key, names)], answers: NO_SUCH_KEY },
  renamenx: { reply: 'integer', encode: (key, names) => ['RENAMENX', ...allUnder(key, names)], answers: NO_SUCH_KEY },
  copy: { reply: 'integer', encode: (key, names) => ['COPY', ...allUnder(key, names), 'REPLACE'] },
  bitop: { reply: 'integer', encode: (key, [from, to]) => ['BITOP', 'OR', keyUnder(key, to), keyUnder(key, from)] },
  dels: { reply: 'integer', encode: (key, names) => ['DEL', ...allUnder(key, names)] },
  unlinks: { reply: 'integer', encode: (key, names) => ['UNLINK', ...allUnder(key, names)] },
}

export const SEVERAL_FORMS: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  bank: BANK,
  moved: MOVED,
  rotated: ROTATED,
  ring: RING,
  renamed: RING,
}
