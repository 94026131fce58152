import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import { within } from '../base/within.js'
import type { View } from '../view/view.js'
import { decideStart, type FreshStart, newestOf, type Resume, type StartInput } from './decide-start.js'
import { whyNotFit } from './fit.js'
import { type Marks, notedIn, type Owner, type ViewRecord } from './marker.js'
import type { Ownership } from './ownership.js'
import { isNext, judgeOwner, judgeRivals, type OwnerSeen, type Rival } from './rivals.js'
import type { StateFile } from './state-file.js'

/** How often connections of another proxy are looked at. */
const LOOK_AGAIN_MS = 250
/** The same where the owner itself waits to be followed. */
const FOLLOW_MS = 20
/** Terms of one second. */
const TERM_STEP = 2 ** 20
/** A server that does not answer for this long is taken for one that is not there. */
const ANSWER_MS = 3000

export interface StarterDeps {
  readonly ring: StartInput['ring']
  /** Ours. */
  readonly run: string
  readonly links: Links
  readonly ownership: Ownership
  readonly log: Logger
  readonly stateFile: StateFile | undefined
  /** Take the ring from another proxy that is active. */
  readonly takeover: boolean
  /** Wait as long as another proxy is active. */
  readonly standby: boolean
  /** The owner has started this one to be followed by it, and is told that it may stop. */
  readonly ready: ((run: string) => void) | undefined
  readonly acceptEpoch: number | undefined
  /** Every server that the Sentinels know. */
  known(): StartInput['known']
  /** How many of these the Sentinels do not agree to be down. */
  expected(): number
  /** Nothing may be served, for this reason; it is decided anew when something changes. */
  refused(reason: string): void
  /** No other proxy is active, or none any more: this one is about to serve. */
  vacant(): Promise<void>
  /** Another proxy owns the ring. */
  ownedBy(owner: Owner): void
  /** Names that the ring's markers call removed. */
  removedBefore(names: readonly string[]): void
}

/**
 * Makes this process the owner of the ring and says what it begins with [design §8 Start, §9]:
 *
 *     look      is another proxy connected to any member? Then stop here, or stand by, unless it is to be replaced
 *     claim     each server, in the order of the names: kill what earlier runs have there, write our run into its mark
 *     decide    read all markers; again whenever another server answers, until they are enough
 */
export class Starter {
  /** The newest view that was found, before it is decided what to begin with. */
  newest: View | undefined
  private stopped = false
  private wake: (() => void) | undefined
  private lastReason = ''

  constructor(private readonly deps: StarterDeps) {}

  /**
   * Resolves with what to begin with, however long it takes until that can be said.
   *
   * @throws UserError when another proxy is active
   */
  async run(): Promise<FreshStart | Resume> {
    const looked = await (this.deps.standby ? this.standBy() : this.yieldToRivals())
    const { ownership, ring, stateFile } = this.deps
    this.goOnUnlessStopped()
    await this.deps.vacant()
    this.goOnUnlessStopped()
    const records = [...looked.map(({ marker }) => marker), stateFile?.read()]
    this.noteNewest(records)
    const noted = looked.flatMap((marks) => [marks.owner?.term ?? 0, notedIn(marks, ring.id)])
    const owners = [...noted, stateFile?.ownerTerm() ?? 0]
    ownership.begin(laterTerm([...owners, ...records.map((record) => record?.term ?? 0)]))
    stateFile?.claim(ring.id, ownership.term)
    for (;;) {
      await this.claimAll()
      this.goOnUnlessStopped()
      const decision = this.decide()
      if (decision !== undefined) return decision
      await this.change()
    }
  }

  /** A link came up, or the Sentinels say something else. */
  changed(): void {
    this.wake?.()
  }

  stop(): void {
    this.stopped = true
    this.wake?.()
  }

  private goOnUnlessStopped(): void {
    if (this.stopped) throw new Error('stopped before the ring was there')
  }

  private decide(): FreshStart | Resume | undefined {
    const { ring, ownership, log, acceptEpoch } = this.deps
    // Not before: an owner that was there until now may have written to it, or made it, until it lost the members.
    const stateFile = this.deps.stateFile?.claim(ring.id, ownership.term)
    const found = this.ready()
      .map(({ name }) => ownership.servers.get(name))
      .filter((server) => server !== undefined)
    this.noteNewest([...found.map(({ marks }) => marks.marker), stateFile])
    const decision = decideStart({
      ring,
      known: this.deps.known(),
      found,
      refused: ownership.refused,
      stateFile,
      acceptEpoch,
    })
    if (decision.kind !== 'refuse') {
      logDecision(log, decision)
      return decision
    }
    if (decision.reason !== this.lastReason) {
      log.error({ event: 'not-serving' }, `nothing is served yet: ${decision.reason}`)
      this.deps.refused(decision.reason)
    }
    this.lastReason = decision.reason
    return undefined
  }

