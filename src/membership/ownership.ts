import { type Call, HandshakeError, inOrder } from '../backend/call.js'
import { MARKS_QUERY, type ServerInfo } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { ServerKind } from '../backend/server-kind.js'
import { makeFit } from '../backend/server-settings.js'
import type { Logger } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import { textOf } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import { isAloneWith, isLastHolder, isMember } from '../view/holders.js'
import type { View } from '../view/view.js'
import { endConnections } from './end-connections.js'
import { fenceStep, followerIn } from './fence.js'
import type { Generation } from './generation.js'
import {
  cameBackWithLess,
  type FoundServer,
  howToEmpty,
  isStart,
  LAST_HOLDER,
  type OtherServer,
  type Refusal,
  refusalOf,
  STRAY,
  strayFound,
  tooFewDatabases,
  tooOld,
} from './guard.js'
import { isBehind, type Taken } from './heartbeats.js'
import {
  decodeMarks,
  forgetEarlier,
  type Marker,
  type Marks,
  notedIn,
  type Owner,
  writeGeneration,
  writeOwner,
} from './marker.js'
import { othersIn, type ProxyConnection, type Rival } from './rivals.js'
import { StillOurs } from './still-ours.js'

/** So often it is looked again before we give up on a server for this handshake: somebody may connect again and again. */
const CLAIMS_MAX = 20

export interface OwnershipDeps {
  readonly ringId: string
  /** Our run. */
  readonly run: string
  /** Where we run, for people who read it on a member. */
  readonly where: string
  /** Where and how other proxies reach us. */
  peer(): Pick<Owner, 'peer' | 'peerTls'>
  /** At the start servers that hold what does not belong to the ring are emptied. */
  readonly wipe: boolean
  readonly turn: Turn
  readonly log: Logger
  links(): Links
  /** The newest view that is known. */
  view(): View
  /** Whether that is in use: then a server of it that comes back is one that clients have written to. */
  serving(): boolean
  /** What a server has answered of what was noted on it. */
  lastTaken(name: string): Taken
  /** Whether the ring has gone on without a view that may have been acknowledged. */
  isStray(marker: Marker): boolean
  /** Which servers are refused has changed. */
  refusedChanged(): void
  /** Another proxy has taken over, or what is served is not the latest. Nothing leaves this process any more. */
  deposed(reason: string): void
}

/**
 * Whose the members are [design §9]. As long as we look around, links come up and nothing is written. From `begin` on
 * every handshake makes its server ours before anything is emitted on the link: our run is written into the server's mark, and
 * our generation, which is our term, is noted there for good; and every other connection of proxies is killed there, earlier ones
 * of our own as well (see `fenceStep`).
 *
 *     looking ──begin──> owner ──────────────────────> deposed: a server has an owner with a later term, or had one
 *                         │  ^                            ^
 *                         │  └── every link: still ours   │
 *                         └── stalled: nothing leaves ────┘
 */
export class Ownership {
  /** What each server was found to be when it became ours; with the marks that the owner before had left. */
  readonly servers = new Map<string, FoundServer>()
  /** Servers that are not used, and why. */
  readonly refused = new Map<string, string>()
  term = 0
  private readonly sinceMs = performance.now()
  private phase: 'looking' | 'owner' | 'deposed' = 'looking'
  /** The process that each server was at its last handshake. */
  private readonly processes = new Map<string, string>()
  /** Servers that did not have our own mark when their link came up, or an earlier one, or one from before a restart. */
  private readonly strange = new Set<string>()
  /** Those of them that came back without all that was written to them. */
  private readonly lessened = new Set<string>()
  /** Servers with a stray view that the operator knows of. */
  private readonly strays = new Set<string>()
  private readonly stillOurs: StillOurs

  constructor(private readonly deps: OwnershipDeps) {
    this.stillOurs = new StillOurs({
      turn: deps.turn,
      members: () => deps.view().members.length,
      ask: (link, isCurrent) => this.askOwner(link, isCurrent),
    })
  }

  /** From now on every server is claimed. */
  begin(term: number): void {
    this.phase = 'owner'
    this.term = term
  }

