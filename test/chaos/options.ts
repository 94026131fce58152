/* What `npm run chaos` and `npm run soak` read from their command lines. */

/** @throws Error with a sentence that names the option */
export function number(option: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new Error(`${option} must be a whole number, not '${text}'`)
}

/**
 * Those of `all` that are named, with commas between; 'all', or 'none'.
 *
 * @throws Error with a sentence that names the option, and one that there is not
 */
export function names(option: string, text: string, all: readonly string[]): readonly string[] {
  if (text === 'all') return all
  const asked = text === 'none' || text === '' ? [] : text.split(',')
  for (const name of asked)
    if (!all.includes(name)) throw new Error(`${option}: there is no '${name}'; there are ${all.join(', ')}`)
  return asked
}
