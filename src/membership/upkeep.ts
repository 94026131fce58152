import { HandshakeError } from '../backend/call.js'
import { unlessLost } from '../backend/decoded-reply.js'
import { noteMaxBulk, parseInfo } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { makeFit, readSettings, unequalSettings } from '../backend/server-settings.js'
import type { Logger } from '../base/log.js'
import { textOf } from '../resp/decode.js'
import { isError, type Reply, simple } from '../resp/encode.js'

/** How often every member is looked at. */
const LOOK_MS = 1000
/** Is the marker of the ring there? Without its code: what it says is not asked. */
const MARKER_QUERY: readonly string[] = ['FUNCTION', 'LIST', 'LIBRARYNAME', 'dt_marker']
const OK = simple('OK')

export interface UpkeepDeps {
  readonly log: Logger
  /** The links of all servers; from `start` on who is connected is ours. */
  links(): readonly Link[]
  /** The marker of a member is gone: it is to be written again. */
  markerLost(name: string): void
  /** A member did not do as the others for a while, so that copies may differ. */
  diverged(name: string): void
  /** Somebody else has emptied or swapped databases of a member. */
  emptied(name: string): void
}

/**
 * Looks at what somebody may change straight on a member while its link lives [design §8 Membership]: whether it is still a
 * master, its settings, its marker. What can be set again is set again; a member that does not let itself be made fit
 * fails: its link breaks, and its next handshake says why.
 */
export class Upkeep {
  private readonly looking = new Set<Link>()
  /** How often others than this proxy have swept over databases of a server, and since which handshake that was counted. */
  private readonly sweeps = new WeakMap<Link, { readonly info: object; readonly byOthers: number }>()
  /** Warnings that need not be repeated at every look. */
  private readonly said = new Set<string>()
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly deps: UpkeepDeps) {}

  start(): void {
    this.timer = setInterval(() => {
      for (const link of this.deps.links()) if (link.ready) void this.look(link)
    }, LOOK_MS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  linkUp(link: Link): void {
    this.compare(link)
    // So that what is done before the first look at it is noticed by that.
    void this.countSweeps(link).catch(() => {})
  }

  /** A member that has not the settings of the others in what decides what becomes of a write is named. */
  private compare(link: Link): void {
    const told = new Set<string>()
    for (const other of this.deps.links()) {
      if (other === link || !other.ready || other.info === undefined || link.info === undefined) continue
      for (const { name, value, otherValue } of unequalSettings(link.info.settings, other.info.settings)) {
        if (told.has(name)) continue
        told.add(name)
        this.deps.log.warn(
          { event: 'members-differ', member: link.name, setting: name, value, other: other.name, otherValue },
          `${link.name} has ${name} ${value}, and ${other.name} ${otherValue}: copies of a key may come to differ; ` +
            'give all members the same',
        )
      }
    }
  }

  /** Its marker, its role and its settings are what they were when somebody has emptied a member: only its own count tells. */
  private async countSweeps(link: Link): Promise<void> {
    const { info, sweeps } = link
    if (info === undefined) return
    // What it is asked now it answers after all that was emitted before.
    const text = textOf(await link.call(['INFO', 'commandstats']))
    if (text === undefined || link.info !== info) return
    const before = this.sweeps.get(link)
    const byOthers = sweepsIn(text) - sweeps
    this.sweeps.set(link, { info, byOthers })
    if (before?.info === info && byOthers > before.byOthers) this.deps.emptied(link.name)
  }

  /** Resets what a member counts, and what it had counted of databases that were emptied; gives what it says, OK if it is lost on the way. */
  async resetStats(link: Link): Promise<Reply> {
    const { info, sweeps } = link
    if (info === undefined || !link.ready) return OK
    // What others have done until now is noticed before it is forgotten.
    const replies = await unlessLost(Promise.all([this.countSweeps(link), link.call(['CONFIG', 'RESETSTAT'])]))
    const reply = replies?.[1] ?? OK
    if (!isError(reply) && link.info === info) this.sweeps.set(link, { info, byOthers: -sweeps })
    return reply
  }

  private async look(link: Link): Promise<void> {
    const { name, info } = link
    // A member that is busy is asked once.
    if (info === undefined || this.looking.has(link)) return
    this.looking.add(link)
    try {
      const call = (args: readonly string[]) => link.call(args)
      const [replication, settings, marker] = await Promise.all([
        call(['INFO', 'replication']),
        readSettings(call),
        call(MARKER_QUERY),
        this.countSweeps(link),
      ])
      const role = parseInfo(textOf(replication) ?? '').get('role')
      if (role !== undefined && role !== 'master') {
        throw new HandshakeError(`it is a ${role} all at once, a member must be a master`)
      }
      if (Array.isArray(marker) && marker.length === 0) this.deps.markerLost(name)
      if (noteMaxBulk(info, settings)) this.compare(link)
      const { set, warnings, matters } = await makeFit(call, info.kind, settings, info.settings)
      for (const warning of warnings.map((text) => `${name}: ${text}`)) {
        if (!this.said.has(warning)) this.deps.log.warn({ event: 'member-setting-warning', member: name }, warning)
        this.said.add(warning)
      }
      for (const { name: setting, before, value } of set) {
        this.deps.log.warn(
          { event: 'member-setting-restored', member: name, setting, before, value },
          `${name}: somebody changed ${setting} to "${before}" there, it is set to "${value}" again; what all members ` +
            'are to have belongs into their configuration, before they start',
        )
      }
      if (matters) this.deps.diverged(name)
    } catch (error) {
      // A link that broke has been reported, and what else could be wrong is not known.
      if (!(error instanceof HandshakeError)) return
      link.reset(error.message)
    } finally {
      this.looking.delete(link)
    }
  }
}

/** How often it has executed what empties or swaps databases. */
function sweepsIn(commandstats: string): number {
  const calls = [...commandstats.matchAll(/^cmdstat_(?:flushall|flushdb|swapdb):calls=(\d+)/gm)]
  return calls.reduce((sum, [, count]) => sum + Number(count), 0)
}