  /** The operator has accepted that the ring goes on without what these servers have. */
  refuseStrays(names: readonly string[]): void {
    for (const name of names) {
      this.strays.add(name)
      this.servers.delete(name)
      this.noteRefusal(name, STRAY.reason)
    }
  }

  /** No Sentinel monitors it any more: whether it could be used does not matter. */
  forget(name: string): void {
    if (this.refused.delete(name)) this.deps.refusedChanged()
  }

  /** The last step of a handshake. */
  async admit(name: string, info: ServerInfo, call: Call): Promise<void> {
    if (this.phase === 'looking') return
    if (this.phase === 'deposed') throw new HandshakeError('another proxy has taken over')
    const marks = decodeMarks(info.marks)
    const { marker, owner } = marks
    const isMarked = owner?.run === this.deps.run && marker?.member === name && marker.runId === info.runId
    const isOurs = isMarked && !isBehind(marks, this.deps.lastTaken(name))
    await this.claim(name, info, call)
    if (isOurs) this.strange.delete(name)
    else this.strange.add(name)
  }

  /**
   * Whether a member's server came back as something else than what we last wrote to: it restarted, was set back, or was
   * not there when we became its owner. What it holds may be old, or nothing.
   */
  isStrange(name: string): boolean {
    return this.strange.has(name)
  }

  /**
   * To be asked when the link of a strange server is up: holders of a range that came back in the same moment did not know
   * of each other when they were claimed. Gives the reason when it is refused after all.
   */
  refuseLate(name: string): string | undefined {
    if (!this.lessened.has(name) || !isLastHolder(this.deps.view(), name)) return undefined
    this.servers.delete(name)
    this.noteRefusal(name, LAST_HOLDER.reason)
    return LAST_HOLDER.reason
  }

  /** Who is connected to a server beside the connection that asks, and then what is noted on it: see `FenceLook`. */
  async look(call: Call, clientId: number): Promise<{ others: ProxyConnection[]; rivals: Rival[]; marks: Marks }> {
    const [clients, libraries] = await inOrder(call, [['CLIENT', 'LIST'], MARKS_QUERY])
    const others = othersIn(textOf(clients) ?? '', this.deps.ringId, clientId)
    return { others, rivals: others.filter(({ run }) => run !== this.deps.run), marks: decodeMarks(libraries) }
  }

  /**
   * Makes a server ours, and fit for its place.
   *
   * @throws HandshakeError when it may not be a member, cannot be written to, or belongs to a later owner
   */
  async claim(name: string, info: ServerInfo, call: Call): Promise<void> {
    this.processes.set(name, info.runId)
    let { keys } = info
    for (let attempt = 0; attempt < CLAIMS_MAX; attempt++) {
      const { others, marks } = await this.look(call, info.clientId)
      const server: FoundServer = { name, runId: info.runId, keys, marks }
      // A process that was ours and has lost its marks is ours for all that; or has another member's, whose replica it was.
      const isOwn = marks.marker?.ringId !== this.deps.ringId || marks.marker.runId === info.runId
      const wasOurs = this.servers.get(name)?.runId === info.runId && !(marks.marker !== undefined && isOwn)
      const judged = wasOurs ? { ...server, keys: 0, marks: { ...marks, marker: undefined } } : server
      const refusal = this.refusalOf(judged, info)
      const hasToTakeMarks = attempt === 0 && !isMember(this.deps.view(), name)
      const found = { others, owner: marks.owner, noted: this.noted(marks), refusal, hasToTakeMarks }
      const step = fenceStep(found, { run: this.deps.run, term: this.term }, this.generation())
      switch (step.kind) {
        case 'done':
          for (const warning of (await makeFit(call, info.kind, info.settings)).warnings) {
            this.deps.log.warn({ event: 'member-warning', member: name }, `${name}: ${warning}`)
          }
          this.admitted(server)
          return
        case 'deposed':
          this.depose(name, marks)
          throw new HandshakeError('another proxy has taken over')
        case 'refuse':
          // Nobody has taken it over, for all that: who waits for its word after a pause has it.
          if (!this.isTakenOver(marks)) this.stillOurs.confirm(name)
          await this.refuse(name, step.refusal, call)
          keys = 0
          break
        case 'kill':
          await endConnections(this.deps, name, step.connections, call)
          break
        case 'write marks':
          await endConnections(this.deps, name, step.kill, call, this.marksOver(marks.owner))
          // Another one may have done so in the meantime.
          await Promise.all(forgetEarlier(marks, this.term).map((command) => call(command)))
      }
    }
    throw new HandshakeError('other connections of proxies come to it again and again')
  }

