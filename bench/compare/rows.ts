import { UserError } from '../../src/base/user-error.js'

/*
 * What is measured: the rows of the table. Each is driven on every system in turn; a command that writes has two rows of
 * results on DT, with one copy (r = 0) and with three (r = 2).
 */

/** One `redis-benchmark`; most rows need one of them. */
export interface Driver {
  readonly clients: number
  /** The command, in which redis-benchmark puts another number for each `__rand_int__`. */
  readonly command: readonly string[]
  /** The last argument of the command, when it is a value of this length. */
  readonly valueBytes?: number
  /** Its part of the row's commands. */
  readonly share: number
}

/** Keys `prefix:000000000000` and so on, which are there before a row that reads them. */
export interface KeySpace {
  readonly prefix: string
  readonly keys: number
  readonly valueBytes: number
}

export interface Row {
  readonly id: string
  /** Rows can be chosen by it, and stand together in the table. */
  readonly group: 'main' | 'commands' | 'keys' | 'values' | 'connections' | 'mixed'
  readonly title: string
  readonly pipeline: number
  /** The random numbers are below it. */
  readonly keys: number
  readonly drivers: readonly Driver[]
  /** Whether it is measured with one copy of each key as well: of writes. */
  readonly oneCopy: boolean
  readonly reads?: KeySpace
  /** How much longer than the others it is measured, so that making its connections counts for little. */
  readonly longer: number
  /** Commands of the very first run, which finds out how fast it goes. */
  readonly trial: number
}

/** A random key of the table's own key space. */
const KEYS = 100_000
const CLIENTS = 50
const VALUE_BYTES = 16
const RANDOM = '__rand_int__'
const VALUE = 'x'.repeat(VALUE_BYTES)

type Options = Partial<Omit<Row, 'id' | 'group' | 'title'>> & {
  readonly clients?: number
  readonly valueBytes?: number
}

function row(group: Row['group'], id: string, title: string, command: readonly string[], options: Options = {}): Row {
  const { clients = CLIENTS, valueBytes, pipeline = 1, ...more } = options
  const driver = { clients, command, share: 1, ...(valueBytes === undefined ? {} : { valueBytes }) }
  const trial = Math.min(20_000, 5000 * pipeline)
  return { id, group, title, pipeline, keys: KEYS, oneCopy: false, longer: 1, trial, drivers: [driver], ...more }
}

const key = `key:${RANDOM}`
const reads: KeySpace = { prefix: 'key', keys: KEYS, valueBytes: VALUE_BYTES }
const times = (count: number, words: readonly string[]): string[] => Array.from({ length: count }, () => words).flat()

const main = [1, 16, 64].flatMap((pipeline) => [
  row('main', `get-p${pipeline}`, 'GET', ['GET', key], { pipeline, reads }),
  row('main', `set-p${pipeline}`, 'SET', ['SET', key, VALUE], { pipeline, oneCopy: true }),
])

const commands = [1, 16].flatMap((pipeline) =>
  [
    ['INCR', `counter:${RANDOM}`],
    ['LPUSH', `list:${RANDOM}`, VALUE],
    ['LPOP', `list:${RANDOM}`],
    ['HSET', `hash:${RANDOM}`, `field:${RANDOM}`, VALUE],
    ['SADD', `set:${RANDOM}`, `element:${RANDOM}`],
    ['ZADD', `zset:${RANDOM}`, '0', `element:${RANDOM}`],
  ].map((command) => row('commands', `${command[0].toLowerCase()}-p${pipeline}`, command[0], command, { pipeline })),
)

const keys = [1, 16].flatMap((pipeline) => [
  row('keys', `mget-p${pipeline}`, 'MGET, 10 keys', ['MGET', ...times(10, [key])], { pipeline, reads }),
  row('keys', `mset-p${pipeline}`, 'MSET, 10 keys', ['MSET', ...times(10, [key, VALUE])], { pipeline, oneCopy: true }),
])

/** Fewer keys for larger values, so that all copies fit into the memory of an ordinary machine. */
const values = [
  { prefix: 'value-1kb', size: '1 KB', valueBytes: 1024, keys: 10_000, trial: 5000 },
  { prefix: 'value-16kb', size: '16 KB', valueBytes: 16 * 1024, keys: 1000, trial: 3000 },
  { prefix: 'value-1mb', size: '1 MB', valueBytes: 1024 * 1024, keys: 50, trial: 150 },
].flatMap(({ prefix, size, valueBytes, keys, trial }) => {
  const [id, random] = [prefix.replace('value-', ''), `${prefix}:${RANDOM}`]
  const reads = { prefix, keys, valueBytes }
  return [
    row('values', `get-${id}`, `GET, ${size}`, ['GET', random], { keys, trial, reads }),
    row('values', `set-${id}`, `SET, ${size}`, ['SET', random], { keys, trial, valueBytes, oneCopy: true }),
  ]
})

const connections = [
  { clients: 1, title: '1 connection', longer: 1, trial: 5000 },
  { clients: 1000, title: '1,000 connections', longer: 3, trial: 20_000 },
].flatMap(({ title, ...options }) => [
  row('connections', `get-c${options.clients}`, `GET, ${title}`, ['GET', key], { ...options, reads }),
  row('connections', `set-c${options.clients}`, `SET, ${title}`, ['SET', key, VALUE], { ...options, oneCopy: true }),
])

/** Two programs at once: their clients take turns at the same pace, so that the commands come about 80 to 20. */
const mixed = [1, 16].map((pipeline) =>
  row('mixed', `mixed-p${pipeline}`, '80 % GET, 20 % SET', [], {
    ...{ pipeline, reads },
    drivers: [
      { clients: CLIENTS * 0.8, command: ['GET', key], share: 0.8 },
      { clients: CLIENTS * 0.2, command: ['SET', key, VALUE], share: 0.2 },
    ],
  }),
)

/** In the order of the table. */
export const ROWS: readonly Row[] = [...main, ...commands, ...keys, ...values, ...connections, ...mixed]

/**
 * The rows of which the id, its beginning (`get`), or the group is among `names`.
 *
 * @throws UserError when a name chooses nothing
 */
export function chooseRows(names: readonly string[]): Row[] {
  const chosen = names.map((name) => {
    const rows = ROWS.filter(({ id, group }) => id === name || group === name || id.startsWith(`${name}-`))
    if (rows.length === 0) throw new UserError(`there is no row ${name}; --list names them`)
    return rows
  })
  return ROWS.filter((row) => chosen.some((rows) => rows.includes(row)))
}
