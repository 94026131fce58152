import type { Operation, Outcome, Value } from '../history.js'

/**
 * A history as text, for tests: one operation a line, on the key `k`.
 *
 *     0-10 set a -> OK          from its invocation to its return
 *     5-15 get -> a             replies: text, numbers, nil, [a b], [] and '' (the empty text)
 *     7-   set b -> ?           unknown outcome, no return
 *     8-9  set c -> !           answered as not applied
 *     20-30 get -> a  after 1   sent on the connection of line 1 (counted from 1) without waiting
 */
export function tell(text: string, workload = 'register', key = 'k'): Operation[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').map((line, i) => tellOne(line, i + 1, workload, key))
}

function tellOne(line: string, id: number, workload: string, key: string): Operation {
  const match = /^(\d+)-(\d*)\s+(\S+)((?: [^ ]+)*?)\s+-> (.+?)(?:\s+after (\d+))?$/.exec(line)
  if (match === null) throw new Error(`no operation: ${line}`)
  const [, from, to, name, args, reply, after] = match
  return {
    id,
    client: id,
    workload,
    key,
    name,
    args: args.split(' ').filter((arg) => arg !== ''),
    invokedMs: Number(from),
    returnedMs: to === '' ? Number.POSITIVE_INFINITY : Number(to),
    outcome: outcomeOf(reply),
    ...(after === undefined ? {} : { after: Number(after) }),
  }
}

function outcomeOf(reply: string): Outcome {
  if (reply === '?') return { kind: 'unknown', reason: 'the connection was closed' }
  if (reply === '!') return { kind: 'failed', error: 'the command was not applied' }
  return { kind: 'ok', value: readValue(reply) }
}

function readValue(text: string): Value {
  if (text === 'nil') return null
  if (text === "''") return ''
  if (/^-?\d+$/.test(text)) return Number(text)
  if (!text.startsWith('[')) return text
  const items: Value[] = []
  const stack: Value[][] = [items]
  for (const token of text.match(/[[\]]|[^[\] ]+/g) ?? []) {
    if (token === '[') {
      const inner: Value[] = []
      stack[stack.length - 1].push(inner)
      stack.push(inner)
    } else if (token === ']') stack.pop()
    else stack[stack.length - 1].push(token === 'nil' ? null : /^-?\d+$/.test(token) ? Number(token) : token)
  }
  return items[0]
}
