import { setTimeout as sleep } from 'node:timers/promises'
import { type Link, LinkLostError } from '../backend/link.js'
import { type KeyId, keyId, keyOfId } from '../base/key-id.js'
import { within } from '../base/within.js'
import type { Order } from '../order/order.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { compareKey, type Look } from './compare-key.js'
import { PIECE_BYTES } from './differing.js'
import { samePlaces, type VerifyReport } from './verify-report.js'
import { accepted, databasesOf, WalkError, walkKeys } from './walk.js'
import { type Rate, Window } from './window.js'

/** Keys, and bytes of all their copies, that are compared at a time. */
const WINDOW_KEYS = 256
const WINDOW_BYTES = 16 * 1024 * 1024
/** Keys that seemed to differ and are looked at again, or repaired, at a time. */
const SUSPECTS_MAX = 1000
/** Between two looks at a key. */
const LOOK_AGAIN_MS = 250
/** A key is looked at so often before it counts as not compared. */
const LOOKS_MAX = 24
/** A repair that is not done after this long goes on by itself, and is not waited for. */
const REPAIR_TIMEOUT_MS = 15_000
/** A member from which displaced copies are being deleted is waited for so long. */
const SWEEP_TIMEOUT_MS = 60_000
/** When keys changed hands meanwhile, everything is looked through again, at most so often. */
const ROUNDS_MAX = 3
/** What a key counts at least against a limit of bytes a second, so that small ones are limited, too. */
const KEY_COST_BYTES = 1024

export interface VerifyDeps {
  readonly order: Order
  /** Resolves when the markers of the current view are on all its members: what is not a member's own may go then. */
  acknowledged(): Promise<void>
  /** Whether displaced copies are still to be deleted from this member. */
  isSweeping(member: string): boolean
  /** A master stands alone against all other replicas of a key, and is repaired. */
  outvoted(member: string): void
}

/**
 * One look at everything [design §8 Verify]: walks over the keys of all members, compares the copies of each key, and
 * looks for keys where they should not be.
 *
 *     walk of a key's master     compares all its copies
 *     walk of a backup           compares only keys that the replicas before it do not have
 *     walk of another member     the key should not be there
 *
 * What differs at first sight is looked at again a little later, and counts when it differs still. A key that could not
 * be compared for a moment (see `compareKey`) is looked at later, too.
 */
export class VerifyPass {
  private readonly window = new Window(WINDOW_KEYS, WINDOW_BYTES)
  private readonly suspects = new Window(SUSPECTS_MAX, Number.POSITIVE_INFINITY)
  /** Keys that are being looked at again, and those that were found: SCAN may give a key twice, and so do two rounds. */
  private readonly suspected = new Set<KeyId>()
  private failure: Error | undefined

  constructor(
    private readonly deps: VerifyDeps,
    private readonly report: VerifyReport,
    private readonly rate: Rate,
    private readonly isCancelled: () => boolean,
  ) {}

  /** Fills the report. */
  async run(): Promise<void> {
    const { report } = this
    for (let round = 1; round <= ROUNDS_MAX; round++) {
      const { order } = this.deps
      const { view, links } = order.router
      const { swaps } = order.stats
      report.begin(await countCopies(links))
      await Promise.all(links.map((link) => this.walk(link)))
      await this.window.empty()
      await this.suspects.empty()
      if (this.failure !== undefined) throw this.failure
      const same = samePlaces(view, order.router.view) && swaps === order.stats.swaps
      if (this.isCancelled() || same) break
      if (round === ROUNDS_MAX) report.notChecked(0, 'keys changed hands meanwhile: some may have been missed')
    }
    report.ended(this.isCancelled() ? 'cancelled' : 'done')
  }

  private async walk(link: Link): Promise<void> {
    const { order, isSweeping } = this.deps
    const deadlineMs = performance.now() + SWEEP_TIMEOUT_MS
    while (isSweeping(link.name) && performance.now() < deadlineMs && !this.isCancelled()) await sleep(LOOK_AGAIN_MS)
    try {
      for await (const { db, keys } of walkKeys(link)) {
        if (this.isCancelled() || this.failure !== undefined) return
        await this.lookAt(link, db, keys)
        this.report.copiesSeen += keys.length
      }
    } catch (error) {
      if (!isExpected(error)) throw error
      // Who is no member any more needs not be looked through.
      if (order.router.links.includes(link)) this.report.notChecked(0, error.message)
    }
  }

