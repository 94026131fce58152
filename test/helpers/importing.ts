import { importData } from '../../src/cli/import.js'
import type { RawClient } from './raw-client.js'
import { until } from './until.js'

export interface Imported {
  readonly code: number
  readonly text: string
}

/** `dt import` in this process: what it writes, and its exit code; an error is thrown as it is. */
export async function importInto(port: number, ...argv: string[]): Promise<Imported> {
  let text = ''
  const out = { isTTY: false, columns: 200, hasColors: () => false, write: (part: string) => (text += part) }
  const code = await importData([...argv, '--proxy', `127.0.0.1:${port}`], out)
  return { code, text }
}

/** The same, with --json: the report. */
export async function importedJson(port: number, ...argv: string[]): Promise<{ code: number; report: Report }> {
  const { code, text } = await importInto(port, ...argv, '--json')
  return { code, report: JSON.parse(text) }
}

/** One on a terminal, that is watched while it runs. */
export function startImport(port: number, ...argv: string[]) {
  let text = ''
  const out = { isTTY: true, columns: 200, hasColors: () => false, write: (part: string) => (text += part) }
  const code = importData([...argv, '--proxy', `127.0.0.1:${port}`], out)
  // Whoever waits for the screen first is told by that.
  code.catch(() => {})
  return {
    sees: (pattern: RegExp) => until(`${pattern} on the screen`, () => pattern.test(text)),
    finished: async (): Promise<Imported> => ({ code: await code, text }),
  }
}

export interface Keys {
  readonly keys: number
  readonly examples: readonly { readonly db: number; readonly key: string }[]
}

export interface Report {
  readonly copied: number
  readonly already: number
  readonly deleted: number
  readonly libraries: number
  readonly compared: number
  readonly missing: Keys
  readonly value: Keys
  readonly deadline: Keys
  readonly extra: Keys
  readonly changing: Keys
  readonly conflicts: Keys
  readonly refused: Keys
  readonly 'too-large': Keys
  readonly 'in-the-ring-alone': number
  readonly 'copied-again': number
}

/** A value of every type, small and large encodings, with and without deadlines, in three databases. */
export async function fillWithEverything(source: RawClient): Promise<void> {
  const soon = String(Date.now() + 3_600_000)
  const many = (count: number, each: (i: number) => string[]) => Array.from({ length: count }, (_, i) => each(i)).flat()
  await source.pipeline([
    ['SET', 'string', 'a value'],
    ['SET', 'integer', '12345'],
    ['SET', 'deadline', 'x', 'PXAT', soon],
    ['SET', Buffer.from([0, 255, 13, 10]), Buffer.from([1, 0, 254])],
    ['PFADD', 'hyperloglog', ...many(500, (i) => [`e${i}`])],
    ['RPUSH', 'list', ...many(2000, (i) => [`element ${i}`])],
    ['SADD', 'integers', ...many(100, (i) => [String(i)])],
    ['SADD', 'set', ...many(2000, (i) => [`member ${i}`])],
    ['HSET', 'hash', 'a', '1', 'b', '2'],
    ['HSET', 'large hash', ...many(2000, (i) => [`f${i}`, `v${i}`])],
    ['PEXPIREAT', 'large hash', soon],
    ['ZADD', 'zset', '1.5', 'a', '-inf', 'b'],
    ['ZADD', 'large zset', ...many(2000, (i) => [String(i / 3), `m${i}`])],
    ['GEOADD', 'geo', '13.36', '38.11', 'Palermo'],
    ['XADD', 'stream', '1-1', 'lag', '5'],
    ['XADD', 'stream', '2-1', 'lag', '6'],
    ['XGROUP', 'CREATE', 'stream', 'group', '0'],
    ['XREADGROUP', 'GROUP', 'group', 'someone', 'COUNT', '1', 'STREAMS', 'stream', '>'],
    ['FUNCTION', 'LOAD', "#!lua name=mine\nredis.register_function('f', function() return 7 end)"],
    ['SELECT', '3'],
    ['SET', 'string', 'that of database 3'],
    ['SELECT', '15'],
    ['SET', 'only here', '1'],
    ['SELECT', '0'],
  ])
}
