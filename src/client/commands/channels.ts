import { tracing } from '../../backend/tracing.js'
import { type Channels, type Kind, NOT_TOLD, Subscriber } from '../../channels/channels.js'
import { wrongWordsError } from '../../command/errors.js'
import type { CommandRow } from '../../command/row.js'
import { encodeReply, error, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, ownFrame } from '../../resp/frame.js'
import { ClientEar } from '../client-ear.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'
import { isUntold, type Slot } from '../slot.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'cachedKeys' | 'channels' | 'log' | 'pushLimits' | 'slowLog' | 'traces'>

/*
 * SUBSCRIBE, PUBLISH, and what belongs to them [Redis pubsub.c]. They take effect in the order of the client's commands: what one
 * subscribes to begins behind all replies to commands before, so that no message comes before its confirmation. A message leaves
 * at once: the writes that its client sent before have been emitted, or the client would have been paused, so whoever is told
 * by the message and reads finds them. But while clients have caches of their own, which are told of a write when it is answered, it waits
 * for that: who is told by the message would read his cache.
 */

/** A pattern takes several times its size. */
const PATTERN_BYTES_MAX = 64 * 1024

/** What is answered when so few have been told. */
const FEW: readonly Buffer[] = Array.from({ length: 16 }, (_, count) => Buffer.from(`:${count}\r\n`))
/** To copy more takes its time. */
const SHORT_BYTES = 16 * 1024
const NOTHING = Buffer.alloc(0)
const TOO_LONG = error(
  `ERR patterns may have ${PATTERN_BYTES_MAX} bytes at most with this proxy; nothing was subscribed to`,
)
const TOO_MANY_STEPS = error(
  'ERR it takes too long to compare the name of this channel with the patterns to which clients listen; nothing was published',
)
const NOT_LOOKED_FOR = error(
  `ERR patterns may have ${PATTERN_BYTES_MAX} bytes at most with this proxy; no channel was looked for`,
)

interface Verb {
  /** Whether it waits until all replies before its own have been sent, and is answered whatever CLIENT REPLY says. */
  readonly isListening: boolean
  /** The bytes of its replies: of one for each channel, or one. */
  readonly run: (server: Needs, client: Connection, frame: Frame, proto: 2 | 3) => Buffer
  /** Of one that publishes: finds those who are to be told. When that does not take long, `tell` does it instead of `run`. */
  readonly prepare?: (channels: Channels, frame: Frame) => boolean
  /** What it is refused with between MULTI and EXEC. */
  readonly refusedInExec?: Reply
}

const answered = (reply: (channels: Channels, frame: Frame) => Reply): Verb => ({
  isListening: false,
  run: ({ channels }, _client, frame, proto) => encodeReply(reply(channels, frame), proto),
})

const published = (prepare: (channels: Channels, frame: Frame) => boolean): Verb => ({
  isListening: false,
  run: ({ channels }, _client, frame) => {
    prepare(channels, frame)
    return tell(channels, frame)
  },
  prepare,
})

/** Tells those who were found. */
function tell(channels: Channels, frame: Frame): Buffer {
  const sent = channels.tell(frame)
  if (sent === NOT_TOLD) return encodeReply(TOO_MANY_STEPS, 2)
  return sent < FEW.length ? FEW[sent] : Buffer.from(`:${sent}\r\n`)
}

/** Redis lets nobody who may not be blocked listen, but for SUBSCRIBE and PSUBSCRIBE in a transaction, as it always did. */
const NOT_IN_EXEC = error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")

const subscribe = (kind: Kind): Verb => ({
  isListening: true,
  run: (server, client, frame, proto) => {
    if (client.closed) return NOTHING
    const names = argumentsOf(frame)
    if (kind === 'pattern' && names.some(({ length }) => length > PATTERN_BYTES_MAX))
      return encodeReply(TOO_LONG, proto)
    const { session } = client
    const subscriber = (session.subscriber ??= subscriberOf(server, client))
    const told = names.map((name) => subscriber.subscribe(kind, name).in(proto))
    session.listeningChanged()
    return Buffer.concat(told)
  },
})

const unsubscribe = (kind: Kind): Verb => ({
  isListening: true,
  run: (server, client, frame, proto) => {
    const { session } = client
    const subscriber = session.subscriber ?? subscriberOf(server, client)
    const told =
      frame.argc === 1
        ? subscriber.unsubscribeAll(kind)
        : argumentsOf(frame).map((name) => subscriber.unsubscribe(kind, name))
    session.listeningChanged()
    return Buffer.concat(told.map((message) => message.in(proto)))
  },
})

const names = (kind: Kind): Verb =>
  answered((channels, frame) => {
    if (frame.argc > 3) return wrongWordsError('pubsub', argumentOf(frame, 1))
    const pattern = frame.argc === 3 ? argumentOf(frame, 2) : undefined
    return pattern !== undefined && pattern.length > PATTERN_BYTES_MAX ? NOT_LOOKED_FOR : channels.names(kind, pattern)
  })

