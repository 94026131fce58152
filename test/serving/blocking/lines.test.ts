import fc from 'fast-check'
import t from 'tap'
import { type Hands, type Line, Lines, type Waiter } from '../../../src/serving/blocking/lines.js'

/** Another one may be given to look further: DT_TEST_SEED=7. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const KEYS = ['j', 'k', 'l'] as const
const ANY_NUMBER = Number.POSITIVE_INFINITY

/** What clients do, each by itself. */
type Action =
  | { readonly what: 'wait'; readonly keys: readonly string[] }
  | { readonly what: 'push'; readonly key: string; readonly count: number }
  /** Several pushes as one step, of which nobody says how much they add; some of it may be taken away again. */
  | { readonly what: 'exec'; readonly pushes: readonly string[]; readonly taken: string | undefined }
  | { readonly what: 'pop'; readonly key: string }
  /** Something comes to light of which nobody was told: others have the keys from now on. */
  | { readonly what: 'change'; readonly key: string | undefined }

const key = fc.constantFrom(...KEYS)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('wait' as const), keys: fc.uniqueArray(key, { minLength: 1 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('push' as const), key, count: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('exec' as const),
      pushes: fc.array(key, { minLength: 1, maxLength: 4 }),
      taken: fc.option(key, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('pop' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('change' as const), key: fc.option(key, { nil: undefined }) }),
  },
)

/** How many are sent for at once: few, that a push is for more; or as it is. */
const atOnce = fc.constantFrom(1, 2, undefined)

/** One Redis server: who waits is served behind each step, in the order of the ready keys and of arrival. */
class Model {
  readonly lists = new Map<string, number[]>(KEYS.map((each) => [each, []]))
  readonly got = new Map<string, string>()
  private readonly lines = new Map<string, { name: string; keys: readonly string[] }[]>(KEYS.map((each) => [each, []]))

  step(name: string, action: Action, elements: readonly number[]): void {
    switch (action.what) {
      case 'wait': {
        const found = action.keys.find((each) => this.lists.get(each)!.length > 0)
        if (found !== undefined) this.give(name, found)
        else for (const each of action.keys) this.lines.get(each)!.push({ name, keys: action.keys })
        return
      }
      case 'push':
        this.lists.get(action.key)!.push(...elements)
        this.serve([action.key])
        return
      case 'exec':
        for (const [i, each] of action.pushes.entries()) this.lists.get(each)!.push(elements[i])
        if (action.taken !== undefined) this.lists.get(action.taken)!.shift()
        this.serve(action.pushes)
        return
      case 'change':
        if (action.key === undefined) return
        this.lists.get(action.key)!.push(...elements)
        this.serve([action.key])
        return
      case 'pop':
        this.give(name, action.key)
    }
  }

  private give(name: string, from: string): void {
    const element = this.lists.get(from)!.shift()
    this.got.set(name, element === undefined ? 'nothing' : `${from} ${element}`)
  }

  private serve(ready: readonly string[]): void {
    for (const each of new Set(ready)) {
      const line = this.lines.get(each)!
      while (line.length > 0 && this.lists.get(each)!.length > 0) {
        const [{ name, keys }] = line
        this.give(name, each)
        for (const other of keys) {
          const place = this.lines.get(other)!.findIndex((waiting) => waiting.name === name)
          this.lines.get(other)!.splice(place, 1)
        }
      }
    }
  }
}

class Client implements Waiter {
  lines: readonly Line[] = []
  claim: Line | 'asking' | undefined
  writesBefore = 0
  readonly isSlow = false
  readonly destination = undefined
  constructor(readonly name: string) {}

  heardNothing(): void {}
}

/** A server that executes in the order in which it is sent something, and answers later; commands on keys that are shut wait. */
class World implements Hands {
  readonly model = new Model()
  readonly got = new Map<string, string>()
  readonly lists = new Map<string, number[]>(KEYS.map((each) => [each, []]))
  private readonly lines: Lines
  private readonly shutKeys = new Set<string>()
  private readonly kept: { name: string; action: Action; elements: readonly number[] }[] = []
  private readonly answers: (() => void)[] = []
  private elements = 0
  private clients = 0
  questions = 0
  /** Pops that are on their way, and the most that ever were. */
  private popping = 0
  mostPopping = 0

  constructor(chunkMax?: number) {
    this.lines = new Lines(this, chunkMax)
  }

  act(action: Action): void {
    const elements = Array.from({ length: elementsOf(action) }, () => ++this.elements)
    this.kept.push({ name: `client ${++this.clients}`, action, elements })
    this.letOn()
  }

  answerNext(): boolean {
    const next = this.answers.shift()
    next?.()
    this.lines.look()
    return next !== undefined
  }

  get isQuiet(): boolean {
    return this.kept.length === 0 && this.shutKeys.size === 0 && !this.lines.isReady
  }

  fetch(waiter: Client, line: Line): boolean {
    const from = String(line.id)
    const element = this.lists.get(from)!.shift()
    this.mostPopping = Math.max(this.mostPopping, ++this.popping)
    this.answers.push(() => {
      this.popping--
      if (element !== undefined) this.got.set(waiter.name, `${from} ${element}`)
      this.lines.answered(waiter, line, element !== undefined)
    })
    return true
  }

