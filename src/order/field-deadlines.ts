import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { expiresFields } from '../backend/server-kind.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { nameOf } from '../base/name-of.js'
import { elementsOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import type { Lanes } from './lanes.js'

/*
 * Fields of hashes expire one by one on newer servers. Until a server has removed one it may answer as if it were there (HDEL 1, HSET 0 on
 * Redis), and each removes it when it comes to it: so equal copies answer differently, and nobody has lost anything [design §7 Expiry].
 * Servers say which hash it was (`hexpired`), not which field.
 */

/** A server that is behind has nearly always removed by then what another one has. */
const REMOVED_MS = 1000
/** What has not expired by then has not on any server. */
const SOON_MS = 3000
/** What was said for so long may explain that a copy differs, if what it has now does not show that something else is missing. */
const LATELY_MS = 30_000
/** About so many fields are looked at; of hashes that lie in one piece, all. */
const FIELDS_COUNT = 100
/** Of so many keys of a command, for so many commands at a time: who has lost more than these has been found. */
const KEYS_MAX = 20
const INQUIRIES_MAX = 50

/** Whether the hashes of all these servers may have fields that expire. */
export function haveFieldDeadlines(links: readonly Link[]): boolean {
  return links.every(({ info }) => info !== undefined && expiresFields(info.kind))
}

/**
 * Whether a member has just removed fields of one of these keys: then it may answer otherwise than who has not yet. It does not matter for
 * what is stored, so between the two the master is right.
 */
export function hasRemovedFields({ info, expirations }: Link, ids: readonly KeyId[]): boolean {
  if (info === undefined || !expiresFields(info.kind)) return false
  const nowMs = performance.now()
  return ids.some((id) => expirations.fields.saidWithin(id, REMOVED_MS, nowMs))
}

/** What the replicas of some keys have, as they were asked in one turn. */
export interface Inquiry {
  readonly links: readonly Link[]
  readonly ids: readonly KeyId[]
  /** Of each of the keys, from each of them; undefined for what is no hash. Nothing where nobody has to be asked, or too many are. */
  readonly answers: Promise<readonly (readonly (Hash | undefined)[])[]> | undefined
}

/** Tells of members that stand alone against the other replicas of a key, unless fields that expire are the reason. */
export class LoneMembers {
  private inquiries = 0

  constructor(
    private readonly lanes: Lanes,
    private readonly tell: (member: string) => void,
  ) {}

  /**
   * The natural replicas have said different things of one of these keys, and one of them may stand alone. To be called before any of them is
   * in doubt for that: then they are asked before they get what another one has.
   */
  inquire(ids: readonly KeyId[], links: readonly Link[]): Inquiry {
    if (this.inquiries >= INQUIRIES_MAX || !haveFieldDeadlines(links)) return { links, ids, answers: undefined }
    this.inquiries++
    const some = ids.slice(0, KEYS_MAX)
    const answers = Promise.all(some.map((id) => Promise.all(links.map((link) => this.look(link, id)))))
    const over = () => {
      this.inquiries--
    }
    answers.then(over, over)
    return { links, ids: some, answers }
  }

  /** This one does. */
  note(alone: Link, { links, ids, answers }: Inquiry): void {
    if (!haveFieldDeadlines(links)) this.tell(alone.name)
    answers
      ?.then(async (hashes) => {
        const explained = await Promise.all(ids.map((id, k) => isExplained(alone, links, id, hashes[k])))
        if (!explained.includes(true)) this.tell(alone.name)
      })
      // A link broke: what its member has is looked at otherwise.
      .catch(() => {})
  }

  /** In its turn among what is emitted of the key. Undefined for what is no hash. */
  private look(link: Link, id: KeyId): Promise<Hash | undefined> {
    const { lanes } = this
    const { db, key } = keyOfId(id)
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error(`${link.name} was not asked`))
      const emit = () => {
        Promise.all([link.call(['HLEN', key], db), link.call(scanOf(key), db)]).then(
          ([length, page]) => resolve(hashOf(length, page)),
          reject,
        )
      }
      if (lanes.active === 0 || !lanes.isAnyHeld(link, [id])) emit()
      else lanes.hold(link, [id], { reads: true, emit, dropped: lost, covered: lost })()
    })
  }
}

