import { lowerWord, wordOf } from '../../../base/ascii.js'
import { within } from '../../../base/within.js'
import { bytesOf } from '../../../resp/decode.js'
import { type Reply, simple } from '../../../resp/encode.js'
import { failedSetting } from '../../../serving/ring-settings.js'
import type { Server } from '../../server.js'
import { cString, errorNaming, SYNTAX_ERROR } from '../arguments.js'
import { allDid } from '../every-member.js'
import { isGlob, memberSettings } from '../member-settings.js'
import { ownSettings } from '../own-settings.js'
import type { Settable } from './change.js'
import { CHANGEABLE } from './changeable.js'
import { neverSet, refusedOfMembers, refusedOfProxy } from './refused.js'

/** What the CONFIG commands touch. */
export type Configuring = Settable & Pick<Server, 'address' | 'coordinator' | 'upkeep'>

/** The longest value that is looked at: what means anything is far shorter, and a client may send 512 MB. */
const VALUE_BYTES_MAX = 64 * 1024
const TOO_LONG = `this proxy takes values of at most ${VALUE_BYTES_MAX} bytes; nothing was set`

interface Asked {
  readonly name: string
  readonly bytes: Buffer
  readonly value: Buffer
}

/**
 * CONFIG SET name value …: all of them or none [Redis config.c configSetCommand]. Settings of clients and of this process are the
 * proxy's; the others are set on all members, and on those that come later.
 */
export async function configSet(server: Configuring, args: readonly Buffer[]): Promise<Reply> {
  if (args.length % 2 !== 0) return SYNTAX_ERROR
  const asked: Asked[] = []
  for (let i = 2; i < args.length; i += 2) {
    const bytes = cString(args[i])
    asked.push({ name: lowerWord(bytes), bytes, value: cString(args[i + 1]) })
  }
  const own = ownSettings(server)
  const wrong = await wrongName(server, asked, own)
  if (wrong !== undefined) return wrong
  const changes: (() => void)[] = []
  const ofMembers: Asked[] = []
  for (const each of asked) {
    const { name, value } = each
    if (value.length > VALUE_BYTES_MAX) return failedSetting(name, TOO_LONG)
    const text = value.toString('latin1')
    const changeable = CHANGEABLE.get(name)
    if (changeable !== undefined) {
      const checked = changeable.check(server, text)
      if (typeof checked === 'string') return failedSetting(name, checked)
      changes.push(checked)
      if (changeable.isOfMembersToo) ofMembers.push(each)
    } else if (own.has(name)) {
      if (own.get(name) !== text) return failedSetting(name, refusedOfProxy(name))
    } else {
      const refusal = refusedOfMembers(name, text)
      if (refusal !== undefined) return failedSetting(name, refusal)
      ofMembers.push(each)
    }
  }
  const { settings } = server.coordinator
  const failure = ofMembers.length === 0 ? undefined : await settings.set(ofMembers)
  if (failure !== undefined) return failure
  for (const change of changes) change()
  for (const { name, value } of asked) {
    const changeable = CHANGEABLE.get(name)
    if (changeable !== undefined) settings.own.set(name, changeable.kept?.(server, value) ?? value)
  }
  return simple('OK')
}

/**
 * What CONFIG REWRITE had kept when the proxy began. A value that this proxy does not take any more is said and left out, also of what
 * the next CONFIG REWRITE keeps.
 */
export function restoreSettings(server: Configuring, kept: ReadonlyMap<string, Buffer>): void {
  for (const [name, value] of kept) {
    const changeable = CHANGEABLE.get(name)
    const checked = (changeable?.restore ?? changeable?.check)?.(server, value.toString('latin1')) ?? 'it is not known'
    if (typeof checked === 'string') {
      server.coordinator.settings.own.delete(name)
      server.log.warn({ event: 'setting-not-restored', setting: name }, `${name} is not set as it was kept: ${checked}`)
    } else checked()
  }
}

/** The error for the first name that cannot be one of a setting that is changed. */
async function wrongName(
  server: Configuring,
  asked: readonly Asked[],
  own: ReadonlyMap<string, string>,
): Promise<Reply | undefined> {
  const others = asked.filter(({ name, bytes }) => !own.has(name) && !isGlob(bytes)).map(({ bytes }) => bytes)
  const found = others.length === 0 ? [] : await memberSettings(server, others)
  const known = found && new Set(found.map(([name]) => lowerWord(bytesOf(name) ?? Buffer.alloc(0))))
  const seen = new Set<string>()
  for (const { name, bytes } of asked) {
    // Where nobody answers it is taken for one.
    if (!own.has(name) && (isGlob(bytes) || known?.has(name) === false)) {
      return errorNaming('Unknown option or number of arguments for CONFIG SET - ', bytes)
    }
    const never = neverSet(name)
    if (never !== undefined) return failedSetting(wordOf(bytes), never)
    if (seen.has(name)) return failedSetting(wordOf(bytes), 'duplicate parameter')
    seen.add(name)
  }
  return undefined
}

/** CONFIG REWRITE: what was set is kept by the members, in the place of a file. */
export async function configRewrite(server: Configuring): Promise<Reply> {
  return (await server.coordinator.settings.keep()) ?? simple('OK')
}

/** CONFIG RESETSTAT: of the proxy, and of all members that are there; one that is away counts anew when it is back. */
export async function configResetStat(server: Configuring): Promise<Reply> {
  const { order, stats, upkeep } = server
  stats.reset()
  const there = order.router.links.filter(({ ready }) => ready)
  const answers = there.map(async (link) => {
    return { link, reply: await within(upkeep.resetStats(link), order.options.unavailableTimeoutMs) }
  })
  return allDid(await Promise.all(answers), 'CONFIG RESETSTAT') ?? simple('OK')
}