  /** One batch of the keys that are on a member. */
  private async lookAt(link: Link, db: number, keys: readonly Buffer[]): Promise<void> {
    const { router } = this.deps.order
    const orphans: Buffer[] = []
    const byFirst = new Map<Link, Buffer[]>()
    for (const key of keys) {
      if (isHidden(key)) continue
      const { natural, targets } = router.routeOfKey(key, 0, key.length)
      const first = natural.includes(link) ? natural.find((replica) => replica.ready) : undefined
      if (!targets.includes(link)) orphans.push(key)
      else if (first !== undefined) byFirst.set(first, [...(byFirst.get(first) ?? []), key])
    }
    for (const [first, group] of byFirst) {
      const toCompare = first === link ? group : await absentOn(first, db, group)
      const sizes = await Promise.all(toCompare.map((key) => link.call(['MEMORY', 'USAGE', key, 'SAMPLES', '1'], db)))
      for (const [i, key] of toCompare.entries()) {
        const bytes = sizes[i]
        await this.compare(link, idOf(db, key), typeof bytes === 'number' ? bytes : 0)
      }
    }
    for (const key of orphans) await this.suspect(idOf(db, key), () => this.settleOrphan(link, db, key))
  }

  /** Resolves when there is room for more; the key is compared meanwhile. */
  private async compare(walked: Link, id: KeyId, bytes: number): Promise<void> {
    const { order } = this.deps
    const { length: copies } = order.router.links
    const cost = Math.min(bytes, PIECE_BYTES) * Math.min(copies, order.router.view.replicas + 1)
    await this.rate.take(Math.max(bytes, KEY_COST_BYTES) * copies)
    await this.window.enter(cost)
    this.background(async () => {
      try {
        const look = await compareKey(order, id, bytes)
        if (isSame(look)) this.report.keys++
        // A key that an earlier replica has is compared in the walk of that one.
        else if (look.kind !== 'seen' || look.holder === undefined || look.holder === walked) {
          await this.suspect(id, () => this.settle(id, bytes, look))
        }
      } finally {
        this.window.leave(cost)
      }
    })
  }

  /** Resolves when there is room for one more suspect; `settle` says whether something was wrong with it. */
  private async suspect(id: KeyId, settle: () => Promise<boolean>): Promise<void> {
    if (this.suspected.has(id)) return
    this.suspected.add(id)
    await this.suspects.enter(0)
    this.background(async () => {
      try {
        if (!(await settle())) this.suspected.delete(id)
      } finally {
        this.suspects.leave(0)
      }
    })
  }

  /** Looks until two looks in a row see the same copies differ, or one sees that none does. */
  private async settle(id: KeyId, bytes: number, first: Look): Promise<boolean> {
    const { order } = this.deps
    let before = first
    for (let looks = 1; looks < LOOKS_MAX && before.kind !== 'away' && !this.isCancelled(); looks++) {
      await sleep(before.kind === 'unsettled' ? before.lookAgainMs : LOOK_AGAIN_MS)
      const look = await compareKey(order, id, bytes)
      if (isSame(look)) {
        this.report.keys++
        return false
      }
      const differing = differingLinks(look)
      if (differing.some((link) => differingLinks(before).includes(link))) {
        await this.differs(id, bytes, look, differing)
        return true
      }
      before = look
    }
    if (!this.isCancelled()) this.report.notChecked(1, reasonOf(before))
    return false
  }

  private async differs(id: KeyId, bytes: number, look: Look, links: readonly Link[]): Promise<void> {
    const { report } = this
    const { db, key } = keyOfId(id)
    report.keys++
    for (const link of links) {
      const kind = look.kind === 'seen' ? look.states[look.links.indexOf(link)] : 'same'
      if (kind !== 'same') report.found({ kind, db, key, member: link.name })
      if (kind === 'outvoted' && report.repair) this.deps.outvoted(link.name)
    }
    if (!report.repair) return
    const repaired = await this.repair(id, bytes, links)
    report.repaired += repaired
  }