  ask(line: Line): void {
    this.questions++
    const isThere = this.lists.get(String(line.id))!.length > 0
    this.answers.push(() => this.lines.found(line, isThere))
  }

  shut(line: Line): void {
    this.shutKeys.add(String(line.id))
  }

  open(line: Line): void {
    this.shutKeys.delete(String(line.id))
    this.letOn()
  }

  isTaken(): boolean {
    return false
  }

  /** Commands whose keys are open, in their order; one that waits has its keys before those behind it. */
  private letOn(): void {
    const passed = new Set(this.shutKeys)
    for (const each of [...this.kept]) {
      const keys = keysOf(each.action)
      const isOpen = !keys.some((one) => passed.has(one) || this.shutKeys.has(one))
      if (!isOpen) for (const one of keys) passed.add(one)
      else if (this.kept.includes(each)) {
        this.kept.splice(this.kept.indexOf(each), 1)
        this.model.step(each.name, each.action, each.elements)
        this.emit(each.name, each.action, each.elements)
        this.lines.look()
      }
    }
  }

  private emit(name: string, action: Action, elements: readonly number[]): void {
    const wrote = (id: string, most: number, isSure: boolean) => {
      for (const line of this.lines.of(id)) this.lines.wrote(line, most, isSure)
    }
    switch (action.what) {
      case 'wait': {
        const client = new Client(name)
        client.claim = 'asking'
        this.lines.add(client, action.keys, 'list')
        const found = action.keys.find((each) => this.lists.get(each)!.length > 0)
        const element = found === undefined ? undefined : this.lists.get(found)!.shift()
        this.answers.push(() => {
          if (element === undefined) this.lines.isWaiting(client)
          else {
            this.got.set(name, `${found} ${element}`)
            this.lines.remove(client)
          }
        })
        return
      }
      case 'push':
        this.lists.get(action.key)!.push(...elements)
        wrote(action.key, elements.length, true)
        return
      case 'exec':
        for (const [i, each] of action.pushes.entries()) {
          this.lists.get(each)!.push(elements[i])
          wrote(each, i % 2 === 0 ? ANY_NUMBER : 1, false)
        }
        if (action.taken !== undefined) this.lists.get(action.taken)!.shift()
        return
      case 'change':
        if (action.key !== undefined) this.lists.get(action.key)!.push(...elements)
        for (const line of this.lines.all()) this.lines.mayHold(line)
        return
      case 'pop': {
        const element = this.lists.get(action.key)!.shift()
        this.answers.push(() => this.got.set(name, element === undefined ? 'nothing' : `${action.key} ${element}`))
      }
    }
  }
}

function elementsOf(action: Action): number {
  if (action.what === 'push') return action.count
  if (action.what === 'exec') return action.pushes.length
  return action.what === 'change' && action.key !== undefined ? 1 : 0
}

function keysOf(action: Action): readonly string[] {
  if (action.what === 'change') return action.key === undefined ? [] : [action.key]
  if (action.what === 'wait') return action.keys
  if (action.what === 'exec') return action.taken === undefined ? action.pushes : [...action.pushes, action.taken]
  return [action.key]
}

t.test('whatever the order of answers, everybody gets what one Redis server would have given', async (t) => {
  let actions = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(action, fc.nat(4)), { minLength: 1, maxLength: 60, size: 'max' }),
      atOnce,
      (steps, most) => {
        const world = new World(most)
        for (const [each, answers] of steps) {
          world.act(each)
          for (let i = 0; i < answers; i++) world.answerNext()
          actions++
        }
        while (world.answerNext());
        if (!world.isQuiet) throw new Error('somebody waits for nothing')
        const sorted = (got: ReadonlyMap<string, string>) => [...got].sort(([one], [other]) => (one < other ? -1 : 1))
        const [ours, theirs] = [sorted(world.got), sorted(world.model.got)].map((each) => JSON.stringify(each))
        if (ours !== theirs) throw new Error(`${ours}\n${theirs}`)
        const [left, right] = [world, world.model].map(({ lists }) => JSON.stringify([...lists]))
        if (left !== right) throw new Error(`left: ${left}\n${right}`)
      },
    ),
    { seed: SEED, numRuns: 2000 },
  )
  t.ok(actions > 20_000, `${actions} actions`)
})

for (const what of ['push', 'exec'] as const) {
  t.test(`thousands who get something by one ${what} are sent for a few at a time, in their order`, async (t) => {
    const world = new World()
    const count = 1000
    for (let i = 0; i < count; i++) world.act({ what: 'wait', keys: ['k'] })
    while (world.answerNext());
    world.act(what === 'push' ? { what, key: 'k', count } : { what, pushes: Array(count).fill('k'), taken: undefined })
    // Comes behind it, and finds nothing.
    world.act({ what: 'pop', key: 'k' })
    while (world.answerNext());
    t.ok(world.mostPopping <= 16, `${world.mostPopping} at once`)
    t.same([...world.got], [...world.model.got])
    t.equal(world.got.size, count + 1)
  })
}
