import { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { lookupCommand, lookupSubcommand } from '../../src/command/table.js'
import { isSameOnBoth } from '../../src/migration/equal-copies.js'
import { type CopyResult, KeyCopy } from '../../src/order/copy-key.js'
import { Lanes } from '../../src/order/lanes.js'
import { Ahead } from '../../src/order/pieces/ahead.js'
import { Pieces } from '../../src/order/pieces/pieces.js'
import { decodeReply } from '../../src/resp/decode.js'
import { frameOf } from '../../src/resp/frame.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import { contentOf } from '../helpers/content.js'
import type { Teardown } from '../helpers/proxy.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'
import { until } from '../helpers/until.js'

type Arg = Buffer | string
type Side = 'source' | 'target'

/** Two real servers, and keys that are copied from the one to the other over links; nearly every value is large. */
export class PiecesStory {
  readonly lanes = new Lanes(() => {})
  /** What large values were built. */
  inPieces = 0
  /** How often a server was to be asked once more to remove what is left there. */
  sweeps = 0
  readonly pieces: Pieces
  /** Whether what was built ahead last had not to be built anew. */
  wasOfUse = false
  /** Why a copy was refused, the last one. */
  reason = ''
  /** Whether the target is not sent writes. */
  private owing = false

  private constructor(
    readonly links: Record<Side, Link>,
    readonly servers: Record<Side, RealRedis>,
    readonly direct: Record<Side, RawConnection>,
    maxBlockMs: number,
  ) {
    this.pieces = new Pieces(maxBlockMs, isSameOnBoth)
    const { slots } = this.pieces
    const enter = slots.enter.bind(slots)
    slots.enter = (links) => {
      if (new Set(links).size > 1) this.inPieces++
      else this.sweeps++
      return enter(links)
    }
  }

  static async begin(t: Teardown, { maxBlockMs = 1, options = [] as string[] } = {}): Promise<PiecesStory> {
    const [source, target] = await Promise.all([RealRedis.start(), RealRedis.start(...options)])
    const servers = { source, target }
    const turn = new Turn()
    let story: PiecesStory | undefined
    const linkTo = (name: Side) => {
      const linkOptions = {
        ...{ connectTimeoutMs: 2000, reconnectMinMs: 5, reconnectMaxMs: 20, pingIntervalMs: 60_000 },
        ...{ ringId: 'story', runId: name },
      }
      return new Link(name, '127.0.0.1', servers[name].port, linkOptions, turn, silentLogger(), {
        onUp: (link) => story?.pieces.leftovers.linkUp(link),
        onDown: (link) => {
          story?.pieces.aheads.linkDown(link)
          story?.lanes.drop(link)
        },
      })
    }
    const links = { source: linkTo('source'), target: linkTo('target') }
    for (const link of Object.values(links)) link.start()
    const direct = { source: await RawConnection.open(source.port), target: await RawConnection.open(target.port) }
    await until('the links are up', () => links.source.ready && links.target.ready)
    t.teardown(async () => {
      for (const link of Object.values(links)) link.close()
      for (const connection of Object.values(direct)) connection.close()
      await Promise.all([source.stop(), target.stop()])
    })
    story = new PiecesStory(links, servers, direct, maxBlockMs)
    return story
  }

  /** Asks a server, not over its link. */
  on(side: Side, ...args: Arg[]): Promise<Buffer> {
    return this.direct[side].ask(...args)
  }

  /** Copies keys; gives what became of each. */
  copy(...keys: string[]): Promise<CopyResult[]> {
    const results: CopyResult[] = []
    const { source, target } = this.links
    const ids = keys.map((key) => `0:${Buffer.from(key).latin1Slice()}`)
    return new Promise((resolve) => {
      const heard = (_target: Link, result: CopyResult, reason: string) => {
        this.reason = reason
        results.push(result)
        if (results.length === keys.length) resolve(results)
      }
      new KeyCopy(this.lanes, ids, source, [target], heard, this.pieces)
    })
  }

  /**
   * The same for one key that the target is not sent writes of before: most of it is copied while they go on. Undefined when
   * that was given up, and all of it was copied later.
   *
   * @param whenBuilt called before writes begin to wait for what is left
   */
  async copyAhead(key: string, whenBuilt = async () => {}): Promise<CopyResult | undefined> {
    const { source, target } = this.links
    this.owing = true
    const value = { id: `0:${key}`, bytes: 100_000, source, target, isWanted: () => true }
    const ahead = await Ahead.build(this.lanes, this.pieces, value)
    const finish = ahead?.finish.bind(ahead)
    if (ahead !== undefined) ahead.finish = async () => (this.wasOfUse = await finish!())
    await whenBuilt()
    if (ahead?.isFree === false) ahead.drop()
    await until('both can be reached', () => source.ready && target.ready)
    this.owing = false
    const copied = this.copy(key)
    ahead?.drop()
    const [result] = await copied
    return ahead === undefined ? undefined : result
  }

  /** A write in mode apply, of the keys that are named by `keys`. */
  write(args: readonly string[], keys: readonly string[] = [args[1]]): void {
    const frame = frameOf(args)
    const ids = keys.map((key) => `0:${key}`)
    const { buf, argStart, argEnd } = frame
    const container = lookupCommand(buf, argStart[0], argEnd[0])
    const row = container?.subcommands && lookupSubcommand(container, buf, argStart[1], argEnd[1])
    this.pieces.aheads.wrote(row ?? container, frame, ids)
    for (const link of this.owing ? [this.links.source] : Object.values(this.links)) {
      const onReply: ReplySink['onReply'] = (_tag, _buf, _start, _end, flags) => {
        if ((flags & IS_ERROR) !== 0) this.pieces.aheads.refused(link, ids)
      }
      const emit = () => link.emitFrame(frame, 0, { onReply, onLost: () => {} }, 0)
      if (!link.ready) continue
      if (!this.lanes.isAnyHeld(link, ids)) emit()
      else this.lanes.hold(link, ids, { emit, dropped: () => {}, covered: () => {} })()
    }
  }

  flush(): void {
    this.pieces.aheads.spoilAll()
    const voided = this.lanes.cover(() => true)
    for (const link of Object.values(this.links)) {
      const held = voided.get(link)?.held ?? []
      const sink = {
        onReply: () => {
          for (const each of held) each.covered()
        },
        onLost: () => {
          for (const each of held) each.dropped()
        },
      }
      if (link.ready) link.emitFrame(frameOf(['FLUSHALL']), 0, sink, 0)
    }
  }

  /** Resolves when the servers have executed everything. */
  async quiet(): Promise<void> {
    await until('nothing is held', () => this.lanes.active === 0)
    await Promise.all(Object.values(this.links).map((link) => link.call(['PING'])))
  }

  async differs(key: string): Promise<boolean> {
    const [one, other] = await Promise.all([contentOf(this.direct.source, key), contentOf(this.direct.target, key)])
    return one !== other
  }

  /** Throws unless neither server has anything that no client put there, once that is removed, and nothing is held. */
  async nothingIsLeft(): Promise<void> {
    await until('nothing is to be removed', () => !this.pieces.leftovers.any)
    if (this.lanes.active !== 0) throw new Error('something is still held')
    for (const side of ['source', 'target'] as const) {
      const reply = await this.on(side, 'KEYS', '\0*')
      const keys = decodeReply(reply, 0, reply.length) as Buffer[]
      if (keys.length > 0) throw new Error(`${keys.map((key) => JSON.stringify(String(key)))} left on the ${side}`)
    }
  }
}
