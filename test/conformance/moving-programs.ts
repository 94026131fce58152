import fc from 'fast-check'
import type { RawClient } from '../helpers/raw-client.js'
import { type Held, type Snapshot, snapshot } from '../helpers/snapshot.js'
import { agrees, show } from './compare.js'
import type { Pair } from './pair.js'
import { randomCommand, severalKeysCommand } from './random-commands.js'
import { type Line, parseScript, run } from './script.js'
import { agreesInside, elementsIn, queued } from './transaction-helpers.js'

/*
 * Programs that are said to a ring and to a Redis while something happens to the ring's members. What the ring says that it has not
 * applied Redis is not told; of what may have been applied, or not, each key has to be as Redis has it before or after.
 */

/** A command, or a transaction, before which a key may be watched, and somebody else may say something. */
export type Unit =
  | { readonly line: Line }
  | { readonly watch: Line | undefined; readonly meddling: Line | undefined; readonly inside: readonly Line[] }

const [MULTI, EXEC, DISCARD, UNWATCH] = parseScript('MULTI\nEXEC\nDISCARD\nUNWATCH')
const KEYS_OF = ['string1', 'set1', 'hash2', 'list1', 'zset1', 'stream1']
const WATCHES = KEYS_OF.flatMap((key) => [`WATCH ${key}{a}`, `WATCH ${key}{b} ${key}{a}`]).map(
  (text) => parseScript(text)[0],
)

/** Copies may be encoded otherwise than what a server has made itself, and sets be in another order, which SORT leaves where it finds two equal. */
const isSame = ({ args }: Line) =>
  !/^(OBJECT|DUMP)$/.test(args[0].toString()) &&
  !(args[0].toString() === 'SORT' && args.some((arg) => arg.includes('*')))
const command = fc
  .oneof({ weight: 3, arbitrary: randomCommand }, { weight: 2, arbitrary: severalKeysCommand })
  .filter(isSame)
/** Who watches has to be in the database that he has been told of. */
const here = command.filter(({ args }) => args[0].toString() !== 'SELECT')
/** SCAN may ask one server after the other, so its first answer says little. */
const inside = command.filter(({ args }) => args[0].toString() !== 'SCAN')
const transaction = fc.record({
  watch: fc.option(fc.constantFrom(...WATCHES), { nil: undefined }),
  meddling: fc.option(here, { nil: undefined }),
  inside: fc.array(inside, { maxLength: 12 }),
})
export const program: fc.Arbitrary<Unit[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: command.map((line) => ({ line })) }, { weight: 2, arbitrary: transaction }),
  { minLength: 1, maxLength: 60, size: 'max' },
)

/** What may be said again and again: with each SWAPDB all that moves begins anew. */
export function withoutSwaps(units: readonly Unit[]): Unit[] {
  const isSwap = ({ args }: Line) => args[0].toString() === 'SWAPDB'
  return units.filter((unit) => !('line' in unit ? [unit.line] : [...unit.inside, ...others(unit)]).some(isSwap))
}

function others({ meddling }: Exclude<Unit, { line: Line }>): readonly Line[] {
  return meddling === undefined ? [] : [meddling]
}

const NOT_APPLIED =
  /^-(CLUSTERDOWN|TRYAGAIN) |was not applied|nothing was applied|^-ERR the read was not answered|^-EXECABORT .*because of: [^p]/
const UNKNOWN = /^-ERR (the outcome of this (write|transaction) is unknown|the transaction was executed in part)/
const NULLS = ['*-1\r\n', '_\r\n']

export interface Count {
  commands: number
  execs: number
  /** Of those with a watched key: executed, and not. */
  watchedDone: number
  watchedNot: number
  notApplied: number
  unknown: number
}

interface Both {
  readonly ours: RawClient
  readonly theirs: RawClient
}

/** Says programs, in two databases of its own, and with keys of which each of two tags has its own place on the ring. */
export class Player {
  readonly faults: string[] = []
  private readonly startedMs = performance.now()

