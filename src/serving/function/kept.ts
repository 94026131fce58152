import { LinkLostError, unlessLost } from '../../backend/decoded-reply.js'
import { preciseNowMs } from '../../backend/handshake.js'
import type { Link } from '../../backend/link.js'
import type { Logger } from '../../base/log.js'
import { OneByOne } from '../../base/one-by-one.js'
import { within } from '../../base/within.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { outcomeUnknown } from '../../order/replies.js'
import { type ErrorReply, isError, type Reply } from '../../resp/encode.js'
import type { Library } from './library.js'
import {
  ALL_RECORDS,
  CONTENTS,
  type Command,
  INDEX,
  indexCommand,
  indexIn,
  type KeptIndex,
  type KeptSettings,
  keepCommand,
  libraryIn,
  libraryRecord,
  recordsIn,
  scriptRecord,
} from './records.js'

export type { KeptSettings }

/** How long is waited for all members before what the others keep is taken for all. */
const ALL_MS = 2000

/** So long others wait for a member that is made equal. */
const EQUAL_MS = 2000

/** What becomes of something that a member has no memory for. */
type WhenFull = 'refused' | 'later'

/** Told what was kept. */
export interface KeptListener {
  learnt(scripts: readonly Buffer[], libraries: readonly Library[]): void
  /** Names of what is executed, as it stands on the members. */
  executed(): ReadonlySet<string>
  /** A member keeps what all do. */
  equal(link: Link): void
}

/**
 * What clients have loaded, kept by all members [design §7 Functions]. While the proxy runs it decides what that is, changes one after the
 * other, and a member that comes, or comes back, is made to have the same; when it begins it asks the members.
 *
 *     change   [records to all] ─> all have them ─> [index to all] ─> all have it: it counts, and is acknowledged
 *     begin    the latest index of all members, and what it names, from whoever has that
 */
export class Kept {
  private index: KeptIndex
  private readonly scripts = new Map<string, Buffer>()
  private libraries = new Map<string, Buffer>()
  isKnown = false
  /** Told what of CONFIG SET is kept, when that is known. */
  onSettings: (settings: KeptSettings) => void = () => {}
  /** The highest version that any member may have. */
  private highest = 0
  private learning: Promise<Reply | undefined> | undefined
  /** Those that had no memory for what they were told. */
  private readonly owing = new Set<Link>()
  /** One after the other: changes, and members that are made equal. */
  private readonly changes = new OneByOne()

  constructor(
    private readonly order: Order,
    private readonly log: Logger,
    private readonly listener: KeptListener,
  ) {
    this.index = { ring: order.router.view.ringId, version: 0, generation: 0, libraries: [] }
  }

  /** Resolves when it is known what is kept: with nothing, or the error that says why it is not. */
  whenKnown(): Promise<Reply | undefined> {
    if (this.isKnown) return Promise.resolve(undefined)
    this.learning ??= this.learn().finally(() => {
      this.learning = undefined
    })
    return this.learning
  }

  /** A member is there, or somebody has removed what it kept: it is made to keep the same as all. */
  makeEqual(link: Link): void {
    const equal = async () => {
      if ((await this.whenKnown()) !== undefined) return
      await this.changes.do(() => within(this.equal(link, performance.now()), EQUAL_MS))
    }
    equal().catch((failure: Error) => {
      this.log.error(
        { event: 'kept-unknown', err: failure, member: link.name },
        'it is not known whether a member keeps what clients have loaded',
      )
    })
  }

  /** A member has no memory left, or has some again. */
  memoryChanged(link: Link): void {
    if (!link.full && this.owing.delete(link) && this.order.router.links.includes(link)) this.makeEqual(link)
  }

