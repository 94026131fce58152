import { setTimeout as sleep } from 'node:timers/promises'
import { nameOf } from '../base/name-of.js'
import { UserError } from '../base/user-error.js'
import type { Conversation } from './conversation.js'
import { Copier, type CopierOptions } from './copier.js'
import { Follower } from './follower.js'
import { Libraries, type LibraryDifferences } from './libraries.js'
import { infoOf, type Node } from './node.js'
import { Tally } from './tally.js'
import { byPlace, type Open, Verification } from './verification.js'

/** So many passes `--until-equal` makes at most. */
const PASSES_MAX = 20
/** So many changed keys are remembered; beyond that everything is looked at again. */
const CHANGED_MAX = 1_000_000
/** So many of them are copied before the walk goes on. */
const CHANGED_AT_ONCE = 5000
/** So many differing keys are remembered; more are mended before others are looked for. */
const OPEN_MAX = 100_000
const POLL_MS = 100
const CATCH_UP_TIMEOUT_MS = 600_000
/** So often the last comparison is made again when more keys had changed meanwhile than can be looked at again one by one. */
const VERIFICATIONS_MAX = 3

export type Stage = 'copy' | 'changes' | 'pass' | 'follow' | 'verify'

export interface ImportOptions extends CopierOptions {
  readonly follow: 'meanwhile' | 'on' | 'no'
  readonly untilEqual: boolean
}

/** What has changed on a node and has not been copied again. */
class Changed {
  private readonly keys = new Map<string, { readonly db: number | undefined; readonly key: Buffer }>()
  /** All of the node has to be looked at. */
  everything = false

  get size(): number {
    return this.keys.size
  }

  add(db: number | undefined, key: Buffer): void {
    // A copy, as it is part of what was received with it, which may be large.
    this.keys.set(`${db ?? ''} ${nameOf(key)}`, { db, key: Buffer.from(key) })
    if (this.keys.size > CHANGED_MAX) this.all()
  }

  all(): void {
    this.everything = true
    this.keys.clear()
  }

  /** Whether one of them may be in any database. The stream begins so: who names one does it before anything else. */
  get isVague(): boolean {
    for (const { db } of this.keys.values()) return db === undefined
    return false
  }

  /** Takes up to `count` of them out, by database; `every` are those that are meant where none is named. */
  take(count: number, every: readonly number[]): Map<number, Buffer[]> {
    const taken = new Map<number, Buffer[]>()
    let left = count
    for (const [name, { db, key }] of this.keys) {
      if (left-- === 0) break
      this.keys.delete(name)
      for (const each of db === undefined ? every : [db]) {
        const keys = taken.get(each)
        if (keys === undefined) taken.set(each, [key])
        else keys.push(key)
      }
    }
    return taken
  }
}

/** The whole of an import: walk over the nodes, then what has changed meanwhile, then everything is compared. */
export class Import {
  readonly tally = new Tally()
  stage: Stage = 'copy'
  /** The pass of `--until-equal`. */
  pass = 0
  verification: Verification | undefined
  libraryDifferences: LibraryDifferences = { conflicts: [], changed: [], unread: [] }
  /** Who stops it now wants the rest to be copied, and compared. */
  private isFinishing = false
  private readonly copier: Copier
  private readonly libraries: Libraries
  private haveLibrariesChanged = false
  private readonly followers = new Map<Node, Follower>()
  private readonly changed = new Map<Node, Changed>()
  /** Databases of which anything was copied. */
  private readonly databases = new Set<number>()

  constructor(
    private readonly nodes: readonly Node[],
    private readonly ring: Conversation,
    private readonly options: ImportOptions,
    private readonly stopping: AbortSignal,
    private readonly openMax = OPEN_MAX,
  ) {
    const owned = [...new Set(nodes.map(({ mine }) => mine))]
    this.copier = new Copier(ring, owned, options, this.tally)
    this.libraries = new Libraries(nodes, ring, options.replace, this.tally)
  }