  private constructor(
    private readonly one: Both,
    private readonly other: Both,
    private readonly looking: Both,
    private readonly firstDb: number,
    private readonly tags: readonly [string, string],
    /** Whether members fail, so that something may not be applied, or nobody knows. */
    private readonly mayFail: boolean,
    private readonly count: Count,
  ) {}

  static async start(
    pair: Pair,
    number: number,
    tags: readonly [string, string],
    proto: 2 | 3,
    mayFail: boolean,
    count: Count,
  ): Promise<Player & { close(): void }> {
    const all = await Promise.all([pair.connect(proto), pair.connect(proto), pair.connect(3)])
    const player = new Player(...(all as [Both, Both, Both]), 2 + 2 * number, tags, mayFail, count)
    await player.begin()
    const close = () => {
      for (const each of all) each.close()
    }
    return Object.assign(player, { close })
  }

  get databases(): readonly string[] {
    return [this.firstDb, this.firstDb + 1].map(String)
  }

  /** Both databases are empty, and all are in the first one. */
  private async begin(): Promise<void> {
    for (const client of [this.one, this.other, this.looking].flatMap(({ ours, theirs }) => [ours, theirs])) {
      for (const db of [this.databases[1], this.databases[0]]) {
        await client.ask('SELECT', db)
        let reply = ''
        while (reply !== '+OK\r\n') {
          reply = String(await client.ask('FLUSHDB'))
          if (reply !== '+OK\r\n' && !this.mayFail) return void this.faults.push(`FLUSHDB: ${reply}`)
        }
      }
    }
  }

  /** Says them one after the other until one is not answered as it should be. */
  async play(units: readonly Unit[]): Promise<void> {
    for (const unit of units) {
      if (this.faults.length > 0) return
      if ('line' in unit) await this.say(this.one, unit.line)
      else await this.transact(unit)
    }
  }

  private async say(to: Both, line: Line): Promise<void> {
    const said = this.placed(line)
    const [ours] = await run(to.ours, [said], false)
    this.count.commands++
    if (this.isRefused(ours)) return
    const before = UNKNOWN.test(String(ours)) ? [await this.theirs()] : []
    const [theirs] = await run(to.theirs, [said], false)
    if (before.length > 0) await this.settleUnknown(said.text, ours, [...before, await this.theirs()])
    else if (!agrees(said.way, ours, theirs, this.elapsedMs)) this.wrong(said.text, ours, theirs)
  }

  private async transact({ watch, meddling, inside }: Exclude<Unit, { line: Line }>): Promise<void> {
    if (watch !== undefined) await this.say(this.one, watch)
    if (meddling !== undefined) await this.say(this.other, meddling)
    const { ours, theirs } = this.one
    const lines = inside.map((line) => this.placed(queued(line)))
    const [a, b] = await Promise.all([ours, theirs].map((each) => run(each, [MULTI, ...lines], true)))
    for (const [i, line] of lines.entries()) {
      if (!a[i + 1].equals(b[i + 1])) this.wrong(`queued: ${line.text}`, a[i + 1], b[i + 1])
    }
    const [one] = await run(ours, [EXEC], false)
    this.count.execs++
    const isNull = NULLS.includes(String(one))
    if (isNull && watch === undefined) this.faults.push(`EXEC without a watched key: ${show(one)}`)
    if (watch !== undefined) this.count[isNull ? 'watchedNot' : 'watchedDone']++
    // It may give up for causes that Redis does not have.
    if (isNull || this.isRefused(one)) return void (await run(theirs, [DISCARD], false))
    if (UNKNOWN.test(String(one))) {
      await run(theirs, [DISCARD], false)
      const states = [await this.theirs()]
      for (const line of lines) {
        await run(theirs, [line], false)
        states.push(await this.theirs())
      }
      return this.settleUnknown(lines.map(({ text }) => text).join('; '), one, states)
    }
    const [other] = await run(theirs, [EXEC], false)
    const text = `EXEC of ${lines.map((line) => line.text).join('; ')}`
    if (one[0] !== 0x2a || other[0] !== 0x2a || NULLS.includes(String(other))) {
      if (!one.equals(other)) this.wrong(text, one, other)
      return
    }
    const [x, y] = [one, other].map(elementsIn)
    if (x.length !== y.length) return this.wrong(text, one, other)
    for (const [i, line] of x.map((_, i) => lines[i]).entries()) {
      const { way } = inside.filter((_, k) => b[k + 1].equals(Buffer.from('+QUEUED\r\n')))[i]
      if (!agreesInside({ ...line, way }, x[i], y[i], this.elapsedMs)) this.wrong(`${line.text} in ${text}`, x[i], y[i])
    }
  }

