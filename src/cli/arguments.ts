import type { ParseArgsConfig } from 'node:util'
import { parseOptions } from '../base/parse-options.js'
import { UsageError } from '../base/user-error.js'

/**
 * The words and options of a command, of which `words` names the words in their order; behind these there may be so many more.
 *
 * @throws UsageError when there are others
 */
export function parseWords<T extends NonNullable<ParseArgsConfig['options']>>(
  argv: string[],
  options: T,
  words: readonly string[] = [],
  more = 0,
) {
  const parsed = parseOptions({ args: argv, options, allowPositionals: true })
  const { positionals } = parsed
  const most = words.length + more
  if (positionals.length > most) throw new UsageError(`unexpected argument '${positionals[most]}'`)
  if (positionals.length < words.length) throw new UsageError(`${words[positionals.length]} is missing`)
  return parsed
}