  /** Keeps one more script; resolves with an error when it is not kept. Who has no memory for it gets it later: a server takes scripts all the same. */
  keepScript(sha: string, source: Buffer): Promise<Reply | undefined> {
    return this.asked(async (deadlineMs) => {
      const name = scriptRecord(this.index.generation, sha)
      // Without an index nobody can tell whose a record is.
      const failure =
        (this.index.version === 0 ? await this.tellIndex(this.index, 'later', deadlineMs) : undefined) ??
        (await this.tellAll([keepCommand(name, source)], 'later', deadlineMs))
      if (failure === undefined) this.scripts.set(name, source)
      // The next start would take it for kept.
      else if (!this.scripts.has(name)) this.remove([name])
      return failure
    })
  }

  /** Keeps no script any more. */
  forgetScripts(): Promise<Reply | undefined> {
    return this.asked(async (deadlineMs) => {
      if (this.scripts.size === 0) return undefined
      const next = { ...this.index, generation: this.index.generation + 1 }
      const failure = await this.tellIndex(next, 'later', deadlineMs)
      if (failure !== undefined) return failure
      this.remove([...this.scripts.keys()])
      this.scripts.clear()
      return undefined
    })
  }

  /**
   * Changes which libraries there are. `change` gives them, or why it is none, when all changes before it are known; `changed` is called
   * when it counts.
   */
  changeLibraries(
    change: () => Promise<readonly Library[] | Reply>,
    changed: (libraries: readonly Library[]) => void,
  ): Promise<Reply | undefined> {
    return this.asked(async (deadlineMs) => {
      const next = await change()
      if (!isList(next)) return next
      const records = new Map(next.map(libraryRecord).map(({ name, content }) => [name, content]))
      const fresh = [...records].filter(([name]) => !this.libraries.has(name))
      const unkept = await this.tellAll(
        fresh.map(([name, content]) => keepCommand(name, content)),
        'refused',
        deadlineMs,
      )
      if (unkept !== undefined) {
        this.remove(fresh.map(([name]) => name))
        return unkept
      }
      // Whoever has the new index, should it not count, still has what it names: the next start may go by it.
      // That there are less frees memory, and needs none: whoever cannot take the index has at least the records no more.
      const whenFull = fresh.length === 0 ? 'later' : 'refused'
      const failure = await this.tellIndex({ ...this.index, libraries: [...records.keys()] }, whenFull, deadlineMs)
      if (failure !== undefined) return failure
      const gone = [...this.libraries.keys()].filter((name) => !records.has(name))
      this.libraries = records
      changed(next)
      this.remove(gone)
      return undefined
    })
  }

  /** Keeps what CONFIG SET has set; resolves with an error when it is not kept. */
  keepSettings(settings: KeptSettings): Promise<Reply | undefined> {
    return this.asked((deadlineMs) => this.tellIndex({ ...this.index, settings }, 'refused', deadlineMs))
  }

  /** What a client has asked for: its time goes on while it waits for those before it. */
  private asked(work: (deadlineMs: number) => Promise<Reply | undefined>): Promise<Reply | undefined> {
    const { order } = this
    const deadlineMs = order.waiting.deadline()
    return this.changes.doBefore<Reply | undefined>(
      deadlineMs,
      () => work(deadlineMs),
      () => order.unavailable(),
    )
  }

  /** An index that does not count is taken back: the next start goes by the latest one that any member has. */
  private async tellIndex(index: KeptIndex, whenFull: WhenFull, deadlineMs: number): Promise<Reply | undefined> {
    const next = { ...index, version: this.nextVersion() }
    const takers = new Set<Link>()
    const failure = await this.tellAll([indexCommand(next)], whenFull, deadlineMs, takers)
    if (failure === undefined) {
      this.index = next
      return undefined
    }
    const have = await this.takeBack([...takers])
    return have.length > 0 ? outcomeUnknown(have) : failure
  }

  /** A clock that was set back does not make a later index an earlier one. */
  private nextVersion(): number {
    this.highest = Math.max(this.highest + 1, this.index.version + 1, Math.floor(preciseNowMs()))
    return this.highest
  }