  /** This process has not run for `ms`: nothing leaves it before every link's server has said that it is still ours. */
  stalled(ms: number): void {
    if (this.phase !== 'owner') return
    const all = this.deps.links().all()
    this.deps.log.warn(
      { event: 'proxy-stalled', stallMs: ms },
      `this process did not run for ${ms} ms: it asks whether it is still the owner`,
    )
    this.stillOurs.ask(all.filter(({ ready }) => ready))
  }

  /** Who is no member any more, or is gone, need not confirm anything: its next handshake will tell. */
  viewChanged({ members }: View): void {
    this.stillOurs.excuse((name) => !members.some((member) => member.name === name && member.state !== 'gone'))
  }

  stop(): void {
    this.stillOurs.stop()
  }

  private async askOwner(link: Link, isCurrent: () => boolean): Promise<void> {
    let reply: Reply
    try {
      reply = await link.callFirst(MARKS_QUERY)
    } catch {
      // The link broke: its next handshake will tell.
      return
    }
    if (!isCurrent() || this.phase !== 'owner') return
    const marks = decodeMarks(reply)
    if (this.isTakenOver(marks)) this.depose(link.name, marks)
    else this.stillOurs.confirm(link.name)
  }

  private isTakenOver(marks: Marks): boolean {
    return (
      followerIn(marks.owner, { run: this.deps.run, term: this.term }) !== undefined || this.noted(marks) > this.term
    )
  }

  private noted(marks: Marks): number {
    return notedIn(marks, this.deps.ringId)
  }

  /** Who may give members anything: nobody but us. */
  private generation(): Generation {
    return { number: this.term, runs: [this.deps.run] }
  }

  private refusalOf(server: FoundServer, { databases, kind }: ServerInfo): Refusal | undefined {
    const isNew = server.marks.marker === undefined && !isMember(this.deps.view(), server.name)
    return (
      refusalOf(server, this.deps.ringId, this.others()) ??
      tooFewDatabases(databases, this.databasesBeside(server.name)) ??
      (isNew ? tooOld(kind, this.kindsBeside(server.name)) : undefined) ??
      this.refusalOfLastHolder(server) ??
      (this.isStray(server) ? STRAY : undefined)
    )
  }

  /** Its fence is closed. */
  private admitted(server: FoundServer): void {
    const { name } = server
    if (this.hasLess(server)) this.lessened.add(name)
    else this.lessened.delete(name)
    this.servers.set(name, server)
    if (this.refused.delete(name)) this.deps.refusedChanged()
    this.stillOurs.confirm(name)
  }

  /** What makes a server ours: its owner, and that there is this generation. */
  private marksOver(before: Owner | undefined): string[][] {
    const { term } = this
    const { ringId, run, where } = this.deps
    const { heartbeat = 0, clean = false, acknowledged, answered } = before ?? {}
    const owner = { ringId, run, term, where, heartbeat, clean, ...this.deps.peer(), acknowledged, answered }
    return [writeOwner(owner), writeGeneration(ringId, this.generation())]
  }

  /** @param marks what is noted there: an owner who came after us, or that there was one */
  private depose(member: string, marks: Marks): void {
    const { ringId, run } = this.deps
    const ownTerm = this.term
    const owner = followerIn(marks.owner, { run, term: ownTerm })
    const who = owner
      ? `${owner.where} (run ${owner.run}) is the owner of ${member}`
      : `${member} has been given to one of a later term, which is noted there`
    const about = owner ? { owner: owner.run, where: owner.where, term: owner.term } : { term: this.noted(marks) }
    this.cease(member, `another proxy has taken over the ring ${ringId}: ${who}`, { ...about, ownTerm })
  }