  /** Whether nothing was applied, for a cause that may be. */
  private isRefused(reply: Buffer): boolean {
    if (reply[0] !== 0x2d || !NOT_APPLIED.test(String(reply))) return false
    if (!this.mayFail) this.faults.push(`refused: ${show(reply)}`)
    this.count.notApplied++
    return true
  }

  /** Each key has to be as in one of these states; then it goes on with nothing. */
  private async settleUnknown(text: string, reply: Buffer, states: readonly Snapshot[]): Promise<void> {
    this.count.unknown++
    if (!this.mayFail) this.faults.push(`${text}: ${show(reply)}`)
    const now = await snapshot(this.looking.ours, this.databases)
    for (const id of new Set([now, ...states].flatMap((each) => [...each.keys()]))) {
      if (states.some((state) => this.isSame(now.get(id), state.get(id)))) continue
      const held = states.map((state) => `\n  redis ${JSON.stringify(state.get(id))}`)
      this.faults.push(`${id} behind ${text} (${show(reply)})\n  dt    ${JSON.stringify(now.get(id))}${held.join('')}`)
    }
    for (const { ours, theirs } of [this.one, this.other]) {
      for (const client of [ours, theirs]) await run(client, [UNWATCH], false)
    }
    await this.begin()
  }

  /** What both hold; called when nobody says anything. */
  async compare(): Promise<void> {
    const [ours, theirs] = await Promise.all([snapshot(this.looking.ours, this.databases), this.theirs()])
    for (const id of new Set([...ours.keys(), ...theirs.keys()])) {
      const [a, b] = [ours.get(id), theirs.get(id)]
      if (!this.isSame(a, b)) this.faults.push(`${id}\n  dt    ${JSON.stringify(a)}\n  redis ${JSON.stringify(b)}`)
    }
  }

  private isSame(a: Held | undefined, b: Held | undefined): boolean {
    if (a === undefined || b === undefined) return a === b
    return a.type === b.type && a.value === b.value && Math.abs(a.expiresAtMs - b.expiresAtMs) <= this.elapsedMs + 2
  }

  private theirs(): Promise<Snapshot> {
    return snapshot(this.looking.theirs, this.databases)
  }

  private get elapsedMs(): number {
    return performance.now() - this.startedMs
  }

  private wrong(what: string, ours: Buffer, theirs: Buffer): void {
    this.faults.push(`${what}\n  dt    ${show(ours)}\n  redis ${show(theirs)}`)
  }

  /** The line with our own databases and tags. */
  private placed(line: Line): Line {
    const name = line.args[0].toString()
    const args = line.args.map((arg, i) => {
      const before = line.args[i - 1]?.toString()
      const isDb =
        (name === 'SELECT' && i === 1) ||
        (name === 'SWAPDB' && i > 0) ||
        (name === 'MOVE' && i === 2) ||
        (name === 'COPY' && before === 'DB')
      if (isDb && /^[01]$/.test(arg.toString())) return Buffer.from(String(this.firstDb + Number(arg)))
      const text = arg.toString('latin1')
      return Buffer.from(text.replaceAll('{a}', this.tags[0]).replaceAll('{b}', this.tags[1]), 'latin1')
    })
    return { ...line, args, text: args.map((arg) => JSON.stringify(arg.toString('latin1'))).join(' ') }
  }
}
