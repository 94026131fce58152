import { Glob } from '../base/glob.js'
import { nameOf } from '../base/name-of.js'
import { PatternIndex, type Place } from '../base/pattern-index.js'
import type { Frame } from '../resp/frame.js'
import { mayBeOfEvents } from './keyspace-flags.js'
import { bodyStart, type Heads, headsOf, Message, Published } from './messages.js'

/**
 * Publish and subscribe: who listens to what. All channels of the ring are here, and no server knows of them, so a message is
 * there for all who listen in the turn in which it is published [design §7 Channels].
 *
 *     client/commands/channels ──subscribe, publish──> Channels ──Ear.push──> client/connection
 */

/** Somebody who listens. It knows how its bytes are sent; nothing here does. */
export interface Ear {
  readonly proto: 2 | 3
  push(bytes: Buffer): void
  /** The same for bytes that lie in two places; those in `buf` are others after the call. */
  pushBehind(head: Buffer, buf: Buffer, start: number, end: number): void
}

/** The three kinds of what one can listen to: channels, patterns of their names, and channels of a namespace of their own. */
export type Kind = 'channel' | 'pattern' | 'shard'

/** The words of each kind. */
const WORDS = {
  channel: { subscribe: 'subscribe', unsubscribe: 'unsubscribe' },
  pattern: { subscribe: 'psubscribe', unsubscribe: 'punsubscribe' },
  shard: { subscribe: 'ssubscribe', unsubscribe: 'sunsubscribe' },
} as const

const HEADS = { channel: headsOf('message'), shard: headsOf('smessage') } as const

/** In the place of how many were told. */
export const NOT_TOLD = -1
const NONE: readonly never[] = []
const FEW_LISTENERS = 16

/** A channel, or a pattern, that somebody listens to. */
class Topic {
  readonly listeners = new Set<Subscriber>()
  /** Of a pattern: where it is found. */
  place: Place<Topic> | undefined

  constructor(
    readonly name: string,
    readonly bytes: Buffer,
  ) {}

  /** Whether it is called by the bytes of `buf` from `start` to `end`. */
  isCalled(buf: Buffer, start: number, end: number): boolean {
    const { bytes } = this
    if (bytes.length !== end - start) return false
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== buf[start + i]) return false
    return true
  }
}

/** Who gets a message. */
interface Audience {
  /** Who listens to its channel. */
  topic: Topic | undefined
  heads: Heads
  /** What matches the channel's name. */
  patterns: readonly Topic[]
  /** It would take too long to find out whose patterns match. */
  isUnknown: boolean
}

/** What one client listens to; it ends with the client. */
export class Subscriber {
  private readonly topics: Record<Kind, Set<Topic> | undefined> = {
    channel: undefined,
    pattern: undefined,
    shard: undefined,
  }

  constructor(
    private readonly channels: Channels,
    readonly ear: Ear,
  ) {}

  count(kind: Kind): number {
    return this.topics[kind]?.size ?? 0
  }

  /** All that it listens to. */
  get total(): number {
    return this.count('channel') + this.count('pattern') + this.count('shard')
  }

  /** Whether all that it listens to is so. */
  every(isSo: (kind: Kind, name: Buffer) => boolean): boolean {
    return (['channel', 'pattern', 'shard'] as const).every((kind) => {
      return [...(this.topics[kind] ?? [])].every(({ bytes }) => isSo(kind, bytes))
    })
  }

  /** The bytes of their names. */
  get nameBytes(): number {
    let bytes = 0
    for (const topics of Object.values(this.topics)) for (const topic of topics ?? []) bytes += topic.bytes.length
    return bytes
  }

  /** Listens from now on; gives what its client is told. */
  subscribe(kind: Kind, name: Buffer): Message {
    const topic = this.channels.topic(kind, name)
    const topics = (this.topics[kind] ??= new Set())
    topics.add(topic)
    topic.listeners.add(this)
    return this.confirmation(kind, WORDS[kind].subscribe, name)
  }

  /** The same for listening no more, whether it listened or not. */
  unsubscribe(kind: Kind, name: Buffer): Message {
    const topic = this.channels.known(kind, name)
    if (topic !== undefined) this.leave(kind, topic)
    return this.confirmation(kind, WORDS[kind].unsubscribe, name)
  }