  /** The newest record says who was removed: what a Sentinel that was away says of them does not count. */
  private noteNewest(records: readonly (ViewRecord | undefined)[]): void {
    const newest = newestOf(records, this.deps.ring.id)
    this.newest = newest?.view
    if (newest !== undefined) this.deps.removedBefore(newest.removed)
  }

  /**
   * Waits until it is clear that no other proxy is active, and gives the marks that were found.
   *
   * @throws UserError when one is, and was not to be replaced
   */
  private async yieldToRivals(): Promise<Marks[]> {
    const { takeover, log, ring } = this.deps
    for (const startedAtMs = performance.now(); ; await sleep(LOOK_AGAIN_MS)) {
      this.goOnUnlessStopped()
      const looks = await this.lookAround()
      const older = looks.flatMap(({ link, rivals }) =>
        rivals.filter(({ id }) => id < (link.info?.clientId ?? 0)).map((rival) => ({ ...rival, link })),
      )
      const [first] = [...older].sort((a, b) => a.idleSeconds - b.idleSeconds)
      if (first === undefined) return looks.map(({ marks }) => marks)
      const { address, run, link } = first
      const where = looks.find(({ marks }) => marks.owner?.run === run)?.marks.owner?.where
      const who = `run ${run}${where === undefined ? '' : `, ${where}`}, connected to ${link.name} from ${address}`
      const verdict = takeover ? 'go on' : judgeRivals(older, performance.now() - startedAtMs)
      if (verdict === 'go on') {
        log.warn(
          { event: 'takeover', run, address },
          `${takeover ? 'taking over from' : 'going on in place of'} another proxy: ${who}`,
        )
        return looks.map(({ marks }) => marks)
      }
      if (verdict === 'yield') {
        throw new UserError(
          `another proxy serves the ring ${ring.id}: ${who}; stop it first, or take over with --takeover`,
        )
      }
    }
  }

  /**
   * Waits until nothing is seen of the owner any more, and gives the marks that were found. The owner that is to be followed is told
   * when it can be: it has been seen where we look, and the ring can go on with our settings.
   *
   * @throws UserError when it cannot
   */
  private async standBy(): Promise<Marks[]> {
    const { log, expected, ready, ring, run, stateFile } = this.deps
    const pauseMs = () => (ready === undefined ? LOOK_AGAIN_MS + randomInt(LOOK_AGAIN_MS) : FOLLOW_MS)
    let isTold = false
    let vacantAtMs: number | undefined
    for (let seenAtMs = performance.now(); ; await sleep(pauseMs())) {
      if (this.stopped) throw new Error('stopped while it stood by')
      const looks = await this.lookAround()
      const owners = looks.flatMap(({ marks }) => marks.owner ?? [])
      const owner = owners.reduce<Owner | undefined>((a, b) => (a !== undefined && a.term >= b.term ? a : b), undefined)
      if (owner !== undefined) this.deps.ownedBy(owner)
      const ofOwner = owners.filter((each) => each.run === owner?.run)
      const successor = ofOwner.find((each) => each.successor !== undefined)?.successor
      const rivals = looks.flatMap((look) => look.rivals)
      const connections = rivals.filter((each) => each.run === owner?.run || each.run === successor)
      const isLeftToOther = successor !== undefined && successor !== run
      const clean = owner !== undefined && ofOwner.every((each) => each.clean) && !isLeftToOther
      const seen: OwnerSeen = { expected: expected(), answered: looks.length, connections, clean }
      if (connections.length > 0) seenAtMs = performance.now()
      if (judgeOwner(seen, performance.now() - seenAtMs) === 'go on') {
        vacantAtMs ??= performance.now()
        const others = rivals.filter((each) => !connections.includes(each))
        if (ready === undefined && !isNext(others, run, performance.now() - vacantAtMs)) continue
        if (ready !== undefined && !isTold) {
          throw new UserError(`the proxy that is to be followed is not seen on the servers of the ring ${ring.id}`)
        }
        if (owner !== undefined)
          log.warn({ event: 'goes-on-after', run: owner.run }, `going on in place of run ${owner.run}, ${owner.where}`)
        return looks.map(({ marks }) => marks)
      }
      vacantAtMs = undefined
      this.tellOnce(`it stands by: ${whoServes(seen, owner)}`)
      if (!isTold && connections.length > 0 && looks.length >= seen.expected) {
        const newest = newestOf([...looks.map(({ marks }) => marks.marker), stateFile?.read()], ring.id)
        const misfit = ready && newest && whyNotFit(newest.view, ring)
        if (misfit !== undefined) throw new UserError(misfit)
        isTold = true
        ready?.(run)
      }
    }
  }

