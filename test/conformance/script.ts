import type { Arg, RawClient } from '../helpers/raw-client.js'
import { command } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'

/**
 * Scripts by the name of the command that they are about, a command a line as redis-cli takes it: words, or
 * "strings" with \n \r \" \\ and \x41. Everything is compared byte for byte, unless the line begins with one of `ways`.
 */
export type Cases = Readonly<Record<string, string>>

/** How the replies to a line are compared; this list is all that is not byte for byte. */
export const ways = [
  /** The same bytes. */
  'same',
  /** The same elements in any order: hash tables have one of their own in every process. */
  'unordered',
  /** The same pairs in any order: a map in RESP3, a flat array in RESP2. */
  'pairs',
  /** A time: it may differ by the time that has passed since the script began. */
  'ttl',
  /** The same but for the digits in it: ids, times, elements chosen at random (which the cases name alike). */
  'numbers',
  /** A cursor and some elements: the iteration is run to its end, and the elements of both are the same. */
  'scan',
  /** INFO: the same sections in the same order, but for our own `# DT`. */
  'sections',
  /** COMMAND: the same commands in any order, but for our own `dt`. */
  'table',
  /** The same type of reply, no error; what is in it is our own (test/client/commands). */
  'own',
  /** The same error, or none and the same type of reply. */
  'wrong',
  /** The same type of reply, what is in it the server chooses; or the same error. */
  'chosen',
  /** There is no reply (CLIENT REPLY). */
  'silent',
  /** Refused by the proxy, which says so; Redis is not asked. */
  'refused',
] as const

export type Way = (typeof ways)[number]

export interface Line {
  readonly way: Way
  readonly args: readonly Buffer[]
  /** As it stands in the script. */
  readonly text: string
}

export function parseScript(script: string): Line[] {
  return script
    .split('\n')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const prefix = /^~(\w+) /.exec(text)
      const way = (prefix?.[1] ?? 'same') as Way
      if (!ways.includes(way)) throw new Error(`no way of comparing: ${text}`)
      return { way, args: splitWords(text.slice(prefix?.[0].length ?? 0)), text }
    })
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', '"': '"', '\\': '\\' }

function splitWords(text: string): Buffer[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, word]) => {
    if (word !== undefined) return Buffer.from(word)
    const bytes = quoted.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex, letter) =>
      hex === undefined ? ESCAPES[letter] : String.fromCharCode(Number.parseInt(hex, 16)),
    )
    return Buffer.from(bytes, 'latin1')
  })
}

/** The replies of one server to the lines, in their order; empty for lines that have none. */
export async function run(client: RawClient, lines: readonly Line[], pipelined: boolean): Promise<Buffer[]> {
  const replies: Buffer[] = []
  // What is sent and not answered: in a pipeline, all up to the next iteration, which needs replies to go on.
  let waiting: number[] = []
  const collect = async () => {
    for (const at of waiting) replies[at] = await client.reply()
    waiting = []
  }
  let batch: Buffer[] = []
  const flush = async () => {
    if (batch.length > 0) client.send(Buffer.concat(batch))
    batch = []
    await collect()
  }
  for (const [at, line] of lines.entries()) {
    if (line.way === 'scan') {
      await flush()
      replies[at] = await iterate(client, line.args)
      continue
    }
    batch.push(command(...line.args))
    if (line.way === 'silent') replies[at] = Buffer.alloc(0)
    else waiting.push(at)
    if (!pipelined) await flush()
  }
  await flush()
  return replies
}

const MINUS = 0x2d

/**
 * Runs SCAN, or HSCAN key …, from cursor 0 until it is 0 again; gives all elements as one array, sorted, each once, or
 * the error.
 */
async function iterate(client: RawClient, args: readonly Buffer[]): Promise<Buffer> {
  const isScan = args[0].toString().toLowerCase() === 'scan'
  const at = isScan ? 1 : 2
  const inPairs = /^[hz]scan$/i.test(args[0].toString())
  const elements = new Set<string>()
  let cursor: Arg = args[at]
  for (let rounds = 0; rounds < 1000; rounds++) {
    const reply = await client.ask(...args.slice(0, at), cursor, ...args.slice(at + 1))
    if (reply[0] === MINUS) return reply
    const [next, found] = itemsOf(readReply(reply))
    const texts = itemsOf(found).map(textOf)
    if (inPairs) for (let i = 0; i < texts.length; i += 2) elements.add(JSON.stringify(texts.slice(i, i + 2)))
    else for (const text of texts) elements.add(text)
    cursor = textOf(next)
    if (cursor === '0') return Buffer.from(JSON.stringify([...elements].sort()))
  }
  throw new Error('the iteration does not end')
}
