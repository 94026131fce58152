import fc from 'fast-check'
import t from 'tap'
import { Expirations } from '../../src/backend/expirations.js'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { type CopyResult, KeyCopy } from '../../src/order/copy-key.js'
import { Lanes } from '../../src/order/lanes.js'
import { Pieces } from '../../src/order/pieces/pieces.js'
import { type Frame, frameIn, frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'

interface Emitted {
  readonly args: readonly string[]
  readonly buf: Buffer
  readonly sink: ReplySink
  readonly tag: number
}

/** A link and its server, which executes and answers what was emitted when it is told to. */
class Server {
  readonly expirations = new Expirations(() => ({ pushed: 0, taken: 0 }))
  readonly clockOffsetMs = 0
  readonly keys = new Map<string, string>()
  ready = true
  private readonly emitted: Emitted[] = []
  private readonly replies: { readonly to: Emitted; readonly text: string }[] = []

  get isQuiet(): boolean {
    return this.emitted.length === 0 && this.replies.length === 0
  }

  emit(from: Buffer, start: number, end: number, _owned: boolean, _db: number, sink: ReplySink, tag: number): void {
    if (!this.ready) throw new Error('nothing is emitted on a link that is down')
    const buf = Buffer.from(from.subarray(start, end))
    this.emitted.push({ args: parseRequest(frameIn(buf)).map(String), buf, sink, tag })
  }

  emitFrame({ buf, start, end, owned }: Frame, db: number, sink: ReplySink, tag: number): void {
    this.emit(buf, start, end, owned, db, sink, tag)
  }

  execute(): void {
    const to = this.emitted.shift()
    if (to !== undefined) this.replies.push({ to, text: this.answer(to.args) })
  }

  reply(): void {
    const next = this.replies.shift()
    if (next === undefined) return
    const buf = Buffer.from(next.text)
    next.to.sink.onReply(next.to.tag, buf, 0, buf.length, next.text[0] === '-' ? 4 : 0)
    buf.fill(0)
  }

  /** The link breaks: what was answered is not heard, and what was not executed never will be. */
  break(lanes: Lanes): void {
    this.ready = false
    const lost = [...this.replies.splice(0).map(({ to }) => to), ...this.emitted.splice(0)]
    for (const { sink, tag, buf } of lost) sink.onLost(tag, buf, 0, buf.length)
    lanes.drop(this as unknown as Link)
    this.ready = true
  }

  private answer([command, key, ...args]: readonly string[]): string {
    const { keys } = this
    switch (command) {
      case 'APPEND':
        keys.set(key, (keys.get(key) ?? '') + args[0])
        return '+OK\r\n'
      case 'PEXPIRETIME':
        return keys.has(key) ? ':-1\r\n' : ':-2\r\n'
      case 'DUMP':
        return keys.has(key) ? `$${keys.get(key)!.length}\r\n${keys.get(key)}\r\n` : '_\r\n'
      case 'RESTORE':
        keys.set(key, args[1])
        return '+OK\r\n'
      case 'MEMORY':
        // Whether its size is asked with each copy, or only now and then.
        return args[0] === 'a' ? ':1000000\r\n' : ':100\r\n'
      case 'UNLINK':
        keys.delete(key)
        return ':1\r\n'
      default:
        keys.clear()
        return '+OK\r\n'
    }
  }
}

const KEYS = ['0:a', '0:b', '0:c']
const server = fc.nat({ max: 2 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), keys: fc.subarray(KEYS, { minLength: 1 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('copy' as const),
      // SCAN may give a key twice.
      ids: fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 4 }),
      source: server,
      both: fc.boolean(),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('execute' as const, 'reply' as const), at: server }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('empty' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class Ring {
  readonly servers = [new Server(), new Server(), new Server()]
  idle = 0
  readonly lanes = new Lanes(() => this.idle++)
  /** What was heard of each copy, by key and target. */
  readonly heard: CopyResult[][] = []
  expected = 0
  private readonly pieces = new Pieces(50)
  private writes = 0

  do(each: Step): void {
    switch (each.do) {
      case 'write':
        for (const id of each.keys) this.write(id)
        return
      case 'copy':
        this.copy(each.ids, each.source, each.both)
        return
      case 'empty':
        this.empty()
        return
      default:
        this.servers[each.at][each.do]()
    }
  }

  copy(ids: readonly string[], from: number, both: boolean): void {
    const targets = [this.servers[(from + 1) % 3], this.servers[(from + 2) % 3]].slice(0, both ? 2 : 1)
    const results: CopyResult[] = []
    this.heard.push(results)
    this.expected += ids.length * targets.length
    const links = targets.map(asLink)
    new KeyCopy(
      this.lanes,
      ids,
      asLink(this.servers[from]),
      links,
      (_target, result) => results.push(result),
      this.pieces,
    )
  }

  settle(): void {
    while (this.servers.some(({ isQuiet }) => !isQuiet)) {
      for (const each of this.servers) {
        each.execute()
        each.reply()
      }
    }
  }

  private empty(): void {
    const voided = this.lanes.cover(() => true)
    for (const to of this.servers) {
      const held = voided.get(asLink(to))?.held ?? []
      this.emit(to, ['FLUSHALL'], {
        onReply: () => {
          for (const each of held) each.covered()
        },
        onLost: () => {
          for (const each of held) each.dropped()
        },
      })
    }
  }

  /** In mode apply: to everybody, in the order of the other writes of the key. */
  private write(id: string): void {
    const args = ['APPEND', id.slice(2), `${this.writes++} `]
    for (const to of this.servers) {
      if (!this.lanes.isHeld(asLink(to), id)) this.emit(to, args)
      else {
        const nothing = () => {}
        this.lanes.hold(asLink(to), [id], { emit: () => this.emit(to, args), dropped: nothing, covered: nothing })()
      }
    }
  }

  private emit(to: Server, args: readonly string[], sink: ReplySink = { onReply() {}, onLost() {} }): void {
    const { buf, end } = frameOf(args)
    to.emit(buf, 0, end, true, 0, sink, 0)
  }
}

function asLink(to: Server): Link {
  return to as unknown as Link
}

t.test(
  'however copies and writes meet, all replicas are equal in the end, and every copy is told of once',
  async () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const ring = new Ring()
        for (const each of steps) ring.do(each)
        ring.settle()
        const told = ring.heard.flat()
        if (told.length !== ring.expected) throw new Error(`${told.length} of ${ring.expected} copies were told of`)
        if (told.some((result) => result !== 'copied')) throw new Error(`not all were copied: ${told}`)
        if (ring.lanes.active !== 0) throw new Error(`${ring.lanes.active} keys are still held`)
        const [first, ...others] = ring.servers.map(({ keys }) => JSON.stringify([...keys].sort()))
        if (others.some((other) => other !== first)) throw new Error(`${first} ${others.join(' ')}`)
      }),
      { numRuns: 3000 },
    )
  },
)

