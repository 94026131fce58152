import { UserError } from '../base/user-error.js'

/** What DT answers, as JSON has it: maps are objects. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [field: string]: Json }
export type Fields = { readonly [field: string]: Json }

/** What the commands of dt need of the answers to DT …: a proxy of another version may answer without it. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  NODES: ['name', 'address', 'state', 'link', 'version', 'share', 'keys-mastered', 'keys-counted', 'why'],
  RING: ['from', 'to', 'share', 'replicas'],
  VIEW: ['ring', 'epoch', 'replicas', 'copies', 'members', 'pending-ranges', 'serving', 'why'],
  LOCATE: ['identifier', 'token', 'replicas'],
  EVENTS: ['at', 'what'],
  SLOWLOG: ['time', 'us', 'waiting-us', 'server-us', 'proxy-us', 'member', 'command', 'client', 'name'],
  DOCTOR: ['level', 'what', 'do'],
  MIGRATIONS: ['member', 'reason'],
  HOTKEYS: ['commands', 'bytes', 'seconds', 'sample', 'by-commands', 'by-bytes'],
  BIGKEYS: ['state', 'seconds', 'entries-seen', 'entries-total', 'reasons', 'types'],
  VERIFY: ['state', 'copies-seen', 'copies-total', 'seconds', 'keys', 'left', 'complete', 'reasons', 'examples'],
  ADD: ['name'],
  REMOVE: ['state'],
  CANCEL: ['name', 'state'],
  PLAN: ['keys', 'bytes', 'seconds', 'keys-mastered', 'share', 'ideal-share', 'counted', 'moves'],
  'PLAN UPGRADE': ['member', 'from', 'to', 'keys', 'bytes', 'seconds'],
}

/** @throws UserError when it is no map that has what is needed */
export function asFields(answer: Json, args: readonly string[], where: string): Fields {
  const isMap = typeof answer === 'object' && answer !== null && !Array.isArray(answer)
  const needed = NEEDED[args.slice(0, 2).join(' ')] ?? NEEDED[args[0]] ?? []
  const lacking = isMap ? needed.filter((name) => !Object.hasOwn(answer, name)) : []
  if (isMap && lacking.length === 0) return answer as Fields
  throw notAsExpected(args, where, isMap ? `without ${lacking.join(', ')}` : 'with something else than fields')
}

/** @throws UserError when it is no list of such maps */
export function asList(answer: Json, args: readonly string[], where: string): Fields[] {
  if (!Array.isArray(answer)) throw notAsExpected(args, where, 'with something else than a list')
  return answer.map((each) => asFields(each, args, where))
}

function notAsExpected(args: readonly string[], where: string, how: string): UserError {
  const what = `the proxy on ${where} answers DT ${args[0]} ${how}: it is of another version than this dt`
  return new UserError(
    `${what}. Run the dt of its version; what it was told to do it may have done (DT NODES shows it)`,
  )
}