  /** Those who may have a later index get the one that counts, as a still later one. @returns who may have that one still */
  private async takeBack(takers: readonly Link[]): Promise<string[]> {
    if (takers.length === 0) return []
    this.index = { ...this.index, version: this.nextVersion() }
    const commands = [indexCommand(this.index)]
    const telling = Promise.all(takers.map((link) => (link.ready ? tell(link, commands) : undefined)))
    const told = await within(telling, EQUAL_MS)
    const left = takers.filter((_, i) => told?.[i] === undefined || isRefused(told[i]))
    return left.map(({ name }) => name)
  }

  /**
   * Tells all members; gives an error when not all have it. Who is lost meanwhile counts when it is back, or no member any more.
   *
   * @param takers those who may have it are added
   */
  private async tellAll(
    commands: readonly Command[],
    whenFull: WhenFull,
    deadlineMs: number,
    takers = new Set<Link>(),
  ): Promise<Reply | undefined> {
    const { order } = this
    if (commands.length === 0) return undefined
    let wasTold = false
    for (;;) {
      if (performance.now() >= deadlineMs) return wasTold ? outcomeUnknown([]) : order.unavailable()
      const { router } = order
      if (whenFull === 'refused' && router.links.some(({ full }) => full)) return OUT_OF_MEMORY
      if (router.anyMember.writable()) {
        wasTold = true
        const { links } = router
        const may = links.filter((link) => !takers.has(link))
        for (const link of links) takers.add(link)
        const telling = Promise.all(links.map((link) => tell(link, commands)))
        const told = await within(telling, deadlineMs - performance.now())
        if (told === undefined) return outcomeUnknown([])
        for (const link of may) if (isRefused(told[links.indexOf(link)])) takers.delete(link)
        if (whenFull === 'later') this.noteOwing(links.filter((_, i) => lacksMemory(told[i])))
        const refusal = told.find((reply) => isRefused(reply) && !(whenFull === 'later' && lacksMemory(reply)))
        if (refusal !== undefined) return refusal
        if (!told.includes(undefined) && order.router.links.every((link) => router.links.includes(link))) break
      }
      await order.waiting.change(Math.min(deadlineMs, performance.now() + 100))
    }
    const isOpen = await order.acknowledgement.opens(order.options.unavailableTimeoutMs)
    return isOpen ? undefined : outcomeUnknown([])
  }

  private noteOwing(links: readonly Link[]): void {
    for (const link of links) this.owing.add(link)
    if (links.length > 0) this.order.memory.look()
  }

  /** Members that have libraries of these names have them no more, behind what was emitted. */
  remove(names: readonly string[]): void {
    const commands = names.map((name) => ['FUNCTION', 'DELETE', name])
    for (const link of this.order.router.links) if (link.ready) void tell(link, commands).catch(() => {})
  }

  private async equal(link: Link, begunMs: number): Promise<void> {
    try {
      const there = recordsIn(await link.call(['FUNCTION', 'LIST', 'LIBRARYNAME', ALL_RECORDS]))
      // Others have gone on without it.
      if (performance.now() - begunMs >= EQUAL_MS) {
        this.makeEqual(link)
        return
      }
      const { index, scripts, libraries } = this
      const isEmpty = index.version === 0 && scripts.size === 0
      if (isEmpty && there.size === 0) return
      const executed = this.listener.executed()
      const isOurs = (name: string) => scripts.has(name) || libraries.has(name) || executed.has(name) || name === INDEX
      const commands: Command[] = [...there.keys()]
        .filter((name) => !isOurs(name))
        .map((name) => ['FUNCTION', 'DELETE', name])
      for (const [name, content] of [...scripts, ...libraries]) {
        if (!there.has(name)) commands.push(keepCommand(name, content))
      }
      const told = await tell(link, [...commands, indexCommand(index)])
      this.listener.equal(link)
      if (!isRefused(told)) return
      if (lacksMemory(told)) this.noteOwing([link])
      this.log.warn(
        { event: 'kept-refused', member: link.name, reason: told.message },
        `${link.name} does not keep what clients have loaded`,
      )
    } catch (failure) {
      if (!(failure instanceof LinkLostError)) throw failure
    }
  }