t.test('a copy mends a replica that lacked something, whatever is written meanwhile', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isLeftOver) => {
      const ring = new Ring()
      const [, second, third] = ring.servers
      ring.do({ do: 'write', keys: KEYS })
      ring.settle()
      for (const id of KEYS) {
        if (isLeftOver) second.keys.set(id.slice(2), 'left over')
        else third.keys.delete(id.slice(2))
      }
      ring.copy(KEYS, 0, true)
      // Only what is certain is copied from.
      for (const each of steps) if (each.do !== 'copy' || each.source === 0) ring.do(each)
      ring.settle()
      const [first, ...others] = ring.servers.map(({ keys }) => JSON.stringify([...keys].sort()))
      if (others.some((other) => other !== first)) throw new Error(`${first} ${others.join(' ')}`)
    }),
    { numRuns: 2000 },
  )
})

t.test('links that break in the middle leave nothing held, and every copy is told of once', async () => {
  const breaking = fc.oneof(
    { weight: 10, arbitrary: step },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), at: server }) },
  )
  fc.assert(
    fc.property(fc.array(breaking, { maxLength: 80 }), (steps) => {
      const ring = new Ring()
      for (const each of steps) {
        if (each.do === 'break') ring.servers[each.at].break(ring.lanes)
        else ring.do(each)
      }
      ring.settle()
      const told = ring.heard.flat()
      if (told.length !== ring.expected) throw new Error(`${told.length} of ${ring.expected} copies were told of`)
      if (ring.lanes.active !== 0) throw new Error(`${ring.lanes.active} keys are still held`)
    }),
    { numRuns: 3000 },
  )
})