  private tellOnce(reason: string): void {
    if (reason !== this.lastReason) {
      this.deps.log.info({ event: 'start-explained' }, reason)
      this.deps.refused(reason)
    }
    this.lastReason = reason
  }

  private async lookAround(): Promise<{ link: Link; rivals: Rival[]; marks: Marks }[]> {
    const looks = await Promise.all(
      this.ready().map(async (link) => {
        const found = await this.ask(link, () =>
          this.deps.ownership.look((args) => link.call(args), link.info!.clientId),
        )
        return found === undefined ? [] : [{ link, ...found }]
      }),
    )
    return looks.flat()
  }

  /** In the order of the names, so that of two that do this at once one meets the other. */
  private async claimAll(): Promise<void> {
    const { ownership } = this.deps
    for (;;) {
      const next = this.ready().find(({ name }) => !ownership.servers.has(name))
      if (next === undefined || this.stopped) return
      await this.ask(next, () => ownership.claim(next.name, next.info!, (args) => next.call(args)))
    }
  }

  /** What a server answers; undefined, and the link made anew, when it does not, or may not be used. */
  private async ask<T>(link: Link, question: () => Promise<T>): Promise<T | undefined> {
    let failure = `it did not answer within ${ANSWER_MS} ms`
    let answer: { readonly value: T } | undefined
    try {
      answer = await within(
        question().then((value) => ({ value })),
        ANSWER_MS,
      )
    } catch (error) {
      failure = (error as Error).message
    }
    if (answer === undefined) link.reset(failure)
    return answer?.value
  }

  private ready(): Link[] {
    return this.deps.links
      .all()
      .filter(({ ready }) => ready)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}

/**
 * Later than all others, also than those of a ring that the members of this one know nothing of any more. Two that start
 * in the same second have different ones, as two views of one term come from one owner: its last bits are thrown.
 */
function laterTerm(terms: readonly number[]): number {
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...terms.map((term) => Math.floor(term / TERM_STEP) + 1))
  return seconds * TERM_STEP + randomInt(TERM_STEP)
}

function whoServes({ expected, answered, connections }: OwnerSeen, owner: Owner | undefined): string {
  if (answered * 2 <= expected)
    return `only ${answered} of ${expected} servers answer that the Sentinels know and do not call down`
  const who = `run ${owner?.run}, ${owner?.where},`
  if (connections.some(({ run }) => run === owner?.run)) return `${who} serves the ring`
  if (connections.length > 0) return `${who} has left the ring to run ${connections[0].run}`
  return 'nobody serves the ring at this moment'
}

function logDecision(log: Logger, decision: FreshStart | Resume): void {
  const { epoch, members } = decision.view
  const names = members.map(({ name }) => name).join(' ')
  if (decision.kind === 'fresh') {
    log.info({ event: 'ring-begins', epoch }, `a new ring begins: ${names}`)
    return
  }
  const { unclean, restarted, lessened, waiting } = decision
  log.info({ event: 'ring-goes-on', epoch }, `the ring goes on where it stopped: ${names}`)
  if (unclean)
    log.warn(
      { event: 'unclean-stop' },
      'the last proxy did not stop in order: replicas may differ in what was being written',
    )
  if (restarted.length > 0)
    log.warn(
      { event: 'members-restarted' },
      `restarted since then, and filled anew where others have kept the data: ${restarted.join(' ')}`,
    )
  if (lessened.length > 0)
    log.warn(
      { event: 'members-lessened' },
      `came back with older data than they had, which is served because nobody has newer: ${lessened.join(' ')}; what was written last is lost`,
    )
  if (waiting.length > 0)
    log.warn({ event: 'ranges-wait' }, `${waiting.length} ranges wait until somebody who has their data is there`)
}