  /** Nothing leaves this process any more. */
  cease(member: string, reason: string, about: object = {}): void {
    if (this.phase === 'deposed') return
    this.phase = 'deposed'
    this.stillOurs.end()
    this.deps.turn.hold()
    this.deps.log.fatal({ event: 'deposed', member, ...about }, reason)
    this.deps.deposed(reason)
  }

  /** Whether it has a view that the ring has gone on without; when the operator does not know of it, that ends here. */
  private isStray({ name, marks: { marker } }: FoundServer): boolean {
    if (marker === undefined || !this.deps.serving() || !this.deps.isStray(marker)) return false
    if (this.strays.has(name)) return true
    this.cease(name, strayFound(name, marker.view.epoch))
    throw new HandshakeError('what is served is not the latest')
  }

  /** Empties a server that may not be used, if the operator wants that and nobody misses it; else it is not used. */
  private async refuse(name: string, { reason, wipeable }: Refusal, call: Call): Promise<void> {
    const { wipe, serving, log, links, view } = this.deps
    const isThere = (other: string) => links().get(other)?.ready === true
    const mayBeEmptied = wipeable && !isAloneWith(view(), name, isThere)
    if (wipe && mayBeEmptied && isStart(serving(), this.sinceMs)) {
      log.warn({ event: 'member-emptied', member: name }, `${name} is emptied: ${reason}`)
      // In this order: should it break off between them, nobody takes the server for one that has what its mark says.
      await inOrder(call, [
        ['FUNCTION', 'FLUSH'],
        ['FLUSHALL', 'ASYNC'],
      ])
      return
    }
    this.noteRefusal(name, mayBeEmptied ? `${reason}; ${howToEmpty(links().get(name))}` : reason)
    throw new HandshakeError(`it is refused: ${reason}`)
  }

  private noteRefusal(name: string, reason: string): void {
    if (this.refused.get(name) === reason) return
    this.refused.set(name, reason)
    this.deps.log.error({ event: 'member-refused', member: name }, `${name} is refused: ${reason}`)
    this.deps.refusedChanged()
  }

  /**
   * The last holder of a range that came back without its data: to take it for one that has the range would invent an
   * empty one [design §8 The last natural replica]. Another holder may come back with it, and then this one joins.
   */
  private refusalOfLastHolder(server: FoundServer): Refusal | undefined {
    return this.hasLess(server) && isLastHolder(this.deps.view(), server.name) ? LAST_HOLDER : undefined
  }

  private hasLess(server: FoundServer): boolean {
    const { serving, lastTaken } = this.deps
    const { name } = server
    const known = this.servers.get(name)
    const taken = lastTaken(name)
    const isNew = known !== undefined && known.marks.marker === undefined && taken.epoch === 0
    return serving() && cameBackWithLess(server, { runId: known?.runId, isNew, ...taken })
  }

  /** The databases that clients can use: those that all other servers have, of which some may have more. */
  private databasesBeside(name: string): number {
    const counts = this.beside(name).flatMap(({ info }) => info?.databases ?? [])
    return counts.length === 0 ? 0 : Math.min(...counts)
  }

  private kindsBeside(name: string): { name: string; kind: ServerKind }[] {
    return this.beside(name).flatMap((link) =>
      link.info === undefined ? [] : [{ name: link.name, kind: link.info.kind }],
    )
  }

  /** The other servers of the ring that are there; all that are when there is no ring yet. */
  private beside(name: string): Link[] {
    const { members } = this.deps.view()
    return this.deps
      .links()
      .all()
      .filter((link) => link.ready && link.name !== name && !this.refused.has(link.name))
      .filter((link) => members.length === 0 || members.some((member) => member.name === link.name))
  }

  /** All servers that are known, with the process that they are, as far as they are connected. */
  private others(): OtherServer[] {
    return this.deps
      .links()
      .all()
      .map(({ name, ready, state }) => {
        const isConnected = ready || state.kind === 'handshaking'
        return { name, runId: isConnected ? this.processes.get(name) : undefined }
      })
  }
}
