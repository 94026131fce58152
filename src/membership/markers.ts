import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { within } from '../base/within.js'
import { isError, type Reply } from '../resp/encode.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'
import { type Council, councilOf, type Missing, missingToNote } from './council.js'
import { explainUnnoted } from './explain-start.js'
import { NOTHING_TAKEN, type Taken } from './heartbeats.js'
import { Predecessor } from './lease.js'
import { type Owner, stampOf, type ViewRecord, writeGeneration, writeMarker, writeOwner } from './marker.js'
import { type Noted, newNote } from './noted.js'
import type { Origin } from './origin.js'
import { isStray, type Stamp } from './provenance.js'
import type { StateFile } from './state-file.js'
import { Tenure, type TenureDeps } from './tenure.js'

const HEARTBEAT_MS = 1000
/** A view that has not been acknowledged after so many heartbeats is a matter for the operator. */
const UNNOTED_BEATS = 3
/** How long the members may take to note that we stop. */
const CLOSE_MS = 3000

export interface MarkersDeps extends Pick<TenureDeps, 'isFollowed' | 'cutOff' | 'doubted'> {
  readonly ringId: string
  /** Our run, and where it runs. */
  readonly run: string
  readonly where: string
  readonly links: Links
  readonly views: ViewStore
  readonly log: Logger
  readonly stateFile: StateFile | undefined
  /** When too few know of a view for that: whether it is acknowledged all the same, once all its members have it. */
  readonly unguarded: boolean
  /** Where other proxies reach this one, and how. */
  peer(): Pick<Owner, 'peer' | 'peerTls'>
  /** Names that were removed: they are noted with every view. */
  removed(): readonly string[]
}

/**
 * Writes the marker of every view to all its members as soon as it is published, and counts heartbeats on them
 * [design §8 Views and markers]. A view is *acknowledged* when enough members have answered its marker and the state file
 * has it [design §12]: from then on every start that may serve at all finds it, or a later one. Nobody waits for a member
 * that is silent, or refuses its marker: what it is sent stands behind the marker on its link.
 */
export class Markers {
  private origin: Origin | undefined
  private before: readonly Council[] = []
  private heartbeat = 0
  private successor: string | undefined
  private acknowledgedEpoch = 0
  private lastAcknowledged: Stamp | undefined
  /** Heartbeats since the latest view that was acknowledged has not been the present one. */
  private unnotedBeats = 0
  private readonly noted = new Map<string, Noted>()
  private readonly tenure: Tenure
  private predecessor: Predecessor | undefined
  /** What each member has answered. */
  private readonly taken = new Map<string, Taken>()
  private readonly listeners = new Set<(epoch: number) => void>()
  private timer: NodeJS.Timeout | undefined
  private readonly unsubscribe: () => void

  /**
   * To be made before whoever emits what has waited for a view, since views are heard of in that order: the marker comes first on
   * each link, so that no server has data of the ring and nothing that says whose it is.
   */
  constructor(private readonly deps: MarkersDeps) {
    this.tenure = new Tenure({
      ...deps,
      councils: () => this.before,
      file: () => this.origin?.file?.id,
      ask: () => this.beat(),
    })
    this.unsubscribe = deps.views.onChange((view) => this.viewChanged(view))
  }

  /** From the next view on markers are written. */
  begin(origin: Origin): void {
    this.origin = origin
    this.before = origin.before
    this.heartbeat = origin.heartbeat + 1
    for (const [name, heartbeat] of origin.answered) this.noteTaken(name, { heartbeat })
    this.timer = setInterval(() => this.beat(), HEARTBEAT_MS)
    this.tenure.begin()
    if (origin.mayHaveOwner && !this.deps.unguarded) this.predecessor = new Predecessor(() => this.settle())
  }

  /** From now on it is noted who goes on when this run ends, '' if nobody knows his run. @returns whether there is somebody */
  passTo(successor: string | undefined): boolean {
    this.successor = successor || undefined
    return successor !== undefined
  }

  /** The latest epoch that was acknowledged: writes of later views must not be yet. */
  acknowledged(): number {
    return this.acknowledgedEpoch
  }

