import { type Form, inMulti, type Words } from './form.js'
import type { Value } from './history.js'
import { keyUnder } from './several-keys.js'

/*
 * A queue of work: lists, a sorted set and a stream with a group, to which ordinary clients push, and from which workers take who wait
 * (workers.ts). Of what waits the arguments are the name of its client, how long it waits in ms (0: for ever), and the places.
 */

export const GROUP = 'workers'
/** What a worker is told whose waiting was ended. */
export const UNBLOCKED = 'unblocked'

const ANSWERS = [/^UNBLOCKED client unblocked/, UNBLOCKED] as const

/** What was delivered, or nothing; the reply lists it behind the key, or the keys. */
const delivered =
  (elementsOf: (reply: readonly Value[]) => readonly Value[]) =>
  (value: Value): Value =>
    Array.isArray(value) ? elementsOf(value) : value

/** Commands of who waits: its connection has a name by which it is found. */
function waiting(
  words: (keys: readonly Buffer[], seconds: string, key: Buffer) => Words,
  elementsOf: (reply: readonly Value[]) => readonly Value[],
): Form {
  return {
    reply: 'any',
    answers: ANSWERS,
    encode: (key, [name, timeoutMs, ...places]) => {
      const keys = places.map((place) => keyUnder(key, place))
      return [['CLIENT', 'SETNAME', name], words(keys, String(Number(timeoutMs) / 1000), key)]
    },
    decode: delivered(elementsOf),
  }
}

const second = (reply: readonly Value[]) => [reply[1]]
const firsts = (pairs: Value) => (pairs as readonly (readonly Value[])[]).map(([first]) => first)
/** `[[key, [[id, [field, value]], …]]]`, in RESP3 without the outer brackets. */
function ofStream(reply: readonly Value[]): readonly Value[] {
  const entries = (Array.isArray(reply[0]) ? reply[0][1] : reply[1]) as readonly (readonly Value[])[]
  return entries.map((entry) => (entry[1] as readonly Value[])[1])
}

const PUSH = "return redis.call('rpush', KEYS[1], ARGV[1])"

export const QUEUE: Readonly<Record<string, Form>> = {
  rpush: { reply: 'integer', encode: (key, [place, value]) => ['RPUSH', keyUnder(key, place), value] },
  lpush: { reply: 'integer', encode: (key, [place, value]) => ['LPUSH', keyUnder(key, place), value] },
  both: {
    reply: 'integers',
    encode: (key, [one, other]) => inMulti(['RPUSH', keyUnder(key, 'a'), one], ['RPUSH', keyUnder(key, 'b'), other]),
  },
  scripted: {
    reply: 'integer',
    encode: (key, [place, value]) => ['EVAL', PUSH, '1', keyUnder(key, place), value],
  },
  zadd: { reply: 'integer', encode: (key, [score, value]) => ['ZADD', keyUnder(key, 'z'), score, value] },
  xadd: { reply: 'text', encode: (key, [value]) => ['XADD', keyUnder(key, 's'), '*', 'f', value] },
  lpop: {
    reply: 'text or nil',
    encode: (key, [place]) => ['LPOP', keyUnder(key, place)],
    decode: (value) => (value === null ? null : [value]),
  },
  zpopmin: {
    reply: 'texts or nils',
    encode: (key) => ['ZPOPMIN', keyUnder(key, 'z')],
    decode: delivered((reply) => reply.slice(0, 1)),
  },
  look: {
    reply: 'integers',
    read: true,
    encode: (key) => inMulti(['LLEN', keyUnder(key, 'a')], ['LLEN', keyUnder(key, 'b')], ['ZCARD', keyUnder(key, 'z')]),
  },
  // Everything that is left, but for the stream.
  final: {
    reply: 'lists of texts',
    read: true,
    encode: (key) => [
      ['MULTI'],
      ...['a', 'b', 'kept'].map((place): Words => ['LRANGE', keyUnder(key, place), '0', '-1']),
      ['ZRANGE', keyUnder(key, 'z'), '0', '-1'],
      ['EXEC'],
    ],
  },
  begin: {
    reply: 'ok',
    encode: (key) => ['XGROUP', 'CREATE', keyUnder(key, 's'), GROUP, '0', 'MKSTREAM'],
  },
  drain: {
    reply: 'any',
    encode: (key) => [
      ...['XREADGROUP', 'GROUP', GROUP, 'last', 'COUNT', '1000000', 'NOACK', 'STREAMS'],
      keyUnder(key, 's'),
      '>',
    ],
    decode: delivered(ofStream),
  },
  blpop: waiting((keys, seconds) => ['BLPOP', ...keys, seconds], second),
  brpop: waiting((keys, seconds) => ['BRPOP', ...keys, seconds], second),
  blmpop: waiting(
    (keys, seconds) => ['BLMPOP', seconds, String(keys.length), ...keys, 'LEFT', 'COUNT', '2'],
    ([, elements]) => elements as readonly Value[],
  ),
  bzpopmin: waiting((keys, seconds) => ['BZPOPMIN', ...keys, seconds], second),
  bzmpop: waiting(
    (keys, seconds) => ['BZMPOP', seconds, String(keys.length), ...keys, 'MAX', 'COUNT', '2'],
    ([, pairs]) => firsts(pairs),
  ),
  // What is worked at is kept until that is done.
  blmove: {
    ...waiting(([from], seconds, key) => ['BLMOVE', from, keyUnder(key, 'kept'), 'LEFT', 'RIGHT', seconds], second),
    decode: (value) => (value === null || value === UNBLOCKED ? value : [value]),
  },
  done: { reply: 'integer', encode: (key, [value]) => ['LREM', keyUnder(key, 'kept'), '1', value] },
  xreadgroup: {
    ...waiting(([stream], seconds) => {
      const block = String(Math.round(Number(seconds) * 1000))
      return ['XREADGROUP', 'GROUP', GROUP, 'c', 'COUNT', '2', 'BLOCK', block, 'NOACK', 'STREAMS', stream, '>']
    }, ofStream),
  },
}

/** The commands that wait. */
export const WAITING: readonly string[] = ['blpop', 'brpop', 'blmpop', 'bzpopmin', 'bzmpop', 'blmove', 'xreadgroup']