/**
 * Whether fields of the key have expired lately, or have on some replica without being removed, and the one does not lack what the others
 * have for longer.
 */
async function isExplained(
  alone: Link,
  links: readonly Link[],
  id: KeyId,
  hashes: readonly (Hash | undefined)[],
): Promise<boolean> {
  const known = hashes.filter((hash) => hash !== undefined)
  if (known.length < hashes.length) return false
  const nowMs = performance.now()
  const isSaid = links.some(({ expirations }) => expirations.fields.saidWithin(id, LATELY_MS, nowMs))
  if (!isSaid && !known.some(({ hasExpired }) => hasExpired)) return false
  const own = known[links.indexOf(alone)]
  if (!own.isWhole) return true
  const theirs = known.filter((hash) => hash !== own)
  const isTheirs = (name: string) => theirs.every(({ fields, isWhole }) => fields.has(name) || !isWhole)
  const lacked = [...theirs[0].fields].flatMap(([name, field]) => {
    return own.fields.has(name) || !isTheirs(name) ? [] : [field]
  })
  return !(await lastsAny(links.find((link) => link !== alone)!, id, lacked))
}

/** What of a hash has not expired. */
interface Hash {
  /** By their names. */
  readonly fields: ReadonlyMap<string, Buffer>
  /** These are all. */
  readonly isWhole: boolean
  /** It has some that have expired and were not removed. */
  readonly hasExpired: boolean
}

/** Gives fields that have not expired, about so many of them or all. */
function scanOf(key: Buffer): (string | Buffer)[] {
  return ['HSCAN', key, '0', 'COUNT', String(FIELDS_COUNT), 'NOVALUES']
}

function hashOf(length: Reply, page: Reply): Hash | undefined {
  const [cursor, names] = isError(length) || isError(page) ? [] : (elementsOf(page) ?? [])
  if (cursor === undefined) return undefined
  const fields = new Map((elementsOf(names) ?? []).map((field) => [nameOf(field as Buffer), field as Buffer]))
  const isWhole = String(cursor) === '0'
  return { fields, isWhole, hasExpired: isWhole && Number(length) > fields.size }
}

/**
 * Whether each of these members has something of one of the keys that does not expire soon. To be called while nothing is sent to them that
 * changes the keys.
 */
export async function lastsOnAll(links: readonly Link[], ids: readonly KeyId[]): Promise<boolean> {
  for (const id of ids) {
    const lasts = await Promise.all(links.map((link) => hasLasting(link, id)))
    if (!lasts.includes(false)) return true
  }
  return false
}

async function hasLasting(link: Link, id: KeyId): Promise<boolean> {
  const { db, key } = keyOfId(id)
  const [length, page] = await Promise.all([link.call(['HLEN', key], db), link.call(scanOf(key), db)])
  const hash = hashOf(length, page)
  return hash === undefined || !hash.isWhole || (await lastsAny(link, id, [...hash.fields.values()]))
}

/** Whether one of these fields is there and does not expire soon. */
async function lastsAny(link: Link, id: KeyId, fields: readonly Buffer[]): Promise<boolean> {
  if (fields.length === 0) return false
  const { db, key } = keyOfId(id)
  const reply = await link.call(['HPEXPIRETIME', key, 'FIELDS', String(fields.length), ...fields], db)
  const endMs = preciseNowMs() + link.clockOffsetMs + SOON_MS
  return (elementsOf(reply) ?? []).some((deadline) => deadline === -1 || Number(deadline) > endMs)
}
