import fc from 'fast-check'
import t from 'tap'
import type { Teardown } from '../helpers/proxy.js'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'

/*
 * A transaction of plain commands is compared as bytes as long as everything is as usual [serving/transaction/plain-run.ts]. What its client
 * hears, and which keys are in doubt where, is the same as when each command answers for itself.
 */

/** What a member does when it is its turn: it answers, of some keys otherwise than others do; or its connection breaks. */
interface Move {
  readonly link: number
  readonly does: 'answers' | 'breaks'
  readonly others: readonly number[]
}

interface Story {
  readonly commands: readonly string[]
  /** Another write before it, which one of the members answers otherwise, so that its key is in doubt there. */
  readonly doubted: string | undefined
  readonly moves: readonly Move[]
  /** The view is noted before the members answer, or after that. */
  readonly isNoted: boolean
}

/** The epoch of a view that is published meanwhile. */
const LATER = 99
const KEYS = ['k', 'a', 'b', 'c', 'd']
const command = fc
  .tuple(
    fc.constantFrom('SET * 1', 'INCR *', 'GET *', 'APPEND * x', 'DEL *', 'LPOP *', 'STRLEN *'),
    fc.constantFrom(...KEYS),
  )
  .map(([text, key]) => text.replace('*', key))
const anyStory: fc.Arbitrary<Story> = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 6 }),
  doubted: fc.option(fc.constantFrom(...KEYS), { nil: undefined, freq: 5 }),
  moves: fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 }).chain((links) =>
    fc.tuple(
      ...links.map((link) =>
        fc.record({
          link: fc.constant(link),
          does: fc.constantFrom<Move['does'][]>('answers', 'answers', 'answers', 'breaks'),
          others: fc.oneof(
            { weight: 3, arbitrary: fc.constant([]) },
            fc.array(fc.nat(KEYS.length - 1), { maxLength: 2 }),
          ),
        }),
      ),
    ),
  ),
  isNoted: fc.boolean(),
})

const usual: Readonly<Record<string, string>> = { SET: '+OK', GET: '$1\r\n7', LPOP: '-WRONGTYPE not a list' }

/** Answers everything that it was asked. */
function answerAll(link: LinkInMemory, others: readonly number[]): void {
  for (let text = link.asked[0]; text !== undefined; text = link.asked[0]) {
    const [name, key] = text.split(' ')
    if (name === 'MULTI' || name === 'EXEC') link.answers('+OK')
    else {
      const number = KEYS.indexOf(key)
      const reply = usual[name] ?? `:${number + name.length}`
      link.answers(others.includes(number) ? (name === 'SET' ? '-OOM no memory' : ':99') : reply)
    }
  }
}

function told(t: Teardown, { commands, doubted, moves, isNoted }: Story, asPlain: boolean): unknown {
  const ring = new RingInMemory(t)
  const links = ['dt-1', 'dt-2', 'dt-3'].map((name) => ring.replicas.find((link) => link.name === name)!)
  // A SET by itself takes no notice of doubts as long as it is answered OK [serving/plain-writes.ts].
  const all = doubted === undefined ? commands : commands.map((text) => text.replace('SET ', 'SETNX '))
  const [client, other] = [ring.client(), ring.client()]
  if (doubted !== undefined) other.send(`INCR ${doubted}`)
  if (asPlain) client.exec(...all)
  else client.execOneByOne(...all)
  if (doubted !== undefined) for (const link of links) link.answers(link === links[1] ? ':98' : ':1')
  const seen: unknown[] = []
  const { acknowledgement } = ring.order
  if (!isNoted) acknowledgement.placementChanged(LATER)
  for (const { link, does, others } of moves) {
    if (does === 'breaks') ring.breaks(links[link])
    else answerAll(links[link], others)
    const inDoubt = links.map((each) => ring.order.doubts.on(each.asLink).sort())
    seen.push({ heard: [...client.heard], inDoubt })
  }
  acknowledgement.markerAnswered(LATER)
  seen.push([...client.heard])
  ring.order.close()
  return seen
}

t.test('what is compared as bytes comes to the same as command by command', (t) => {
  fc.assert(
    fc.property(anyStory, (story) => {
      const found = told(t, story, true)
      const expected = told(t, story, false)
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        throw new Error(`${JSON.stringify(found)}\nand one by one ${JSON.stringify(expected)}`)
      }
    }),
    { numRuns: 500 },
  )
  t.end()
})
