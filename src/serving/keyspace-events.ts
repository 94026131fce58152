import { EVENTS, type KeyEvent } from '../backend/event-pushes.js'
import { type Link, LinkLostError } from '../backend/link.js'
import { expiringClasses } from '../backend/server-settings.js'
import { type KeyId, keyId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import type { Channels } from '../channels/channels.js'
import { EVERYTHING_OFF, type KeyspaceFlags } from '../channels/keyspace-flags.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { isError } from '../resp/encode.js'
import { frameOf } from '../resp/frame.js'
import { replicaSetOfKey } from '../view/build-view.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'

/** So many keys that have expired are remembered, so that nobody tells of one a second time. */
const EXPIRED_MAX = 10_000
const EXPIRED_MS = 10 * 60_000
/** A member that does not allow it (by an ACL) breaks the link each time: it is not asked more often. */
const TRIES_MAX = 3

/** All events of hashes, and no others: newer servers tell of them because fields expire. */
const OF_HASHES = /^h/

/** The commands of a link from this number on were emitted in this view. */
interface Era {
  readonly from: number
  readonly view: View
}

/**
 * What happens to keys, published on channels as Redis does it (`notify-keyspace-events`) [design §7 Keyspace events]. All replicas of a
 * key tell of each of its writes; clients are told by one of them:
 *
 *     a client's command     by the member that was the key's master when the command was emitted, so once, whatever the view is
 *                            when its word is here
 *     a key has expired      by its present master, unless another one has told of that already
 *     what the proxy does    copies, repairs, deletions of displaced copies: by nobody
 *
 * Members tell, and links listen, only while clients listen who may be told.
 */
export class KeyspaceEvents {
  private setFlags: KeyspaceFlags = EVERYTHING_OFF
  private isOn = false
  private readonly eras = new Map<Link, Era[]>()
  /** Members that do not let themselves be listened to. */
  private readonly silent = new Set<string>()
  /** How often each was asked for, and the connection broke. */
  private readonly tries = new Map<string, number>()
  private readonly expired = new Map<KeyId, { readonly link: Link; readonly atMs: number }>()

  constructor(
    private readonly channels: Channels,
    private readonly views: ViewStore,
    private readonly links: { all(): readonly Link[] },
    private readonly log: Logger,
  ) {
    channels.onEventsWanted = () => this.look()
    views.onChange((view) => {
      for (const [link, eras] of this.eras) eras.push({ from: link.expirations.traffic().pushed, view })
    })
  }

  get flags(): KeyspaceFlags {
    return this.setFlags
  }

  set flags(flags: KeyspaceFlags) {
    this.setFlags = flags
    const wasOn = this.isOn
    this.look()
    if (wasOn && this.isOn) for (const link of this.links.all()) if (link.ready) this.configure(link)
  }

  /** A link can be used. */
  linkUp(link: Link): void {
    if (this.isOn) this.begin(link)
  }

  /** Whether clients are to be told may have changed. */
  private look(): void {
    const { ofKeys, ofEvents, classes } = this.setFlags
    const isOn = (ofKeys || ofEvents) && classes !== '' && this.channels.areEventsWanted
    if (isOn === this.isOn) return
    this.isOn = isOn
    for (const link of this.links.all()) {
      if (!link.ready) link.events.isOn = false
      else if (isOn) this.begin(link)
      else this.end(link)
    }
    if (isOn) return
    this.eras.clear()
    this.expired.clear()
  }

  private begin(link: Link): void {
    if (this.silent.has(link.name)) return
    this.eras.set(link, [{ from: 0, view: this.views.current }])
    link.events.begin()
    link.events.isOn = true
    link.events.onEvent = (event) => this.happened(link, event)
    this.listen(link, 'PSUBSCRIBE')
    this.configure(link)
  }

  private end(link: Link): void {
    link.events.isOn = false
    this.listen(link, 'PUNSUBSCRIBE')
    this.configure(link)
  }

  private listen(link: Link, word: 'PSUBSCRIBE' | 'PUNSUBSCRIBE'): void {
    const tries = (this.tries.get(link.name) ?? 0) + 1
    this.tries.set(link.name, tries)
    if (tries > TRIES_MAX) {
      this.refused(link, 'it ends the connection that asks for that')
      return
    }
    link.listen(word, EVENTS).then(
      () => this.tries.delete(link.name),
      () => {}, // The connection broke, for that reason or another.
    )
  }

  private refused(link: Link, reason: string): void {
    this.silent.add(link.name)
    this.log.warn(
      { event: 'keyspace-events-missing', member: link.name },
      `${link.name} does not tell of keyspace events: ${reason}`,
    )
  }

  /** Which events the member tells: those that the setting names, and which keys expire, which the proxy has to know. */
  private configure(link: Link): void {
    const before = link.info?.settings.get('notify-keyspace-events')
    const expiring = link.info === undefined ? 'x' : expiringClasses(link.info.kind)
    const flags = `${this.isOn ? this.setFlags.classes : (before ?? '')}E${expiring}`
    link.call(['CONFIG', 'SET', 'notify-keyspace-events', flags]).then(
      (reply) => {
        if (isError(reply)) this.refused(link, reply.message)
      },
      (failure: Error) => {
        if (!(failure instanceof LinkLostError)) throw failure
      },
    )
  }

  private happened(link: Link, event: KeyEvent): void {
    const { db, name, key, command } = event
    if (isHidden(key) || (OF_HASHES.test(name) && !this.setFlags.classes.includes('h'))) return
    if (name === 'expired') {
      if (!this.setFlags.classes.includes('x') || masterOf(this.views.current, key) !== link.name) return
      if (this.isToldByOther(link, keyId(db, key, 0, key.length))) return
    } else if (command === undefined || masterOf(this.viewAt(link, command), key) !== link.name) return
    const { ofKeys, ofEvents } = this.setFlags
    if (ofKeys) {
      const channel = Buffer.concat([Buffer.from(`__keyspace@${db}__:`), key])
      this.channels.publish(frameOf(['PUBLISH', channel, Buffer.from(name, 'latin1')]))
    }
    if (ofEvents) {
      const channel = Buffer.from(`__keyevent@${db}__:${name}`, 'latin1')
      this.channels.publish(frameOf(['PUBLISH', channel, key]))
    }
  }

  /** The view in which this command of a link was emitted. */
  private viewAt(link: Link, command: number): View {
    const eras = this.eras.get(link)!
    // What came before is answered.
    while (eras.length > 1 && eras[1].from <= command) eras.shift()
    return eras[0].view
  }

  /** Another copy of the key may expire later, when its member has become the master. */
  private isToldByOther(link: Link, id: KeyId): boolean {
    const { expired } = this
    const nowMs = performance.now()
    const before = expired.get(id)
    expired.delete(id)
    if (before !== undefined && before.link !== link && nowMs - before.atMs < EXPIRED_MS) return true
    expired.set(id, { link, atMs: nowMs })
    if (expired.size > EXPIRED_MAX) for (const oldest of expired.keys()) return !expired.delete(oldest)
    return false
  }
}

function masterOf(view: View, key: Buffer): string | undefined {
  return replicaSetOfKey(view, key, 0, key.length)?.natural[0]?.name
}
