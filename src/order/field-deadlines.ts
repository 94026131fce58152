import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { expiresFields } from '../backend/server-kind.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { elementsOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import type { Order } from './order.js'

/*
 * Fields of hashes expire one by one on newer servers. Until a server has removed one it may answer as if it were there (HDEL 1, HSET 0 on
 * Redis), and each removes it when it comes to it: so equal copies answer differently, and nobody has lost anything [design §7 Expiry].
 * Servers say which hash it was (`hexpired`), not which field.
 */

/** A server that is behind has removed by then what another one has. */
const REMOVED_MS = 3000
/** What was said for so long may explain that a copy differs, if what it has now does not show that something else is missing. */
const LATELY_MS = 30_000
/** So many fields are looked at. */
const FIELDS_MAX = 100
/** And so many keys at a time: who has lost more than these has been found. */
const LOOKS_MAX = 20

/** Whether the hashes of all these servers may have fields that expire. */
export function haveFieldDeadlines(links: readonly Link[]): boolean {
  return links.every(({ info }) => info !== undefined && expiresFields(info.kind))
}

/**
 * Whether a master has just removed fields of one of these keys: then it may answer otherwise than who has not yet, and is right. It
 * does not matter for what is stored.
 */
export function hasRemovedFields({ info, expirations }: Link, ids: readonly KeyId[]): boolean {
  if (info === undefined || !expiresFields(info.kind)) return false
  const nowMs = performance.now()
  return ids.some((id) => expirations.fields.saidWithin(id, REMOVED_MS, nowMs))
}

/** Tells of members that stand alone against the other replicas of a key, unless fields that expire are the reason. */
export class LoneMembers {
  private looks = 0

  constructor(
    private readonly order: Pick<Order, 'lanes'>,
    private readonly tell: (member: string) => void,
  ) {}

  /**
   * A member has said something else of one of these keys than all others, who agree. To be called in the turn in which that is known: what
   * the others have is not written to it before.
   */
  note(alone: Link, ids: readonly KeyId[], naturals: readonly Link[]): void {
    if (!haveFieldDeadlines(naturals)) {
      this.tell(alone.name)
      return
    }
    if (this.looks >= LOOKS_MAX) return
    this.looks++
    const others = naturals.filter((link) => link !== alone)
    Promise.all(ids.slice(0, LOOKS_MAX).map((id) => this.isExplained(alone, others, id)))
      .then((explained) => {
        if (!explained.includes(true)) this.tell(alone.name)
      })
      // A link broke: what its member has is looked at otherwise.
      .catch(() => {})
      .finally(() => this.looks--)
  }

  /**
   * Whether fields of the key have expired lately, or have on some replica without being removed, and the one does not lack what the others
   * have for longer.
   */
  private async isExplained(alone: Link, others: readonly Link[], id: KeyId): Promise<boolean> {
    const links = [alone, ...others]
    const [own, ...theirs] = await Promise.all(links.map((link) => this.look(link, id)))
    if (own === undefined || theirs.includes(undefined)) return false
    const nowMs = performance.now()
    const isSaid = links.some(({ expirations }) => expirations.fields.saidWithin(id, LATELY_MS, nowMs))
    if (!isSaid && ![own, ...theirs].some((hash) => hash!.hasExpired)) return false
    if (!own.isWhole) return true
    const lacked = [...theirs[0]!.fields].filter(
      (field) => !own.fields.has(field) && theirs.every((hash) => hash!.fields.has(field) || !hash!.isWhole),
    )
    return !(await lastsAny(others[0], id, lacked))
  }

  /** In its turn among what is emitted of the key. Undefined for what is no hash. */
  private look(link: Link, id: KeyId): Promise<Hash | undefined> {
    const { lanes } = this.order
    const { db, key } = keyOfId(id)
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error(`${link.name} was not asked`))
      const emit = () => {
        const questions = [link.call(['HLEN', key], db), link.call(['HRANDFIELD', key, String(FIELDS_MAX)], db)]
        Promise.all(questions).then(([length, fields]) => resolve(hashOf(length, fields)), reject)
      }
      if (lanes.active === 0 || !lanes.isAnyHeld(link, [id])) emit()
      else lanes.hold(link, [id], { reads: true, emit, dropped: lost, covered: lost })()
    })
  }
}

/** What of a hash has not expired. */
interface Hash {
  /** In latin1. */
  readonly fields: ReadonlySet<string>
  /** These are all. */
  readonly isWhole: boolean
  /** It has some that have expired and were not removed. */
  readonly hasExpired: boolean
}

function hashOf(length: Reply, reply: Reply): Hash | undefined {
  if (isError(length) || isError(reply)) return undefined
  const fields = new Set((elementsOf(reply) ?? []).map((field) => (field as Buffer).toString('latin1')))
  const isWhole = fields.size < FIELDS_MAX
  return { fields, isWhole, hasExpired: isWhole && Number(length) > fields.size }
}

/** Whether one of these fields is there and does not expire soon. */
async function lastsAny(link: Link, id: KeyId, fields: readonly string[]): Promise<boolean> {
  if (fields.length === 0) return false
  const { db, key } = keyOfId(id)
  const names = fields.map((field) => Buffer.from(field, 'latin1'))
  const reply = await link.call(['HPEXPIRETIME', key, 'FIELDS', String(names.length), ...names], db)
  const endMs = preciseNowMs() + link.clockOffsetMs + REMOVED_MS
  return (elementsOf(reply) ?? []).some((deadline) => deadline === -1 || Number(deadline) > endMs)
}
