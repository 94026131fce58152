import type { Link } from '../backend/link.js'
import { isOlder, nameOfKind, takesPayload } from '../backend/server-kind.js'
import { isOldForm } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { allRows, rowNamed } from '../command/table.js'
import type { Order } from '../order/order.js'
import { error, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame } from '../resp/frame.js'
import { isAnyOfTable } from '../serving/certain.js'
import { oldWords } from '../serving/script/prologue-words.js'
import { knowsLearnt } from './learn-commands.js'

/**
 * What all members can do. While they are of one kind a command is theirs to accept or refuse. While they are of several, as in an
 * upgrade, what only some of them know is refused before anybody has it: the others could not hold what it leaves.
 */
export class Offered {
  /** Whether the members are of several kinds. */
  areMixed = false
  /** Then, the words that all understand, as scripts get them [serving/script/prologue-words]. */
  words: string | undefined

  constructor(private readonly order: Pick<Order, 'router'>) {}

  /** To be told when a member may be another one. */
  changed(): void {
    this.areMixed =
      new Set(this.links.flatMap(({ info }) => (info === undefined ? [] : nameOfKind(info.kind)))).size > 1
    this.words =
      this.areMixed && this.oldest ? oldWords(` may be ${unknownTo(this.oldest)}`, this.unknownCommands()) : undefined
  }

  /** Whether all members have the command with this name, in lower case. */
  has(name: string): boolean {
    return rowNamed(name)?.learnt !== true || this.links.every((link) => knowsLearnt(link, name))
  }

  /**
   * Who says what COMMAND tells of the commands: the oldest member, when all are newer than the table; undefined when the table says it.
   *
   * @param pinned the version that we say we are, where a setting says it
   */
  describer(pinned: string | undefined): Link | undefined {
    const isOld = pinned !== undefined && isOlder(pinned, FIRST_NEWER)
    if (isOld || isAnyOfTable(this.links)) return undefined
    return [...this.links].filter(({ ready }) => ready).sort(byVersion)[0]
  }

  /** Why a command is not served; to be asked of those that are learnt, and of all while the members are of several kinds. */
  refusal(frame: Frame, row: CommandRow): Reply | undefined {
    if (row.learnt) {
      const said = this.unknownText(row)
      return said === undefined ? undefined : error(said)
    }
    if (row.replicate === 'none') return undefined
    const lacking = isOldForm(row, frame) ? this.lackingPayload(frame, row) : this.oldest
    return lacking && error(`ERR an argument of '${row.name}' may be ${unknownTo(lacking)}`)
  }

  /** Who cannot take the payload that a command brings, though its master could. */
  private lackingPayload(frame: Frame, row: CommandRow): Link | undefined {
    if (row.time !== 'payload') return undefined
    const payload = argumentOf(frame, PAYLOAD_AT)
    return this.links.find(({ info }) => info !== undefined && !takesPayload(info.kind, payload))
  }

  /** What is said of a learnt command that a member does not have. */
  private unknownText({ name }: CommandRow): string | undefined {
    const lacking = this.links.find((link) => !knowsLearnt(link, name))
    return lacking && `ERR '${name}' is ${unknownTo(lacking)}`
  }

  /** The same of all such commands, by their names. */
  private unknownCommands(): ReadonlyMap<string, string> {
    const texts = allRows().flatMap((row) => {
      const said = row.learnt ? this.unknownText(row) : undefined
      return said === undefined ? [] : [[row.name, said] as const]
    })
    return new Map(texts)
  }

  private get oldest(): Link | undefined {
    return [...this.links].sort(byVersion)[0]
  }

  private get links(): readonly Link[] {
    return this.order.router.links
  }
}

/** RESTORE key ttl payload */
const PAYLOAD_AT = 3
const FIRST_NEWER = '7.2.0'
const byVersion = (a: Link, b: Link) => (isOlder(versionOf(a), versionOf(b)) ? -1 : 1)
const versionOf = ({ info }: Link) => info?.kind.version ?? ''

function unknownTo({ name, info }: Link): string {
  const kind = info === undefined ? 'another server' : nameOfKind(info.kind)
  return `unknown to ${name}, which is ${kind}, and all servers of the ring have to know it; the command was not applied`
}