  /** The same for all of a kind, one by one; at least one message. */
  unsubscribeAll(kind: Kind): Message[] {
    const { unsubscribe } = WORDS[kind]
    const topics = [...(this.topics[kind] ?? [])]
    if (topics.length === 0) return [this.confirmation(kind, unsubscribe, null)]
    return topics.map((topic) => {
      this.leave(kind, topic)
      return this.confirmation(kind, unsubscribe, topic.bytes)
    })
  }

  /** A message for it alone, as if it had been published on that channel. */
  tell(channel: Buffer, text: Buffer): void {
    const { ear, topics } = this
    for (const topic of topics.channel ?? []) {
      if (topic.bytes.equals(channel)) ear.push(new Message(['message', channel, text]).in(ear.proto))
    }
    for (const { bytes } of topics.pattern ?? []) {
      if (!new Glob(bytes, false, channel.length).matches(channel)) continue
      ear.push(new Message(['pmessage', bytes, channel, text]).in(ear.proto))
    }
  }

  /** It listens to nothing any more. */
  end(): void {
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const topic of this.topics[kind] ?? []) this.leave(kind, topic)
    }
  }

  private leave(kind: Kind, topic: Topic): void {
    const topics = this.topics[kind]
    if (topics?.delete(topic) !== true) return
    if (topics.size === 0) this.topics[kind] = undefined
    topic.listeners.delete(this)
    if (topic.listeners.size === 0) this.channels.forget(kind, topic)
  }

  /** Channels and patterns are counted together [Redis pubsub.c clientSubscriptionsCount]. */
  private confirmation(kind: Kind, word: string, name: Buffer | null): Message {
    const count = kind === 'shard' ? this.count('shard') : this.count('channel') + this.count('pattern')
    return new Message([word, name, count])
  }
}