  /** Calls `listener` with every epoch that is acknowledged from now on, until the returned function is called. */
  onAcknowledged(listener: (epoch: number) => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** What a member has answered: a server that comes back with less of it has lost writes. */
  lastTaken(name: string): Taken {
    return this.taken.get(name) ?? NOTHING_TAKEN
  }

  /** Who does not take the marker of the present view, or no mark at all, by name, and why. */
  refusals(): Map<string, string> {
    const { epoch } = this.deps.views.current
    const refusals = new Map<string, string>()
    for (const [name, { link, clientId, answered, refusal, beatRefusal }] of this.noted) {
      const isPresent = link.ready && link.info?.clientId === clientId
      const reason = (answered < epoch ? refusal : undefined) ?? beatRefusal
      if (isPresent && reason !== undefined) refusals.set(name, reason)
    }
    return refusals
  }

  /** Resolves when the present view, or a later one, is acknowledged. */
  whenAcknowledged(): Promise<void> {
    const { epoch } = this.deps.views.current
    if (this.acknowledgedEpoch >= epoch) return Promise.resolve()
    return new Promise((resolve) => {
      const leave = this.onAcknowledged((acknowledged) => {
        if (acknowledged < epoch) return
        leave()
        resolve()
      })
    })
  }

  /** Whether that comes within `timeoutMs`. */
  async acknowledgedWithin(timeoutMs: number): Promise<boolean> {
    const isNoted = this.whenAcknowledged().then(() => true)
    return (await within(isNoted, timeoutMs)) === true
  }

  /**
   * The link of a member is up again. If its server restarted, the view in which its data does not count any more has to
   * be published before: the marker says that it holds what the view says.
   */
  linkUp(link: Link): void {
    if (this.deps.views.current.members.some(({ name }) => name === link.name)) this.mark(link.name)
  }

  /** Somebody has removed the marker of a member: it is written again. */
  writeAgain(name: string): void {
    const noted = this.noted.get(name)
    // One that is on its way need not be written twice.
    if (noted === undefined || noted.answered < noted.sent) return
    this.deps.log.warn(
      { event: 'marker-missing', member: name },
      `${name} has no marker any more (FUNCTION FLUSH?): it is written again`,
    )
    noted.sent = 0
    const { ringId, run } = this.deps
    void this.write(noted, writeGeneration(ringId, { number: this.origin!.term, runs: [run] }))
    this.mark(name)
  }

  /** Whether a view may have been acknowledged, and the present one does not come from it. */
  isStray(record: ViewRecord): boolean {
    return isStray(stampOf(record), record.provenance.unguarded, this.origin?.starts ?? [])
  }

  /** Writes no more. */
  stop(): void {
    clearInterval(this.timer)
    this.predecessor?.forget()
    this.tenure.stop()
    this.unsubscribe()
  }

  /**
   * The last mark of an orderly stop: every replica has every write that it was sent, and there is nothing in doubt. To
   * be called when that is so and nothing will be emitted any more; resolves when the members have answered, or too late.
   * It says what was acknowledged, too: a view that is just being noted would ask the next start for all before it.
   */
  async close(): Promise<void> {
    await within(this.whenAcknowledged(), CLOSE_MS)
    this.stop()
    this.heartbeat++
    const mark = this.owner(true)
    const marks = [...this.noted.values()].map(async ({ link }) => {
      if (this.isAnswered(link.name)) await link.call(mark)
    })
    await within(Promise.allSettled(marks), CLOSE_MS)
  }

  private viewChanged(view: View): void {
    if (this.origin === undefined) return
    const { stateFile } = this.deps
    if (this.before.length === 0) this.before = [councilOf(view, this.origin.file?.id)]
    const names = this.toBeTold(view)
    for (const name of this.noted.keys()) if (!names.has(name)) this.noted.delete(name)
    for (const name of names) this.mark(name)
    if (stateFile !== undefined) {
      void stateFile.save({ ...this.record(view), answered: this.answered() }).then(() => this.settle())
    }
    this.settle()
  }

  /** The members of a view, and those of the councils before it: where they are still there their word counts as well. */
  private toBeTold({ members }: View): Set<string> {
    return new Set([...members.map(({ name }) => name), ...this.before.flatMap((council) => council.members)])
  }

  /** Writes the marker of the present view to a member, unless it is on its way there. */
  private mark(name: string): void {
    const { views, links } = this.deps
    const view = views.current
    const link = links.get(name)
    if (link === undefined || !link.ready || link.info === undefined || this.origin === undefined) return
    const { clientId, runId } = link.info
    let noted = this.noted.get(name)
    const isFirst = noted === undefined || noted.link !== link || noted.clientId !== clientId
    if (noted === undefined || isFirst) this.noted.set(name, (noted = newNote(link, clientId)))
    if (noted.sent >= view.epoch) return
    noted.sent = view.epoch
    void this.write(noted, writeMarker({ ...this.record(view), member: name, runId })).then((answer) => {
      if (answer === undefined) return
      noted.refusal = answer.refusal
      if (answer.refusal !== undefined) {
        // What is written behind it may be acknowledged all the same.
        this.noteTaken(name, { epoch: 1 })
        return
      }
      noted.answered = Math.max(noted.answered, view.epoch)
      this.noteTaken(name, { epoch: view.epoch })
      this.settle()
    })
    // Behind the marker: heartbeats tell how new the data are of which the marker speaks.
    if (isFirst) this.beatOn(noted, this.owner(false))
  }

  private beat(): void {
    this.heartbeat++
    void this.deps.stateFile?.beat()?.then(() => this.settle())
    const mark = this.owner(false)
    for (const name of this.toBeTold(this.deps.views.current)) {
      this.mark(name)
      const noted = this.noted.get(name)
      if (noted !== undefined && this.isAnswered(name) && !noted.beating) this.beatOn(noted, mark)
    }
    this.explainUnnoted()
  }

  /** Nothing is acknowledged, though all may seem well: it is said whose word is missing, and what can be done. */
  private explainUnnoted(): void {
    const { views, log } = this.deps
    const view = views.current
    const missing = this.acknowledgedEpoch < view.epoch ? this.missing(view) : undefined
    this.unnotedBeats = missing === undefined ? 0 : this.unnotedBeats + 1
    if (missing === undefined || this.unnotedBeats !== UNNOTED_BEATS) return
    log.error(
      { event: 'view-not-noted', epoch: view.epoch, missing: missing.members },
      explainUnnoted(missing, view.epoch),
    )
  }

  /** @param mark the owner, with the present heartbeat: the same for all members */
  private beatOn(noted: Noted, mark: string[]): void {
    const { heartbeat } = this
    const { name } = noted.link
    const sentMs = performance.now()
    noted.beating = true
    void this.write(noted, mark).then((answer) => {
      noted.beating = false
      if (answer === undefined) return
      this.tenure.heard(name, sentMs)
      noted.beatRefusal = answer.refusal?.startsWith('OOM ') === true ? undefined : answer.refusal
      if (answer.refusal === undefined) this.noteTaken(name, { heartbeat })
    })
  }

  private noteTaken(name: string, { heartbeat = 0, epoch = 0 }: Partial<Taken>): void {
    const before = this.lastTaken(name)
    this.taken.set(name, {
      heartbeat: Math.max(before.heartbeat, heartbeat),
      epoch: Math.max(before.epoch, epoch),
    })
  }

  /**
   * A refused mark is written again with a later heartbeat. Undefined when the link broke: everything is written anew when
   * it is up again.
   */
  private async write(noted: Noted, command: readonly string[]): Promise<{ refusal: string | undefined } | undefined> {
    const { name } = noted.link
    let reply: Reply
    try {
      reply = await noted.link.call(command)
    } catch {
      return undefined
    }
    if (!isError(reply)) {
      noted.told = undefined
      return { refusal: undefined }
    }
    // Once: it is tried again every second, and may be refused for hours.
    if (noted.told !== reply.message) {
      this.deps.log.warn(
        { event: 'marker-refused', member: name, reason: reply.message },
        `${name} does not take its marker: it is tried again`,
      )
    }
    noted.told = reply.message
    noted.sent = noted.answered
    return { refusal: reply.message }
  }

  /** Whether a marker of ours has been answered on the present connection of a member. */
  private isAnswered(name: string): boolean {
    const noted = this.noted.get(name)
    return noted !== undefined && noted.answered > 0 && noted.link.ready && noted.link.info?.clientId === noted.clientId
  }

  private settle(): void {
    const { views } = this.deps
    const view = views.current
    if (this.origin === undefined || this.acknowledgedEpoch >= view.epoch || !this.isKnown(view)) return
    const { term, file } = this.origin
    this.acknowledgedEpoch = view.epoch
    this.lastAcknowledged = { term, epoch: view.epoch }
    this.before = [councilOf(view, file?.id)]
    this.tenure.look()
    this.predecessor?.forget()
    this.predecessor = undefined
    for (const listener of [...this.listeners]) listener(view.epoch)
  }

  /** Whether every start that may serve finds this view. Our own never finds an older one. */
  private isKnown(view: View): boolean {
    const { stateFile, unguarded } = this.deps
    if (stateFile !== undefined && stateFile.savedEpoch < view.epoch) return false
    if (this.missing(view) === undefined) return this.predecessor?.hasEnded(this.isOnAll(view)) ?? true
    return unguarded && view.members.every(({ name, state }) => state === 'gone' || this.has(name, view))
  }

  /** Whether there is no member that another owner could still reach, and that would keep others from noting a view. */
  private isOnAll(view: View): boolean {
    return this.before.every(({ members, file }) => file !== undefined || members.every((name) => this.has(name, view)))
  }

  private missing(view: View): Missing | undefined {
    return missingToNote(this.before, { file: this.origin?.file?.id, has: (name) => this.has(name, view) })
  }

  private has(name: string, { epoch }: View): boolean {
    return (this.noted.get(name)?.answered ?? 0) >= epoch
  }

  private record(view: View): ViewRecord {
    const { ringId, unguarded, removed } = this.deps
    const { term, file, starts } = this.origin!
    const provenance = { file, before: this.before, starts, unguarded }
    return { ringId, term, view, removed: removed(), provenance }
  }

  private owner(clean: boolean): string[] {
    const { ringId, run, where } = this.deps
    const { heartbeat, successor, lastAcknowledged: acknowledged } = this
    const { term } = this.origin!
    return writeOwner({
      ringId,
      run,
      term,
      where,
      heartbeat,
      clean,
      successor,
      ...this.deps.peer(),
      acknowledged,
      answered: this.answered(),
    })
  }

  private answered(): Map<string, number> {
    const names = [...this.toBeTold(this.deps.views.current)]
    return new Map(names.map((name) => [name, this.lastTaken(name).heartbeat]))
  }
}
