import { isError, MapReply, type Reply } from '../resp/encode.js'
import { type Call, HandshakeError } from './call.js'
import { expiresFields, type ServerKind } from './server-kind.js'

/** Settings of a server by their names, as far as it tells them. */
export type Settings = ReadonlyMap<string, string>

/**
 * Whether a server frees memory in the background. A large value that is deleted takes seconds else, on all replicas of its
 * key at the same time, and the Sentinels take a server that says nothing for a dead one.
 */
const LAZY_FREE: readonly string[] = [
  'lazyfree-lazy-eviction',
  'lazyfree-lazy-expire',
  'lazyfree-lazy-server-del',
  'lazyfree-lazy-user-del',
  'lazyfree-lazy-user-flush',
]

/** On these it depends what becomes of a write: replicas that differ in them come to differ. */
const DECISIVE: readonly string[] = ['stream-node-max-entries', 'stream-node-max-bytes', 'proto-max-bulk-len']
/** Those of them that a member keeps as it had them when its link came up. How long values may be is changed while it runs. */
const KEPT: readonly string[] = ['stream-node-max-entries', 'stream-node-max-bytes']

/** Asks for everything that the ring has wishes about, in one command. */
const SETTINGS_QUERY: readonly string[] = [
  ...['CONFIG', 'GET', 'maxmemory-policy', 'databases', 'notify-keyspace-events', 'client-output-buffer-limit'],
  ...['busy-reply-threshold', 'min-replicas-to-write'],
  ...LAZY_FREE,
  ...DECISIVE,
]

/** Reads them. Managed servers may refuse CONFIG: then nothing is known, and the defaults are assumed. */
export async function readSettings(call: Call): Promise<Map<string, string>> {
  return settingsIn(await call(SETTINGS_QUERY))
}

function settingsIn(reply: Reply): Map<string, string> {
  if (!(reply instanceof MapReply)) return new Map()
  return new Map(reply.entries.map(([name, value]) => [String(name), String(value)]))
}

/** The classes of events of which those are that tell what expires: a hash is told of with all else that is done to hashes. */
export function expiringClasses(kind: ServerKind): string {
  return expiresFields(kind) ? 'xh' : 'x'
}

interface Wish {
  readonly name: string
  readonly before: string
  readonly value: string
}

/** What was set, what was refused that the ring can bear, in words, and whether what was set may have made copies differ. */
export interface Fitted {
  readonly set: readonly Wish[]
  readonly warnings: readonly string[]
  readonly matters: boolean
}

/**
 * What is to be set on a server that has these settings: it publishes which keys expire, beside what it publishes already
 * [design §7 Expiry], bears long replies, never evicts, does not wait for replicas of its own, frees memory in the background, and does as it
 * did (`kept`).
 *
 * @param expiring see `expiringClasses`
 */
export function wishesOf(settings: Settings, kept: Settings = settings, expiring = 'x'): Wish[] {
  const wishes: Wish[] = []
  const wish = (name: string, isFit: (value: string) => boolean, value: (before: string) => string) => {
    const before = settings.get(name)
    if (before !== undefined && !isFit(before)) wishes.push({ name, before, value: value(before) })
  }
  wish(
    'notify-keyspace-events',
    (flags) => flags.includes('E') && (flags.includes('A') || [...expiring].every((letter) => flags.includes(letter))),
    (flags) => `${flags}E${expiring}`,
  )
  // A connection that is subscribed to something is of the class `pubsub`, whose output buffer is limited to 32 MB by
  // default: the server would end the link in the middle of larger replies.
  wish(
    'client-output-buffer-limit',
    (limits) => limits.includes('pubsub 0 0 '),
    () => 'pubsub 0 0 0',
  )
  wish(
    'maxmemory-policy',
    (policy) => policy === 'noeviction',
    () => 'noeviction',
  )
  // It has none, and would refuse every write.
  wish(
    'min-replicas-to-write',
    (replicas) => replicas === '0',
    () => '0',
  )
  for (const name of LAZY_FREE) {
    wish(
      name,
      (value) => value !== 'no',
      () => 'yes',
    )
  }
  for (const name of KEPT) {
    wish(
      name,
      (value) => value === (kept.get(name) ?? value),
      () => kept.get(name)!,
    )
  }
  return wishes
}

/**
 * Makes a server that is ours fit for its place: see `wishesOf`.
 *
 * @throws HandshakeError when it does not let itself be made so
 */
export async function makeFit(call: Call, kind: ServerKind, settings: Settings, kept?: Settings): Promise<Fitted> {
  const wishes = wishesOf(settings, kept, expiringClasses(kind))
  const set: Wish[] = []
  const warnings: string[] = []
  for (const wish of wishes) {
    const { name, value } = wish
    const reply = await call(['CONFIG', 'SET', name, value])
    if (!isError(reply)) set.push(wish)
    else if (!LAZY_FREE.includes(name)) {
      throw new HandshakeError(`it does not let ${name} be set: ${reply.message}`)
    } else {
      warnings.push(
        `it does not let ${name} be set (${reply.message}): while it frees a large value it answers nobody, and may be ` +
          `taken for dead; put "${name} yes" in its configuration`,
      )
    }
  }
  return { set, warnings, matters: set.some(({ name }) => isDecisive(name)) }
}

function isDecisive(name: string): boolean {
  return name === 'notify-keyspace-events' || name === 'maxmemory-policy' || DECISIVE.includes(name)
}

/** Decisive settings that two members do not have alike. */
export function unequalSettings(
  settings: Settings,
  others: Settings,
): { readonly name: string; readonly value: string; readonly otherValue: string }[] {
  return DECISIVE.flatMap((name) => {
    const [value, otherValue] = [settings.get(name), others.get(name)]
    return value === undefined || otherValue === undefined || value === otherValue ? [] : [{ name, value, otherValue }]
  })
}
