import { lowerWord } from '../base/ascii.js'
import type { CommandRow } from '../command/row.js'
import { argumentOf, type Frame } from '../resp/frame.js'

/*
 * Which arguments of a command are secrets: what MONITOR and SLOWLOG show others instead of them is `(redacted)` [Redis
 * networking.c redactClientCommandArgument]. Redis leaves them as they are where it has refused the command before it came to
 * them; here they are never shown.
 */

export const REDACTED = Buffer.from('(redacted)')

type Secrets = (frame: Frame) => readonly number[]

const wordAt = (frame: Frame, i: number) => lowerWord(argumentOf(frame, i))
const allFrom =
  (first: number): Secrets =>
  ({ argc }) =>
    Array.from({ length: Math.max(0, argc - first) }, (_, i) => first + i)

/** HELLO version [AUTH user password] [SETNAME name]. */
function ofHello(frame: Frame): number[] {
  const found: number[] = []
  for (let i = 2; i < frame.argc; i++) {
    const word = wordAt(frame, i)
    if (word === 'auth') found.push(++i, ++i)
    else if (word === 'setname') i++
  }
  return found
}

/** MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key …]. */
function ofMigrate(frame: Frame): number[] {
  const found: number[] = []
  for (let i = 6; i < frame.argc; i++) {
    const word = wordAt(frame, i)
    if (word === 'keys') break
    if (word === 'auth' || word === 'auth2') found.push(++i)
    if (word === 'auth2') found.push(++i)
  }
  return found
}

/** Settings whose values are secrets [Redis config.c SENSITIVE_CONFIG], also those of newer servers. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  ...['requirepass', 'masterauth', 'masteruser', 'primaryauth', 'primaryuser'],
  ...['tls-key-file-pass', 'tls-client-key-file-pass'],
])

function secretSettings(frame: Frame): number[] {
  const found: number[] = []
  for (let i = 2; i + 1 < frame.argc; i += 2) if (SECRET_SETTINGS.has(wordAt(frame, i))) found.push(i + 1)
  return found
}

/** By the names of their rows. */
const SECRETS: ReadonlyMap<string, Secrets> = new Map<string, Secrets>([
  ['auth', allFrom(1)],
  ['hello', ofHello],
  ['migrate', ofMigrate],
  ['config|set', secretSettings],
  ['acl|setuser', allFrom(2)],
  ['acl|deluser', allFrom(2)],
  ['acl|getuser', allFrom(2)],
])

/** The places of the arguments of a command that nobody else is shown. */
export function secretsIn(row: CommandRow, frame: Frame): readonly number[] {
  return SECRETS.get(row.name)?.(frame) ?? []
}
