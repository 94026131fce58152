import { isError, MapReply, type Reply } from '../resp/encode.js'
import { type Call, HandshakeError } from './call.js'

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

/** Asks for everything that the ring has wishes about, in one command. */
const SETTINGS_QUERY: readonly string[] = [
  ...['CONFIG', 'GET', 'maxmemory-policy', 'databases', 'proto-max-bulk-len'],
  ...['notify-keyspace-events', 'client-output-buffer-limit', ...LAZY_FREE],
]

/** Reads them. Managed servers may refuse CONFIG: then nothing is known, and the defaults are assumed. */
export async function readSettings(call: Call): Promise<Settings> {
  return settingsIn(await call(SETTINGS_QUERY))
}

function settingsIn(reply: Reply): Settings {
  if (!(reply instanceof MapReply)) return new Map()
  return new Map(reply.entries.map(([name, value]) => [String(name), String(value)]))
}

/**
 * Makes a server that is ours fit for its place: it publishes which keys expire, beside what it publishes already
 * [design §7 Expiry], bears long replies, and frees memory in the background. Gives what it refuses that the ring can bear, in
 * words.
 *
 * @throws HandshakeError when it does not let itself be made so
 */
export async function makeFit(call: Call, settings: Settings): Promise<string[]> {
  const flags = settings.get('notify-keyspace-events')
  if (flags !== undefined && !(flags.includes('E') && /[xA]/.test(flags))) {
    await set(call, 'notify-keyspace-events', `${flags}Ex`)
  }
  // A connection that is subscribed to something is of the class `pubsub`, whose output buffer is limited to 32 MB by
  // default: the server would end the link in the middle of larger replies.
  const limits = settings.get('client-output-buffer-limit')
  if (limits !== undefined && !limits.includes('pubsub 0 0 ')) {
    await set(call, 'client-output-buffer-limit', 'pubsub 0 0 0')
  }
  const warnings: string[] = []
  for (const name of LAZY_FREE.filter((name) => settings.get(name) === 'no')) {
    const reply = await call(['CONFIG', 'SET', name, 'yes'])
    if (!isError(reply)) continue
    warnings.push(
      `it does not let ${name} be set (${reply.message}): while it frees a large value it answers nobody, and may be ` +
        `taken for dead; put "${name} yes" in its configuration`,
    )
  }
  return warnings
}

async function set(call: Call, name: string, value: string): Promise<void> {
  const reply = await call(['CONFIG', 'SET', name, value])
  if (isError(reply)) throw new HandshakeError(`it does not let ${name} be set: ${reply.message}`)
}