  /** Keys that have changed and are not copied again yet. */
  get behind(): number {
    return [...this.changed.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** @throws UserError saying why it did not come to its end */
  async run(): Promise<void> {
    try {
      await this.checkDatabases()
      if (this.options.follow !== 'no') for (const node of this.nodes) await this.followNode(node)
      await this.libraries.copy()
      for (const node of this.nodes) await this.copyAll(node)
      if (this.options.untilEqual) await this.passes()
      if (this.options.follow !== 'no') await this.catchUp()
      if (this.options.follow === 'on') await this.goOn()
      await this.verify()
    } finally {
      for (const follower of this.followers.values()) follower.stop()
    }
  }

  /** Nothing is copied when some database of a source is none of the ring. */
  private async checkDatabases(): Promise<void> {
    for (const node of this.nodes) {
      for (const [db, keys] of await node.databases()) {
        this.tally.total += keys
        this.databases.add(db)
        await this.ring.ask(db, [])
      }
    }
  }

  private async followNode(node: Node): Promise<void> {
    const changed = new Changed()
    this.changed.set(node, changed)
    const follower = await Follower.open(node.endpoint, {
      key: (db, key) => {
        if (db === undefined || node.isMeant(db)) changed.add(db, key)
      },
      everything: () => changed.all(),
      libraries: () => {
        this.haveLibrariesChanged = true
      },
    })
    this.followers.set(node, follower)
  }

  private async copyAll(node: Node): Promise<void> {
    for (const db of (await node.databases()).keys()) {
      this.databases.add(db)
      for await (const keys of node.keys(db)) {
        this.check()
        const fresh = keys.filter((key) => !node.mine.has(db, key))
        await this.copier.copy(node, db, fresh)
        this.tally.seen += keys.length
        await this.copyChanged(node, CHANGED_AT_ONCE)
      }
    }
  }

  /** What has changed is copied as it is now. */
  private async copyChanged(node: Node, count: number): Promise<void> {
    const changed = this.changed.get(node)
    if (changed === undefined || changed.size === 0) return
    const every = new Set(this.databases)
    // One that had no keys when this began may have some now.
    if (changed.isVague) for (const db of (await node.databases()).keys()) every.add(db)
    const meant = [...every].filter((db) => node.isMeant(db))
    for (const [db, keys] of changed.take(count, meant)) {
      this.databases.add(db)
      await this.copier.copy(node, db, keys)
    }
  }

  private check(): void {
    // Whoever follows a source where nothing changes asks nothing.
    if (this.ring.loss !== undefined) throw this.ring.loss
    if (this.stopping.aborted && !this.isFinishing) throw new UserError('it was stopped')
    for (const { failure } of this.followers.values()) if (failure !== undefined) throw failure
  }

  /** Everything is compared, and what differs is copied again, until nothing does. */
  private async passes(): Promise<void> {
    this.stage = 'pass'
    for (this.pass = 1; this.pass <= PASSES_MAX; this.pass++) {
      await this.libraries.copy()
      this.verification = this.newVerification()
      await this.verification.walk((open) => this.mend(open))
      if (this.verification.found === 0) return
    }
  }

  private newVerification(): Verification {
    return new Verification(this.nodes, this.ring, this.copier, this.databases, () => this.check(), this.openMax)
  }

  private async mend(open: readonly Open[]): Promise<void> {
    for (const { node, db, keys } of byPlace(open)) {
      this.check()
      await this.copier.copy(node, db, keys)
    }
  }

  /** Until all that the sources had executed when this began has been copied. */
  private async catchUp(): Promise<void> {
    if (this.stage === 'copy') this.stage = 'changes'
    const goals = new Map<Node, number>()
    for (const node of this.nodes) {
      goals.set(node, Number((await infoOf(node.server)).get('master_repl_offset')))
    }
    const deadline = performance.now() + CATCH_UP_TIMEOUT_MS
    for (const [node, goal] of goals) {
      while (this.followers.get(node)?.hasReached(goal) === false) {
        this.check()
        await this.copyChanged(node, CHANGED_AT_ONCE)
        await sleep(POLL_MS / 10)
        if (performance.now() > deadline) throw new UserError(`${node.server.whom} tells too late what it changes`)
      }
      // What is told meanwhile comes behind those that had been told.
      for (let left = this.changed.get(node)?.size ?? 0; left > 0; left -= CHANGED_AT_ONCE) {
        this.check()
        await this.copyChanged(node, CHANGED_AT_ONCE)
      }
    }
    await this.copyWhatIsNoKey()
  }

  /** Libraries that have changed, and all keys when nobody knows which ones have. */
  private async copyWhatIsNoKey(): Promise<void> {
    if (this.haveLibrariesChanged) {
      this.haveLibrariesChanged = false
      await this.libraries.copy()
    }
    if ([...this.changed.values()].some(({ everything }) => everything)) await this.lookAtEverything()
  }

  /** FLUSHALL, SWAPDB, or what the stream does not name. */
  private async lookAtEverything(): Promise<void> {
    for (const changed of this.changed.values()) changed.everything = false
    for (const node of this.nodes) for (const db of (await node.databases()).keys()) this.databases.add(db)
    // What is reported is another one, in which this may happen.
    await this.newVerification().walk((open) => this.mend(open))
  }

  /** Until the operator has stopped who writes to the sources, and says so. */
  private async goOn(): Promise<void> {
    this.stage = 'follow'
    this.isFinishing = true
    while (!this.stopping.aborted) {
      this.check()
      for (const node of this.nodes) await this.copyChanged(node, CHANGED_AT_ONCE)
      await this.copyWhatIsNoKey()
      await sleep(POLL_MS, undefined, { signal: this.stopping }).catch(() => {})
    }
    await this.catchUp()
  }

  private async verify(): Promise<void> {
    this.stage = 'verify'
    const follows = this.options.follow !== 'no'
    for (let times = 1; times <= VERIFICATIONS_MAX; times++) {
      const verification = this.newVerification()
      this.verification = verification
      await verification.walk()
      await verification.lookAgain(async () => {
        if (follows) await this.catchUp()
      })
      // Also what has changed since a key was compared.
      if (follows) await this.catchUp()
      // What was not remembered may have been only behind, and has been copied now.
      if (!follows || verification.more === 0) break
    }
    await this.compareLibraries(follows)
  }

  /** One that has changed just now is copied once more, and compared again. */
  private async compareLibraries(follows: boolean): Promise<void> {
    this.libraryDifferences = await this.libraries.compare()
    for (let times = 1; times <= VERIFICATIONS_MAX; times++) {
      if (!follows || this.libraryDifferences.changed.length === 0) return
      await this.libraries.copy()
      this.libraryDifferences = await this.libraries.compare()
    }
  }
}