  private async learn(): Promise<Reply | undefined> {
    const { order } = this
    const failure = await order.opening.whenOpen()
    if (failure !== undefined) return failure
    const deadlineMs = order.waiting.deadline()
    const allMs = performance.now() + ALL_MS
    for (;;) {
      const nowMs = performance.now()
      const links = order.router.links.filter(({ ready }) => ready)
      const isEnough = links.length > 0 && (links.length === order.router.links.length || nowMs >= allMs)
      if (isEnough && (await this.learnFrom(links, allMs - nowMs))) break
      if (nowMs >= deadlineMs) return order.unavailable()
      await order.waiting.change(Math.min(deadlineMs, nowMs + 100))
    }
    this.isKnown = true
    for (const link of order.router.links) if (link.ready) this.makeEqual(link)
    return undefined
  }

  /**
   * False when one of them was lost before it had answered.
   *
   * @param patienceMs so long all are waited for; then who is silent is done without, as who is not there, if another one has answered
   */
  private async learnFrom(links: readonly Link[], patienceMs: number): Promise<boolean> {
    const list = (pattern: string) => ['FUNCTION', 'LIST', 'LIBRARYNAME', pattern, 'WITHCODE']
    const told: (
      | { readonly index: KeptIndex | undefined; readonly contents: ReadonlyMap<string, Buffer> }
      | undefined
    )[] = []
    const asked = links.map(async (link) => {
      const replies = await unlessLost(Promise.all([link.call(list(INDEX)), link.call(list(CONTENTS))]))
      const [index, contents] = replies ?? []
      told.push(replies && { index: indexIn(recordsIn(index!).get(INDEX)), contents: recordsIn(contents!) })
    })
    await within(Promise.all(asked), patienceMs)
    await Promise.race(asked)
    if (told.includes(undefined)) return false
    const contents = new Map<string, Buffer>()
    for (const each of told) {
      // It was a member of another ring.
      if (each!.index?.ring !== this.index.ring) continue
      if ((each!.index?.version ?? 0) > this.index.version) this.index = each!.index!
      for (const [name, content] of each!.contents) contents.set(name, content)
    }
    const of = `dt_s_${this.index.generation}_`
    for (const [name, content] of contents) if (name.startsWith(of)) this.scripts.set(name, content)
    for (const name of this.index.libraries) {
      const content = contents.get(name)
      const library = content === undefined ? undefined : libraryIn(content)
      if (library !== undefined) this.libraries.set(name, content!)
      else
        this.log.error(
          { event: 'library-lost', record: name },
          'a library of functions is lost: no member that is there keeps it',
        )
    }
    const libraries = [...this.libraries.values()].flatMap((content) => libraryIn(content) ?? [])
    this.listener.learnt([...this.scripts.values()], libraries)
    if (this.index.settings !== undefined) this.onSettings(this.index.settings)
    return true
  }
}

function isRefused(reply: Reply | undefined): reply is ErrorReply {
  return reply !== undefined && isError(reply)
}

function lacksMemory(reply: Reply | undefined): boolean {
  return isRefused(reply) && reply.message.startsWith('OOM ')
}

function isList(next: readonly Library[] | Reply): next is readonly Library[] {
  return Array.isArray(next)
}

/** The last reply, or the first one that is an error; undefined when the link was lost. */
async function tell(link: Link, commands: readonly Command[]): Promise<Reply | undefined> {
  const replies = await unlessLost(Promise.all(commands.map((command) => link.call(command))))
  return replies && (replies.find(isError) ?? replies.at(-1) ?? null)
}
