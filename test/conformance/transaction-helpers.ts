import fc from 'fast-check'
import { Elements } from '../../src/resp/elements.js'
import { itemsOf, type Node, readReply, textOf } from '../helpers/raw-reply.js'
import { agrees, show } from './compare.js'
import type { Pair } from './pair.js'
import { type Line, parseScript, run } from './script.js'

const [MULTI, EXEC, DISCARD] = parseScript('MULTI\nEXEC\nDISCARD')

/** The replies of EXEC one by one, each as it would stand alone. */
export function elementsIn(reply: Buffer): Buffer[] {
  const elements = new Elements(reply, 0, reply.length)
  return Array.from({ length: elements.count }, () => {
    elements.next()
    return reply.subarray(elements.start, elements.end)
  })
}

/** What is sent between MULTI and EXEC, and only queued. An iteration cannot go on there: it asks for all at once. */
export function queued(line: Line): Line {
  const more = line.way === 'scan' ? ['COUNT', '1000'].map((word) => Buffer.from(word)) : []
  return { ...line, args: [...line.args, ...more], way: 'same' }
}

/** Whether EXEC has the same for a line that was queued. */
export function agreesInside({ way, args }: Line, ours: Buffer, theirs: Buffer, elapsedMs: number): boolean {
  if (way !== 'scan') return agrees(way, ours, theirs, elapsedMs)
  if (ours[0] !== 0x2a || theirs[0] !== 0x2a) return ours.equals(theirs)
  const inPairs = /^[hz]scan$/i.test(args[0].toString())
  const [one, other] = [ours, theirs].map((reply) => {
    const [cursor, found] = itemsOf(readReply(reply))
    return JSON.stringify([textOf(cursor), sorted(itemsOf(found), inPairs)])
  })
  return one === other
}

function sorted(items: readonly Node[], inPairs: boolean): string[] {
  const texts = items.map(textOf)
  const all = inPairs ? texts.filter((_, i) => i % 2 === 0).map((text, i) => `${text} ${texts[2 * i + 1]}`) : texts
  return all.sort()
}

/** Random transactions on Redis and on a ring; gives how many commands these had. */
export async function compareTransactions(
  on: Pair,
  line: fc.Arbitrary<Line>,
  seed: number,
  numRuns: number,
): Promise<number> {
  /** Some commands outside, and then some between MULTI and what ends it. */
  const transaction = fc.tuple(
    fc.array(line, { maxLength: 4 }),
    fc.array(line, { maxLength: 30 }),
    fc.constantFrom(EXEC, EXEC, EXEC, EXEC, DISCARD),
  )
  let commands = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(transaction, { minLength: 1, maxLength: 12, size: 'max' }),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (transactions, proto, pipelined) => {
        await on.flush()
        const startedMs = performance.now()
        const { ours, theirs, close } = await on.connect(proto)
        const faults: string[] = []
        for (const [before, inside, end] of transactions) {
          const asked = inside.map(queued)
          const lines = [...before, MULTI, ...asked, end]
          const [a, b] = await Promise.all([run(ours, lines, pipelined), run(theirs, lines, pipelined)])
          const elapsedMs = performance.now() - startedMs
          const ways = lines.map((line, i) => (i < before.length ? before[i] : line))
          for (const [i, line] of ways.slice(0, -1).entries()) {
            if (!agrees(line.way, a[i], b[i], elapsedMs)) faults.push(`${line.text}\n  ${show(a[i])}\n  ${show(b[i])}`)
          }
          const [one, other] = [a.at(-1)!, b.at(-1)!].map(elementsIn)
          if (one.length !== other.length) faults.push(`${show(a.at(-1)!)}\n  ${show(b.at(-1)!)}`)
          const differ = inside.filter((line, i) => i < one.length && !agreesInside(line, one[i], other[i], elapsedMs))
          for (const line of differ) {
            const i = inside.indexOf(line)
            faults.push(`in a transaction: ${line.text}\n  dt    ${show(one[i])}\n  redis ${show(other[i])}`)
          }
          commands += inside.length
        }
        close()
        faults.push(...(await on.dataFaults(performance.now() - startedMs)))
        if (faults.length > 0) throw new Error(faults.join('\n'))
      },
    ),
    { seed, numRuns, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  return commands
}
