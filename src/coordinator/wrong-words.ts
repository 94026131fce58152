import { lowerWord, wordOf } from '../base/ascii.js'
import { error, type Reply } from '../resp/encode.js'

const SYNTAX_ERROR = error('ERR syntax error')
const NOT_AN_INTEGER = error('ERR value is not an integer or out of range')
const KEY_BESIDE_KEYS = error('ERR When using MIGRATE KEYS option, the key argument must be set to the empty string')

/** What Redis says of words that a command cannot have, of those that are refused in any case; by the names of their rows. */
const CHECKS: Readonly<Record<string, (args: readonly Buffer[]) => Reply | undefined>> = { migrate, replconf, shutdown }

/**
 * What is wrong with the words of a command that is refused. `args` begin with its name; their number fits.
 */
export function wrongWords(name: string, args: readonly Buffer[]): Reply | undefined {
  return CHECKS[name]?.(args)
}

/** MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH p | AUTH2 u p] [KEYS key …] [Redis cluster.c migrateCommand] */
function migrate(args: readonly Buffer[]): Reply | undefined {
  for (let i = 6; i < args.length; i++) {
    const word = lowerWord(args[i])
    if (word === 'keys') {
      if (args[3].length > 0) return KEY_BESIDE_KEYS
      break
    }
    const more = { copy: 0, replace: 0, auth: 1, auth2: 2 }[word]
    if (more === undefined || i + more >= args.length) return SYNTAX_ERROR
    i += more
  }
  return isInteger(args[5]) && isInteger(args[4]) ? undefined : NOT_AN_INTEGER
}

/** REPLCONF [option value …] [Redis replication.c replconfCommand] */
function replconf(args: readonly Buffer[]): Reply | undefined {
  return args.length % 2 === 0 ? SYNTAX_ERROR : undefined
}

/** SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] | ABORT [Redis db.c shutdownCommand] */
function shutdown(args: readonly Buffer[]): Reply | undefined {
  const words = new Set(args.slice(1).map(lowerWord))
  const known = ['nosave', 'save', 'now', 'force', 'abort'].filter((word) => words.has(word)).length
  const areAtOdds = (words.has('nosave') && words.has('save')) || (words.has('abort') && known > 1)
  if (known < words.size || areAtOdds) return SYNTAX_ERROR
  return words.has('abort') ? error('ERR No shutdown in progress.') : undefined
}

function isInteger(bytes: Buffer): boolean {
  const text = wordOf(bytes)
  if (!/^(0|-?[1-9][0-9]{0,19})$/.test(text)) return false
  return BigInt(text) === BigInt.asIntN(64, BigInt(text))
}
