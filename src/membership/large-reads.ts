import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import { findKeys } from '../command/keys.js'
import { lookupCommand } from '../command/table.js'
import type { Order } from '../order/order.js'
import type { Router } from '../order/router.js'
import { frameIn } from '../resp/frame.js'
import { isSilent, type Silence, silenceOf } from './silence.js'

/** Of so many keys at most it is asked how large they are; of a command that has more, of so many that stand far apart, for all. */
const KEYS_MAX = 1000
/**
 * Of so many commands at most it is looked whether they read: nobody is served meanwhile. A transaction that has more is waited for long
 * enough, whatever these are [block.ts].
 */
const COMMANDS_MAX = 2000
/** Less does not keep a server from saying something for as long as the Sentinels wait. */
const LARGE_BYTES = 16 * 1024 * 1024
/** A gigabyte takes a server about a second to copy for a reply, on a busy machine some. */
const MS_PER_BYTE = 5000 / 1024 ** 3
const READS_MS_MAX = 30_000

/** A key that a server was asked for, and who else has it. */
interface Asked {
  readonly key: Buffer
  readonly db: number
  readonly other: Link
  /** For so many keys it stands. */
  readonly keys: number
}

/**
 * Why a server says nothing: LRANGE, HGETALL, MGET or SMEMBERS of a gigabyte copy it for a second or more, in which the server answers
 * nobody, nor the Sentinels. What it was asked for tells: another replica says how large it is [design §8 Membership]. Who
 * is asked to be taken for dead meanwhile is spared as long as that may take: it would be filled again for nothing, and whoever asked would
 * be told to try again, and silence the next one.
 */
export class LargeReads {
  /** When the silence began of which it was asked last. */
  private readonly asked = new WeakMap<Link, number>()

  /** A server is silent: asks others, once for each silence, how large what it was asked for is. */
  look(link: Link, router: Router, nowMs: number): void {
    const sinceMs = link.lastReceivedMs
    if (this.asked.get(link) === sinceMs) return
    this.asked.set(link, sinceMs)
    void this.ask(link, sinceMs, keysRead(link, router, nowMs))
  }

  private async ask(link: Link, sinceMs: number, keys: readonly Asked[]): Promise<void> {
    const sizes = await Promise.allSettled(keys.map(({ key, db, other }) => other.call(['MEMORY', 'USAGE', key], db)))
    let bytes = 0
    // What is not there, or was not told, is not large.
    for (const [i, size] of sizes.entries()) {
      if (size.status === 'fulfilled' && typeof size.value === 'number') bytes += size.value * keys[i].keys
    }
    if (bytes < LARGE_BYTES) return
    link.owed.readsUntilMs = sinceMs + Math.min(READS_MS_MAX, bytes * MS_PER_BYTE)
  }
}

/** The keys of reads that a server has not answered, as often as it reads them; those that somebody has who is not silent. */
function keysRead(link: Link, router: Router, nowMs: number): Asked[] {
  const keys: Asked[] = []
  const indexes: number[] = []
  let commands = 0
  link.owed.visit((buf, start, end, db) => {
    for (let pos = start; pos < end && keys.length < KEYS_MAX && commands < COMMANDS_MAX; commands++) {
      const frame = frameIn(buf, pos)
      pos = frame.end
      const row = lookupCommand(buf, frame.argStart[0], frame.argEnd[0])
      const isRead = row?.replicate === 'none' && (row.route === 'key' || row.route === 'split')
      const count = isRead ? findKeys(row, frame, indexes) : 0
      const step = Math.ceil(count / (KEYS_MAX - keys.length))
      for (let k = 0; k < count; k += step) {
        const [from, to] = [frame.argStart[indexes[k]], frame.argEnd[indexes[k]]]
        const { natural } = router.routeOfKey(buf, from, to)
        const other = natural.find((each) => each !== link && each.ready && !isSilent(each, nowMs))
        if (other === undefined) continue
        keys.push({ key: Buffer.from(buf.subarray(from, to)), db, other, keys: Math.min(step, count - k) })
      }
    }
  })
  return keys
}

/** Who has taken something of what waits to be sent within this takes it. */
const TAKING_MS = 1000

/** Which servers take what they are sent: one that is sent a gigabyte says nothing before it has it. */
class Sending {
  private readonly taken = new WeakMap<Link, { bytes: number; atMs: number }>()

  look(links: readonly Link[], nowMs: number): Set<string> {
    const sending = new Set<string>()
    for (const link of links) {
      const bytes = link.sentBytes - link.unsentBytes
      const before = this.taken.get(link)
      const last = before?.bytes === bytes ? before : { bytes, atMs: nowMs }
      this.taken.set(link, last)
      if (link.unsentBytes > 0 && nowMs - last.atMs < TAKING_MS) sending.add(link.name)
    }
    return sending
  }
}

/** Gives who is silent now, and looks for the reasons. */
export function watchSilence(links: Links, order: Order): () => Silence {
  const largeReads = new LargeReads()
  const uploads = new Sending()
  return () => {
    const nowMs = performance.now()
    const all = links.all()
    const sending = uploads.look(all, nowMs)
    for (const link of all) if (isSilent(link, nowMs)) largeReads.look(link, order.router, nowMs)
    return silenceOf(all, order.router.view, nowMs, sending)
  }
}