export class Channels {
  private readonly topics: Readonly<Record<Kind, Map<string, Topic>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  }
  private readonly patterns = new PatternIndex<Topic>()
  private readonly found: Topic[] = []
  /** What was found last: much is published to one channel, and its name is compared sooner than looked up. */
  private readonly last: Record<'channel' | 'shard', Topic | undefined> = { channel: undefined, shard: undefined }
  private readonly audience: Audience = { topic: undefined, heads: HEADS.channel, patterns: NONE, isUnknown: false }
  /** How many channels and patterns are listened to on which keyspace events may be published; told when there are some or none. */
  private ofEvents = 0
  onEventsWanted: () => void = () => {}

  /** Whether somebody listens who may be told of keyspace events. */
  get areEventsWanted(): boolean {
    return this.ofEvents > 0
  }

  /** How many channels, or patterns, are listened to. */
  count(kind: Kind): number {
    return this.topics[kind].size
  }

  /** How many listen to it. */
  listeners(kind: Kind, name: Buffer): number {
    return this.known(kind, name)?.listeners.size ?? 0
  }

  /** How many would get a message that is published there now. */
  receivers(kind: 'channel' | 'shard', channel: Buffer): number {
    let count = this.listeners(kind, channel)
    if (kind === 'shard') return count
    if (!this.patterns.find(channel, 0, channel.length, this.found) && this.patterns.gaveUp) return 0
    for (const pattern of this.found.splice(0)) count += pattern.listeners.size
    return count
  }

  /** The channels of a kind that are listened to, and match the pattern if there is one. */
  names(kind: Kind, pattern: Buffer | undefined): Buffer[] {
    const all = [...this.topics[kind].values()].map(({ bytes }) => bytes)
    if (pattern === undefined) return all
    const longest = all.reduce((most, { length }) => Math.max(most, length), 0)
    const glob = new Glob(pattern, false, longest)
    return all.filter((bytes) => glob.matches(bytes))
  }

  /**
   * Sends a message, the second argument of the frame, to all who listen to the channel that is the first one, and to those whose
   * patterns match it: who listens in several ways gets it several times. Gives how many were sent; NOT_TOLD when it would take too long to
   * find out whose patterns match: nobody is told then.
   */
  publish(frame: Frame): number {
    this.prepare(frame)
    return this.tell(frame)
  }

  /** The same for a channel of the other namespace, for which there are no patterns. */
  publishInShard(frame: Frame): number {
    this.prepareInShard(frame)
    return this.tell(frame)
  }

  /** The first half of `publish`: finds whom `tell`, which comes next, tells. False when the two may take long. */
  prepare({ buf, argStart, argEnd }: Frame): boolean {
    const { audience, found } = this
    const topic = this.find('channel', buf, argStart[1], argEnd[1])
    audience.topic = topic
    audience.heads = HEADS.channel
    const isQuick = this.patterns.find(buf, argStart[1], argEnd[1], found)
    // Who is told may be cut off and leave, so that patterns go.
    audience.patterns = found.length === 0 ? NONE : found.splice(0)
    audience.isUnknown = !isQuick && this.patterns.gaveUp
    return isQuick && audience.patterns.length === 0 && isFew(topic)
  }

  /** The same of `publishInShard`. */
  prepareInShard({ buf, argStart, argEnd }: Frame): boolean {
    const { audience } = this
    const topic = this.find('shard', buf, argStart[1], argEnd[1])
    audience.topic = topic
    audience.heads = HEADS.shard
    audience.patterns = NONE
    audience.isUnknown = false
    return isFew(topic)
  }

  /** The second half of both. */
  tell(frame: Frame): number {
    const { topic, heads, patterns, isUnknown } = this.audience
    if (isUnknown) return NOT_TOLD
    let sent = topic === undefined ? 0 : tellDirectly(topic, heads, frame)
    if (patterns.length === 0) return sent
    const { buf, argStart, argEnd } = frame
    const channel = buf.subarray(argStart[1], argEnd[1])
    const bytes = buf.subarray(argStart[2], argEnd[2])
    for (const pattern of patterns) sent += send(pattern, new Message(['pmessage', pattern.bytes, channel, bytes]))
    return sent
  }

  /** For Subscriber: what is called so, which is made if need be. */
  topic(kind: Kind, name: Buffer): Topic {
    const topics = this.topics[kind]
    const key = nameOf(name, 0, name.length)
    const known = topics.get(key)
    if (known !== undefined) return known
    const topic = new Topic(key, Buffer.from(name))
    topics.set(key, topic)
    if (kind === 'pattern') topic.place = this.patterns.add(name, topic)
    if (isOfEvents(kind, name) && this.ofEvents++ === 0) this.onEventsWanted()
    return topic
  }

  /** For Subscriber: what is called so, if there is such. */
  known(kind: Kind, name: Buffer): Topic | undefined {
    return this.topics[kind].get(nameOf(name, 0, name.length))
  }

  /** For Subscriber: nobody listens to it any more. */
  forget(kind: Kind, topic: Topic): void {
    this.topics[kind].delete(topic.name)
    if (kind !== 'pattern' && this.last[kind] === topic) this.last[kind] = undefined
    if (topic.place !== undefined) this.patterns.remove(topic.place, topic)
    if (isOfEvents(kind, topic.bytes) && --this.ofEvents === 0) this.onEventsWanted()
  }

  private find(kind: 'channel' | 'shard', buf: Buffer, start: number, end: number): Topic | undefined {
    const topics = this.topics[kind]
    if (topics.size === 0) return undefined
    const last = this.last[kind]
    if (last?.isCalled(buf, start, end)) return last
    const topic = topics.get(nameOf(buf, start, end))
    if (topic !== undefined) this.last[kind] = topic
    return topic
  }
}

function isOfEvents(kind: Kind, name: Buffer): boolean {
  return kind !== 'shard' && mayBeOfEvents(name, kind === 'pattern')
}

/** To tell so many takes no longer than other commands. */
function isFew(topic: Topic | undefined): boolean {
  return topic === undefined || topic.listeners.size <= FEW_LISTENERS
}

/** For those who listen to just that channel. Bytes for one are copied to where they leave, and nowhere else. */
function tellDirectly(topic: Topic, heads: Heads, frame: Frame): number {
  const { listeners } = topic
  if (listeners.size > 1) return send(topic, new Published(heads, frame))
  for (const { ear } of listeners) ear.pushBehind(heads[ear.proto - 2], frame.buf, bodyStart(frame), frame.end)
  return 1
}

function send({ listeners }: Topic, message: Message | Published): number {
  let sent = 0
  for (const { ear } of listeners) {
    ear.push(message.in(ear.proto))
    sent++
  }
  return sent
}
