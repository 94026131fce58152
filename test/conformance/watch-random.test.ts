import fc from 'fast-check'
import t from 'tap'
import type { RawClient } from '../helpers/raw-client.js'
import { agrees, show } from './compare.js'
import { Pair } from './pair.js'
import { randomCommand } from './random-commands.js'
import { type Line, parseScript, run } from './script.js'
import { agreesInside, elementsIn, queued as queuedLine } from './transaction-helpers.js'

/** Another one may be given to look further: DT_TEST_SEED=7. A failure is printed with its seed and its shortest sequence. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const CLIENTS = 3

const pair = await Pair.start(t)

const [MULTI, EXEC, DISCARD, UNWATCH] = parseScript('MULTI\nEXEC\nDISCARD\nUNWATCH')
const watched = ['string1', 'set1', 'hash2', 'list1', 'zset1', 'stream1', 'string2', 'set2']
  .flatMap((name) => [`WATCH ${name}{a}`, `WATCH ${name}{b}`, `WATCH ${name}{a} ${name}{b}`])
  .map((text) => parseScript(text)[0])

/** Servers name no database when they tell of a change, so all is done in one. */
const isInOne = ({ args }: Line) =>
  !/^(SELECT|MOVE)$/.test(args[0].toString()) && !args.some((arg) => /^db$/i.test(arg.toString()))

/** One client says one thing. */
const step = fc.tuple(
  fc.integer({ min: 0, max: CLIENTS - 1 }),
  fc.oneof(
    { weight: 10, arbitrary: randomCommand.filter(isInOne) },
    { weight: 4, arbitrary: fc.constantFrom(...watched) },
    { weight: 4, arbitrary: fc.constant(MULTI) },
    { weight: 4, arbitrary: fc.constant(EXEC) },
    { weight: 1, arbitrary: fc.constantFrom(DISCARD, UNWATCH) },
  ),
)

t.test('clients that watch keys and take turns are answered as by Redis', async (t) => {
  let [execs, executed, commands] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 150, size: 'max' }),
      fc.constantFrom<2 | 3>(2, 3),
      async (steps, proto) => {
        await pair.flush()
        const startedMs = performance.now()
        const clients = await Promise.all(Array.from({ length: CLIENTS }, () => pair.connect(proto)))
        const queued: (Line[] | undefined)[] = clients.map(() => undefined)
        const faults: string[] = []
        const say = async (client: RawClient, line: Line) => (await run(client, [line], false))[0]
        for (const [i, line] of steps) {
          const { ours, theirs } = clients[i]
          const said = queued[i] === undefined ? line : queuedLine(line)
          const [one, other] = await Promise.all([say(ours, said), say(theirs, said)])
          const elapsedMs = performance.now() - startedMs
          const wrong = (what: string, a: Buffer, b: Buffer) =>
            faults.push(`client ${i}: ${what}\n  dt    ${show(a)}\n  redis ${show(b)}`)
          commands++
          const inside = queued[i]
          if (line === EXEC && inside !== undefined && one[0] === 0x2a && one.length > 5) {
            const [a, b] = [elementsIn(one), elementsIn(other)]
            if (a.length !== b.length) wrong('EXEC', one, other)
            else
              for (const [k, each] of inside.entries())
                if (!agreesInside(each, a[k], b[k], elapsedMs)) wrong(each.text, a[k], b[k])
            executed++
          } else if (!agrees(inside === undefined ? line.way : 'same', one, other, elapsedMs))
            wrong(line.text, one, other)
          if (line === EXEC && inside !== undefined) execs++
          if (line === EXEC || line === DISCARD) queued[i] = undefined
          else if (line === MULTI) queued[i] ??= []
          else if (other.toString() === '+QUEUED\r\n') queued[i]?.push(line)
          if (faults.length > 0) break
        }
        for (const { close } of clients) close()
        if (faults.length === 0) faults.push(...(await pair.dataFaults(performance.now() - startedMs)))
        if (faults.length > 0) throw new Error(faults.join('\n'))
      },
    ),
    { seed: SEED, numRuns: 80, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  t.ok(
    execs > 200 && executed < execs && executed > execs / 4,
    `${execs} EXEC, ${executed} executed, ${commands} commands`,
  )
})
