import { unlessLost } from '../backend/decoded-reply.js'
import type { Link } from '../backend/link.js'
import { lowerWord } from '../base/ascii.js'
import type { Logger } from '../base/log.js'
import { OneByOne } from '../base/one-by-one.js'
import { within } from '../base/within.js'
import type { Order } from '../order/order.js'
import { unavailable } from '../order/replies.js'
import { bytesOf } from '../resp/decode.js'
import { ErrorReply, error, isError, MapReply, type Reply } from '../resp/encode.js'
import type { Kept, KeptSettings } from './function/kept.js'

/** A setting by its name in redis.conf. */
export interface Setting {
  readonly name: string
  readonly value: Buffer
}

const LEAST_MS = 1000

/** What a member had before; undefined when its link was lost. */
type Had = ReadonlyMap<string, Buffer> | undefined

/** Names of settings that are the same one, as links remember it. */
const SAME: Readonly<Record<string, string>> = { 'lua-time-limit': 'busy-reply-threshold' }

/** [Redis config.c configSetCommand] */
export function failedSetting(name: string, why: string): ErrorReply {
  return error(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`)
}

/**
 * What clients have set by CONFIG SET, so that all members have it [design §7 Settings]:
 *
 *     set    [CONFIG GET to all] ─> all know them ─> [CONFIG SET to all] ─┬─> all have taken it: remembered, acknowledged
 *                                                                         └─> one refuses: the others get back what they had
 *     later  a link comes up: what is remembered is set first of all
 *     keep   CONFIG REWRITE: the members keep it, so that it outlives this proxy
 *
 * One change after the other. A member that is away meanwhile gets it when it is back.
 */
export class RingSettings {
  /** Of the proxy. */
  readonly own = new Map<string, Buffer>()
  /** Told what had been kept of those of the proxy when it began. */
  restored: (own: ReadonlyMap<string, Buffer>) => void = () => {}
  private readonly ofMembers = new Map<string, Buffer>()
  private readonly changes = new OneByOne()

  constructor(
    private readonly order: Order,
    private readonly kept: Kept,
    private readonly log: Logger,
  ) {
    kept.onSettings = (settings) => this.restore(settings)
  }

  /** Resolves with the error when they are not set. */
  set(settings: readonly Setting[]): Promise<Reply | undefined> {
    const deadlineMs = this.order.waiting.deadline()
    const tooLate = () => this.order.unavailable()
    return this.changes.doBefore<Reply | undefined>(deadlineMs, () => this.change(settings, deadlineMs), tooLate)
  }

  /** Resolves with the error when not all members keep them. */
  async keep(): Promise<Reply | undefined> {
    const failure = await this.kept.whenKnown()
    return failure ?? this.kept.keepSettings({ members: textsOf(this.ofMembers), proxy: textsOf(this.own) })
  }

  /** Before anything else is emitted on it. */
  linkUp(link: Link): void {
    for (const [name, value] of this.ofMembers) this.tell(link, { name, value })
  }

  private async change(settings: readonly Setting[], deadlineMs: number): Promise<Reply | undefined> {
    const links = this.order.router.links.filter(({ ready }) => ready)
    if (links.length === 0) return this.order.unavailable()
    const silent = new Set(links.map(({ name }) => name))
    const asked = links.map(async (link) => {
      const found = await settingsOf(link, settings)
      silent.delete(link.name)
      return found
    })
    const before = await within(Promise.all(asked), deadlineMs - performance.now())
    // Nobody was told anything yet.
    if (before === undefined) return unavailable(this.order.options.unavailableTimeoutMs, [...silent])
    const had: Had[] = []
    for (const [i, found] of before.entries()) {
      const { name } = links[i]
      if (found instanceof ErrorReply) {
        return error(`ERR ${name} does not tell its settings: ${found.message}; nothing was set`)
      }
      const unknown = found && settings.find((setting) => !found.has(setting.name))
      if (unknown !== undefined) return failedSetting(unknown.name, `${name} does not know it; nothing was set`)
      had.push(found)
    }
    const told = await this.tellAll(links, () => settings, deadlineMs)
    const refusal = told.find((reply) => reply !== undefined && isError(reply)) as ErrorReply | undefined
    if (refusal !== undefined) return this.takeBack(settings, links, had, told, refusal, deadlineMs)
    for (const setting of settings) this.remember(setting)
    // The first write that comes then is judged by what holds now.
    if (settings.some(({ name }) => name === 'maxmemory')) {
      await within(this.order.memory.lookAgain(), leftMs(deadlineMs))
    }
    // Who has come meanwhile has got what was remembered then.
    for (const link of this.order.router.links) {
      if (!link.ready) continue
      if (links.includes(link)) for (const setting of settings) note(link, setting)
      else for (const setting of settings) this.tell(link, setting)
    }
    return undefined
  }

  /** Not all have taken it: those that have get what they had. */
  private async takeBack(
    settings: readonly Setting[],
    links: readonly Link[],
    had: readonly Had[],
    told: readonly (Reply | undefined)[],
    refusal: ErrorReply,
    deadlineMs: number,
  ): Promise<Reply> {
    const refusing = links.filter((_, i) => told[i] !== undefined && isError(told[i]))
    const old = (i: number) => settings.map(({ name }) => ({ name, value: had[i]!.get(name)! }))
    const taking = [...links.keys()].filter((i) => !refusing.includes(links[i]) && had[i] !== undefined)
    // One that was lost on the way may have taken it, and gets it back when it is there again.
    for (const i of taking) if (told[i] === undefined) for (const setting of old(i)) this.remember(setting)
    const back = await this.tellAll(
      taking.map((i) => links[i]),
      (at) => old(taking[at]),
      deadlineMs,
    )
    const failed = taking.filter((_, at) => back[at] === undefined || isError(back[at])).map((i) => links[i].name)
    if (refusing.length === links.length) return refusal
    const who = refusing.map(({ name }) => name).join(', ')
    const others =
      failed.length === 0
        ? 'the others have again what they had'
        : `${failed.join(', ')} could not be given back what it had, see CONFIG GET there`
    return error(`${refusal.message} (so says ${who}; ${others})`)
  }

  /**
   * What these members answer to their settings; undefined of one that is lost, or has not answered in time: it executes that when
   * it wakes up, or gets what is remembered when it is there again.
   */
  private tellAll(
    links: readonly Link[],
    settingsFor: (at: number) => readonly Setting[],
    deadlineMs: number,
  ): Promise<(Reply | undefined)[]> {
    const all = links.map(async (link, at) => {
      const settings = settingsFor(at)
      const asked = ask(link, ['CONFIG', 'SET', ...wordsOf(settings)])
      const reply = await within(asked, leftMs(deadlineMs))
      if (reply === undefined) void asked.then((late) => this.answeredLate(link, settings, late))
      return reply
    })
    return Promise.all(all)
  }

  private answeredLate(link: Link, settings: readonly Setting[], reply: Reply | undefined): void {
    if (reply === undefined || !isError(reply)) return
    const setting = settings.map(({ name }) => name).join(', ')
    this.log.warn(
      { event: 'setting-refused', member: link.name, setting, reason: reply.message },
      `${link.name} did not answer for a while, and then does not take ${setting} as it was set: ${reply.message}`,
    )
  }

  private remember({ name, value }: Setting): void {
    // The latest is set last: some settings have two names.
    this.ofMembers.delete(name)
    this.ofMembers.set(name, value)
  }

  /** What was set in this run is later than what an earlier one kept. */
  private restore({ members, proxy }: KeptSettings): void {
    for (const [name, text] of Object.entries(members)) {
      const setting = { name, value: Buffer.from(text, 'latin1') }
      if (this.ofMembers.has(name)) continue
      this.remember(setting)
      for (const link of this.order.router.links) if (link.ready) this.tell(link, setting)
    }
    const own = new Map<string, Buffer>()
    for (const [name, text] of Object.entries(proxy)) {
      if (!this.own.has(name)) own.set(name, Buffer.from(text, 'latin1'))
    }
    for (const [name, value] of own) this.own.set(name, value)
    this.restored(own)
  }

  private tell(link: Link, setting: Setting): void {
    const { name, value } = setting
    void ask(link, ['CONFIG', 'SET', name, value]).then((reply) => {
      if (reply === undefined) return
      if (!isError(reply)) note(link, setting)
      else {
        this.log.warn(
          { event: 'setting-refused', member: link.name, setting: name, reason: reply.message },
          `${link.name} does not take ${name} as it was set: ${reply.message}`,
        )
      }
    })
  }
}

/** Who was asked late has some time all the same. */
function leftMs(deadlineMs: number): number {
  return Math.max(LEAST_MS, deadlineMs - performance.now())
}

/** What the link knows of its server is true again. */
function note(link: Link, { name, value }: Setting): void {
  link.info?.settings.set(SAME[name] ?? name, value.toString('latin1'))
}

/** The settings of these names that a member has; undefined when the link was lost. */
async function settingsOf(link: Link, settings: readonly Setting[]): Promise<Had | ErrorReply> {
  const reply = await ask(link, ['CONFIG', 'GET', ...settings.map(({ name }) => name)])
  if (reply === undefined || isError(reply)) return reply
  const entries = reply instanceof MapReply ? reply.entries : []
  return new Map(entries.map(([name, value]) => [lowerWord(bytesOf(name)!), bytesOf(value)!]))
}

function wordsOf(settings: readonly Setting[]): (string | Buffer)[] {
  return settings.flatMap(({ name, value }) => [name, value])
}

function textsOf(settings: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...settings].map(([name, value]) => [name, value.toString('latin1')]))
}

/** Undefined when the link was lost. */
function ask(link: Link, command: readonly (string | Buffer)[]): Promise<Reply | undefined> {
  return unlessLost(link.call(command))
}
