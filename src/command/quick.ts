import type { CommandRow } from './row.js'

/** With more words it may ask for so much that it takes some time all the same. */
const WORDS_MAX = 1000

/**
 * Whether commands take no time, however much their keys hold: GET, HGET, ZSCORE, TTL. So says Redis, of which servers behind the
 * proxy free what has expired in the background; what a module says of its own is not relied on. What is answered may still be large,
 * and takes a server the time to copy it.
 *
 * @param commands each with its number of arguments, the name included
 */
export function areQuick(commands: readonly { readonly row: CommandRow; readonly argc: number }[]): boolean {
  let words = 0
  return commands.every(({ row: { flags, learnt }, argc }) => {
    words += argc
    return words <= WORDS_MAX && !learnt && flags.includes('fast')
  })
}
