import { CachingClient, type CachingOptions } from '../../channels/cached-keys.js'
import { error, map, type Reply, SetReply, simple } from '../../resp/encode.js'
import { ClientCachingEar, markWrites } from '../caching.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'
import { cString, NOT_AN_INTEGER, option, parseInt64, SYNTAX_ERROR } from './arguments.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'cachedKeys' | 'clients'>

const OK = simple('OK')

/** A client that has a cache of its own says so [Redis networking.c clientCommand, tracking.c]. */
export const trackingCommands: Record<string, LocalCommand<Needs>> = {
  'client|tracking': (client, args, server) => tracking(client, args, server),

  'client|caching': ({ session }, args) => {
    const { caching } = session
    if (caching === undefined) {
      return error(
        'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
      )
    }
    const word = option(args[2])
    if (word !== 'yes' && word !== 'no') return SYNTAX_ERROR
    if (word === 'yes' && !caching.isOptIn) {
      return error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.')
    }
    if (word === 'no' && !caching.isOptOut) {
      return error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.')
    }
    caching.isNextOther = true
    return OK
  },

  'client|getredir': ({ session }) => session.caching?.redirect ?? -1,

  'client|trackinginfo': ({ session }) => {
    const { caching } = session
    const prefixes = [...(caching?.prefixes.values() ?? [])].sort(Buffer.compare)
    return map([
      ['flags', new SetReply(flagsOf(caching))],
      ['redirect', caching?.redirect ?? -1],
      ['prefixes', prefixes],
    ])
  },
}

function flagsOf(caching: CachingClient | undefined): string[] {
  if (caching === undefined) return ['off']
  const { isBroadcast, isOptIn, isOptOut, isNextOther, isNoLoop, isBroken } = caching
  const flags: [string, boolean][] = [
    ['on', true],
    ['bcast', isBroadcast],
    ['optin', isOptIn],
    ['caching-yes', isOptIn && isNextOther],
    ['optout', isOptOut],
    ['caching-no', isOptOut && isNextOther],
    ['noloop', isNoLoop],
    ['broken_redirect', isBroken],
  ]
  return flags.filter(([, isSet]) => isSet).map(([name]) => name)
}

/** CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]. */
function tracking(client: Connection, args: readonly Buffer[], server: Needs): Reply {
  const { session } = client
  const asked = optionsOf(args, server)
  if (!('prefixes' in asked)) return asked.error
  const word = option(args[2])
  if (word === 'off') {
    session.endCaching()
    return OK
  }
  if (word !== 'on') return SYNTAX_ERROR
  const { options, prefixes } = asked
  const refusal = refusalOf(session.caching, options, prefixes)
  if (refusal !== undefined) return error(refusal)
  // It may have gone while its transaction waited for another command: nobody would end this any more.
  if (client.closed) return OK
  if (!server.cachedKeys.any) markWrites(server)
  session.caching ??= new CachingClient(server.cachedKeys, new ClientCachingEar(client, server.clients))
  server.cachedKeys.begin(session.caching, options, prefixes)
  return OK
}

function optionsOf(
  args: readonly Buffer[],
  { clients }: Needs,
): { readonly options: CachingOptions; readonly prefixes: readonly Buffer[] } | { readonly error: Reply } {
  const words = new Set<string>()
  const prefixes: Buffer[] = []
  let redirect = 0n
  for (let i = 3; i < args.length; i++) {
    const word = option(args[i])
    if (word === 'redirect' && i + 1 < args.length) {
      if (redirect !== 0n) return { error: error('ERR A client can only redirect to a single other client') }
      const id = parseInt64(args[++i])
      if (id === undefined) return { error: NOT_AN_INTEGER }
      if (clients.get(Number(id)) === undefined) {
        return { error: error('ERR The client ID you want redirect to does not exist') }
      }
      redirect = id
    } else if (word === 'prefix' && i + 1 < args.length) prefixes.push(args[++i])
    else if (word === 'bcast' || word === 'optin' || word === 'optout' || word === 'noloop') words.add(word)
    else return { error: SYNTAX_ERROR }
  }
  const options = {
    isBroadcast: words.has('bcast'),
    isOptIn: words.has('optin'),
    isOptOut: words.has('optout'),
    isNoLoop: words.has('noloop'),
    redirect: Number(redirect),
  }
  return { options, prefixes }
}

/** Options that do not go together, or not with those that the client has. */
function refusalOf(
  before: CachingClient | undefined,
  options: CachingOptions,
  prefixes: readonly Buffer[],
): string | Buffer | undefined {
  const { isBroadcast, isOptIn, isOptOut } = options
  const other = 'before disabling tracking for this client, and then re-enabling it with a different mode.'
  if (!isBroadcast && prefixes.length > 0) return 'ERR PREFIX option requires BCAST mode to be enabled'
  if (before !== undefined && before.isBroadcast !== isBroadcast)
    return `ERR You can't switch BCAST mode on/off ${other}`
  if (isBroadcast && (isOptIn || isOptOut)) return 'ERR OPTIN and OPTOUT are not compatible with BCAST'
  if (isOptIn && isOptOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode"
  if ((isOptIn && before?.isOptOut === true) || (isOptOut && before?.isOptIn === true)) {
    return `ERR You can't switch OPTIN/OPTOUT mode ${other}`
  }
  return isBroadcast ? overlapping(before, prefixes) : undefined
}

/** No key may have two prefixes of one client. */
function overlapping(before: CachingClient | undefined, prefixes: readonly Buffer[]): Buffer | undefined {
  const known = [...(before?.prefixes.values() ?? [])].sort(Buffer.compare)
  for (const [i, prefix] of prefixes.entries()) {
    const existing = known.find((each) => overlaps(each, prefix))
    if (existing !== undefined) return overlapError(prefix, 'an existing', existing)
    const another = prefixes.slice(i + 1).find((each) => overlaps(each, prefix))
    if (another !== undefined) return overlapError(prefix, 'another provided', another)
  }
  return undefined
}

function overlaps(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length)
  return one.subarray(0, length).equals(other.subarray(0, length))
}

function overlapError(prefix: Buffer, which: string, other: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from("ERR Prefix '"),
    cString(prefix),
    Buffer.from(`' overlaps with ${which} prefix '`),
    cString(other),
    Buffer.from("'. Prefixes for a single client must not overlap."),
  ])
}