  /** Copies the key from its master; gives the number of copies that are equal afterwards. */
  private async repair(id: KeyId, bytes: number, links: readonly Link[]): Promise<number> {
    const { doubts } = this.deps.order
    const copied = links.map(
      (link) => new Promise<void>((settled) => doubts.note(link, [id], { settled: () => settled() })),
    )
    await within(Promise.all(copied), REPAIR_TIMEOUT_MS)
    for (let looks = 1; looks < LOOKS_MAX; looks++) {
      const look = await compareKey(this.deps.order, id, bytes)
      if (look.kind === 'seen') return links.filter((link) => !differingLinks(look).includes(link)).length
      await sleep(look.kind === 'unsettled' ? look.lookAgainMs : LOOK_AGAIN_MS)
    }
    return 0
  }

  /** A key on a member that is no replica of it: looked for again, because it may be on its way out. */
  private async settleOrphan(link: Link, db: number, key: Buffer): Promise<boolean> {
    const { report, deps } = this
    for (let looks = 1; looks < LOOKS_MAX && !this.isCancelled(); looks++) {
      await sleep(LOOK_AGAIN_MS)
      if (!this.isOrphan(link, key)) return false
      if (deps.isSweeping(link.name)) continue
      try {
        if (accepted<number>(link, await link.call(['EXISTS', key], db)) === 0) return false
        report.found({ kind: 'orphaned', db, key, member: link.name })
        if (report.repair && (await this.deleteOrphan(link, db, key))) report.repaired++
        return true
      } catch (error) {
        if (!isExpected(error)) throw error
        report.notChecked(1, error.message)
        return false
      }
    }
    if (!this.isCancelled()) report.notChecked(1, `displaced copies are still being deleted from ${link.name}`)
    return false
  }

  /** Whether it is one is looked up in the turn in which its deletion is emitted, as for all displaced copies. */
  private async deleteOrphan(link: Link, db: number, key: Buffer): Promise<boolean> {
    const { order, acknowledged } = this.deps
    for (const deadlineMs = performance.now() + REPAIR_TIMEOUT_MS; ; ) {
      const { view } = order.router
      const isMarked = await within(
        acknowledged().then(() => true),
        deadlineMs - performance.now(),
      )
      if (isMarked !== true) return false
      if (order.router.view === view) break
    }
    if (!this.isOrphan(link, key)) return true
    accepted(link, await link.call(['UNLINK', key], db))
    return true
  }

  private isOrphan(link: Link, key: Buffer): boolean {
    const { router } = this.deps.order
    return router.links.includes(link) && !router.routeOfKey(key, 0, key.length).targets.includes(link)
  }

  /** What fails in it is a mistake of ours, and ends the pass. */
  private background(task: () => Promise<void>): void {
    task().catch((error: Error) => {
      this.failure ??= error
    })
  }
}

async function countCopies(links: readonly Link[]): Promise<number> {
  let copies = 0
  for (const link of links) {
    try {
      for (const { keys } of await databasesOf(link)) copies += keys
    } catch (error) {
      // Its walk will say so.
      if (!isExpected(error)) throw error
    }
  }
  return copies
}

/** Those of the keys that are not on the member, in one question when there are none. */
async function absentOn(link: Link, db: number, keys: readonly Buffer[]): Promise<readonly Buffer[]> {
  try {
    if (accepted<number>(link, await link.call(['EXISTS', ...keys], db)) === keys.length) return []
    const there = await Promise.all(keys.map((key) => link.call(['EXISTS', key], db)))
    return keys.filter((_, i) => there[i] !== 1)
  } catch (error) {
    if (!isExpected(error)) throw error
    // The comparison will say what is the matter.
    return keys
  }
}

function isSame(look: Look): boolean {
  return look.kind === 'seen' && look.states.every((state) => state === 'same')
}

function differingLinks(look: Look): Link[] {
  return look.kind === 'seen' ? look.links.filter((_, i) => look.states[i] !== 'same') : []
}

function reasonOf(look: Look): string {
  if (look.kind === 'away') return `${look.member} cannot be reached`
  return look.kind === 'unsettled' ? look.why : 'another copy differed at each look'
}

function idOf(db: number, key: Buffer): KeyId {
  return keyId(db, key, 0, key.length)
}

/** A server that cannot be asked at the moment. */
function isExpected(error: unknown): error is Error {
  return error instanceof LinkLostError || error instanceof WalkError
}
