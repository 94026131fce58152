import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { within } from '../base/within.js'
import { isError, type Reply } from '../resp/encode.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'
import { writeMarker, writeOwner } from './marker.js'
import type { StateFile } from './state-file.js'

const HEARTBEAT_MS = 1000
/** How long the members may take to note that we stop. */
const CLOSE_MS = 3000

export interface MarkersDeps {
  readonly ringId: string
  /** Our run, and where it runs. */
  readonly run: string
  readonly where: string
  readonly links: Links
  readonly views: ViewStore
  readonly log: Logger
  readonly stateFile: StateFile | undefined
  /** Names that were removed: they are noted with every view. */
  removed(): readonly string[]
}

/** What was written to a member over one connection. */
interface Noted {
  readonly link: Link
  readonly clientId: number
  /** Epoch of the marker that was emitted last, and of the one that was answered last. */
  sent: number
  answered: number
  /** A heartbeat is under way. */
  beating: boolean
}

/**
 * Writes the marker of every view to all its members as soon as it is published, and counts heartbeats on them
 * [design §8 Views and markers]. A view is *acknowledged* when all its members that are there have answered its marker,
 * and the state file has it: from then on every start that may serve at all finds it, or a later one.
 */
export class Markers {
  private term = 0
  private heartbeat = 0
  private acknowledgedEpoch = 0
  private readonly noted = new Map<string, Noted>()
  /** The last heartbeat that each member has answered. */
  private readonly beats = new Map<string, number>()
  private readonly listeners = new Set<(epoch: number) => void>()
  private timer: NodeJS.Timeout | undefined
  private unsubscribe: (() => void) | undefined

  constructor(private readonly deps: MarkersDeps) {}

  /** From the next view on markers are written, by the owner of this term. `heartbeat` is the highest that was found. */
  begin(term: number, heartbeat: number): void {
    this.term = term
    this.heartbeat = heartbeat + 1
    this.unsubscribe = this.deps.views.onChange((view) => this.viewChanged(view))
    this.timer = setInterval(() => this.beat(), HEARTBEAT_MS)
  }

  /** The latest epoch whose marker has been answered by all members: writes of later views must not be acknowledged yet. */
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

  /** The last heartbeat that a member has answered, or 0: a server that comes back with an earlier one has lost writes. */
  lastHeartbeat(name: string): number {
    return this.beats.get(name) ?? 0
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
    this.deps.log.warn({ member: name }, `${name} has no marker any more (FUNCTION FLUSH?): it is written again`)
    noted.sent = 0
    this.mark(name)
  }

  /** Writes no more. */
  stop(): void {
    clearInterval(this.timer)
    this.unsubscribe?.()
  }

  /**
   * The last mark of an orderly stop: every replica has every write that it was sent, and there is nothing in doubt. To
   * be called when that is so and nothing will be emitted any more; resolves when the members have answered, or too late.
   */
  async close(): Promise<void> {
    this.stop()
    this.heartbeat++
    const marks = [...this.noted.values()].map(async ({ link }) => {
      if (this.isAnswered(link.name)) await link.call(this.owner(true))
    })
    await within(Promise.allSettled(marks), CLOSE_MS)
  }

  private viewChanged(view: View): void {
    const { stateFile, ringId } = this.deps
    for (const name of this.noted.keys()) {
      if (!view.members.some((member) => member.name === name)) this.noted.delete(name)
    }
    for (const { name } of view.members) this.mark(name)
    if (stateFile !== undefined) {
      const record = { ringId, term: this.term, view, removed: this.deps.removed() }
      void stateFile.save(record).then(() => this.settle())
    }
    this.settle()
  }

  /** Writes the marker of the present view to a member, unless it is on its way there. */
  private mark(name: string): void {
    const { ringId, views, links, removed } = this.deps
    const view = views.current
    const link = links.get(name)
    if (link === undefined || !link.ready || link.info === undefined || this.term === 0) return
    const { clientId, runId } = link.info
    let noted = this.noted.get(name)
    const isFirst = noted === undefined || noted.link !== link || noted.clientId !== clientId
    if (noted === undefined || isFirst) this.noted.set(name, (noted = newNote(link, clientId)))
    if (noted.sent >= view.epoch) return
    noted.sent = view.epoch
    const marker = { ringId, term: this.term, member: name, runId, view, removed: removed() }
    void this.write(noted, writeMarker(marker), () => {
      noted.answered = Math.max(noted.answered, view.epoch)
      this.settle()
    })
    // Behind the marker: heartbeats tell how new the data are of which the marker speaks.
    if (isFirst) this.beatOn(noted)
  }

  private beat(): void {
    this.heartbeat++
    for (const { name } of this.deps.views.current.members) {
      this.mark(name)
      const noted = this.noted.get(name)
      if (noted !== undefined && this.isAnswered(name) && !noted.beating) this.beatOn(noted)
    }
  }

  private beatOn(noted: Noted): void {
    const { heartbeat } = this
    noted.beating = true
    void this.write(noted, this.owner(false), () => this.beats.set(noted.link.name, heartbeat)).then(() => {
      noted.beating = false
    })
  }

  /** A refused mark is written again with a later heartbeat; a member that cannot take it holds back acknowledgements. */
  private async write(noted: Noted, command: readonly string[], done: () => void): Promise<void> {
    const { name } = noted.link
    let reply: Reply
    try {
      reply = await noted.link.call(command)
    } catch {
      return // The link broke: everything is written anew when it is up again.
    }
    if (!isError(reply)) {
      done()
      return
    }
    this.deps.log.warn({ member: name, reason: reply.message }, `${name} does not take its marker: it is tried again`)
    noted.sent = noted.answered
  }

  /** Whether a marker of ours has been answered on the present connection of a member. */
  private isAnswered(name: string): boolean {
    const noted = this.noted.get(name)
    return noted !== undefined && noted.answered > 0 && noted.link.ready && noted.link.info?.clientId === noted.clientId
  }

  private settle(): void {
    const { views, stateFile } = this.deps
    const { epoch, members } = views.current
    if (this.acknowledgedEpoch >= epoch) return
    if (stateFile !== undefined && stateFile.savedEpoch < epoch) return
    // Who is gone cannot answer, and is not a member in the sense that matters: its data is waited for.
    const answered = ({ name, state }: View['members'][number]) =>
      state === 'gone' || (this.noted.get(name)?.answered ?? 0) >= epoch
    if (!members.every(answered)) return
    this.acknowledgedEpoch = epoch
    for (const listener of [...this.listeners]) listener(epoch)
  }

  private owner(clean: boolean): string[] {
    const { ringId, run, where } = this.deps
    return writeOwner({ ringId, run, term: this.term, where, heartbeat: this.heartbeat, clean })
  }
}

function newNote(link: Link, clientId: number): Noted {
  return { link, clientId, sent: 0, answered: 0, beating: false }
}
