import { Elements } from '../../src/resp/elements.js'
import { itemsOf, type Node, readReply, textOf } from '../helpers/raw-reply.js'
import { agrees } from './compare.js'
import type { Line } from './script.js'

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
