import { isError, MapReply, type Reply } from '../resp/encode.js'
import { type Call, HandshakeError } from './call.js'

/** Settings of a server by their names, as far as it tells them. */
export type Settings = ReadonlyMap<string, string>

/** Asks for everything that the ring has wishes about, in one command. */
const SETTINGS_QUERY: readonly string[] = [
  ...['CONFIG', 'GET', 'maxmemory-policy', 'databases', 'proto-max-bulk-len'],
  ...['notify-keyspace-events', 'client-output-buffer-limit'],
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
 * [design §7 Expiry], and bears long replies.
 *
 * @throws HandshakeError when it does not let itself be made so
 */
export async function makeFit(call: Call, settings: Settings): Promise<void> {
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
}

async function set(call: Call, name: string, value: string): Promise<void> {
  const reply = await call(['CONFIG', 'SET', name, value])
  if (isError(reply)) throw new HandshakeError(`it does not let ${name} be set: ${reply.message}`)
}