const numbers = (kind: Kind): Verb =>
  answered((channels, frame) =>
    argumentsOf(frame)
      .slice(1)
      .flatMap((name) => [name, channels.listeners(kind, name)]),
  )

/** By the names of their rows. */
const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries({
    publish: published((channels, frame) => channels.prepare(frame)),
    spublish: published((channels, frame) => channels.prepareInShard(frame)),
    subscribe: subscribe('channel'),
    psubscribe: subscribe('pattern'),
    ssubscribe: { ...subscribe('shard'), refusedInExec: NOT_IN_EXEC },
    unsubscribe: unsubscribe('channel'),
    punsubscribe: unsubscribe('pattern'),
    sunsubscribe: unsubscribe('shard'),
    'pubsub|channels': names('channel'),
    'pubsub|shardchannels': names('shard'),
    'pubsub|numsub': numbers('channel'),
    'pubsub|shardnumsub': numbers('shard'),
    'pubsub|numpat': answered((channels) => channels.count('pattern')),
  }),
)

/** The answer to one that asks who listens. */
export function channelsReply(
  server: Needs,
  client: Connection,
  frame: Frame,
  { name }: CommandRow,
  proto: 2 | 3,
): Buffer {
  return verbs.get(name)!.run(server, client, frame, proto)
}

/** Serves a command of the route `channels`. */
export function serveChannels(server: Needs, client: Connection, frame: Frame, row: CommandRow): void {
  const { channels, slowLog } = server
  const verb = verbs.get(row.name)!
  const isNow = !verb.isListening && !waitsForWrites(server, client)
  const isShort = frame.end - frame.start <= SHORT_BYTES && slowLog.ticks !== 0 && !tracing.isOn
  if (isNow && isShort && verb.prepare?.(channels, frame)) {
    client.replyBytes(tell(channels, frame))
    slowLog.servedQuickly(row)
    return
  }
  client.stint.mayBeLong() // Many may be told.
  const beganMs = performance.now()
  if (isNow) client.replyBytes(verb.run(server, client, frame, client.session.proto))
  else serveInTurn(server, client, frame, row, verb)
  slowLog.served(client, frame, row, beganMs)
  if (tracing.isOn && isNow) server.traces.served(client, row.name, beganMs)
}

/** Whether caches are still to be told of what the client has written. */
function waitsForWrites({ cachedKeys }: Needs, { queue }: Connection): boolean {
  return cachedKeys.any && queue.length > 0 && isUntold(queue)
}

/** The same through a slot, now or when its turn comes. */
function serveInTurn(
  server: Needs,
  client: Connection,
  frame: Frame,
  row: CommandRow,
  { isListening, run }: Verb,
): void {
  const isFirst = client.queue.length === 0
  const slot = client.takeSlot(0)
  if (isListening) slot.silent = false
  if (tracing.isOn) server.traces.serve(client, row.name, slot, () => {})
  const finish = (own: Frame) => {
    const bytes = run(server, client, own, slot.proto)
    slot.finish(bytes, 0, bytes.length, true)
  }
  if (isFirst) {
    finish(frame)
    return
  }
  const own = ownFrame(frame)
  slot.pauseClient()
  void slot.whenFirst().then(() => {
    try {
      finish(own)
    } catch (failure) {
      slot.fail(failure as Error, false)
    }
  })
}

/** What such a command does as part of a transaction, when that has been executed: gives the bytes of its replies. */
export function channelsInExec(
  server: Needs,
  client: Connection,
  frame: Frame,
  row: CommandRow,
  slot: Slot,
): () => Buffer {
  const { run, refusedInExec } = verbs.get(row.name)!
  const { proto } = client.session
  return () => {
    if (refusedInExec !== undefined) return encodeReply(refusedInExec, proto)
    slot.tellWritten()
    // What it sends to its own client stands inside the reply to EXEC, as with Redis.
    const aside: Buffer[] = []
    client.session.aside = aside
    const { pace } = client.surroundings.clients
    const { acting } = pace
    pace.acting = client
    try {
      const reply = run(server, client, frame, proto)
      return aside.length === 0 ? reply : Buffer.concat([...aside, reply])
    } finally {
      client.session.aside = undefined
      pace.acting = acting
    }
  }
}

function subscriberOf({ channels, pushLimits, log }: Needs, client: Connection): Subscriber {
  return new Subscriber(channels, new ClientEar(client, pushLimits, log))
}

function argumentsOf(frame: Frame): Buffer[] {
  const args: Buffer[] = []
  for (let i = 1; i < frame.argc; i++) args.push(argumentOf(frame, i))
  return args
}
