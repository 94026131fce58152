/*
 * How many elements of a list, or entries of a stream, are a piece. Those of one value may be of very different sizes, and lie side by
 * side: behind fifty thousand of two bytes there may come a hundred of a megabyte, so that neither what they take on the average nor what
 * the last ones took says anything of the next. The server looks at them, a few at a time, and sends nothing.
 */

/** Looked at in one go: of so many it is not known whether they are large. */
const AT_A_TIME = 8

/** KEYS: the list. ARGV: LRANGE, or ZRANGE; a place; 1 to look at those that follow, -1 for those before; how many at most; bytes. */
const FITS = `
local place, step, most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count = 0
while count < most do
  local some = math.min(${AT_A_TIME}, most - count)
  local first, last = place + count, place + count + some - 1
  if step < 0 then first, last = math.max(0, place - count - some + 1), place - count end
  if last < 0 then break end
  local found = redis.call(ARGV[1], KEYS[1], first, last)
  for i = 1, #found do
    bytes = bytes - #found[step > 0 and i or #found + 1 - i]
    if bytes < 0 and count > 0 then return count end
    count = count + 1
  end
  if #found < some then break end
end
return count`

/** KEYS: the stream. ARGV: a start of XRANGE; how many at most; bytes. Gives how many fit, and 1 if there are no others. */
const STREAM_FITS = `
local after, most, bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local count = 0
while count < most do
  local some = math.min(${AT_A_TIME}, most - count)
  local found = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', some)
  for i = 1, #found do
    for _, field in ipairs(found[i][2]) do bytes = bytes - #field end
    if bytes < 0 and count > 0 then return {count, 0} end
    count = count + 1
    after = '(' .. found[i][1]
  end
  if #found < some then return {count, 1} end
end
return {count, 0}`

interface InOrder {
  readonly command: 'LRANGE' | 'ZRANGE'
  readonly place: number
  readonly step: 1 | -1
  readonly most: number
  readonly bytes: number
}

/** Asks for what comes of a command on the key, which is the word `key` here. */
type Asking<Key> = (...words: (string | Key)[]) => Promise<unknown>

/**
 * How many elements of a list, or members of a sorted set, fit into so many bytes, at least one.
 *
 * @param command what reads them
 * @param place of the first one, as the command has it
 * @param step 1 for those that follow it, -1 for those before it
 */
export async function fittingInOrder<Key>(
  ask: Asking<Key>,
  key: Key,
  { command, place, step, most, bytes }: InOrder,
): Promise<number> {
  const fits = await ask('EVAL', FITS, '1', key, command, String(place), String(step), String(most), String(bytes))
  return Math.max(1, Number(fits))
}

/** How many entries of a stream fit into so many bytes, at least one where there is one; `after` is a start of XRANGE. */
export async function fittingInStream<Key>(
  ask: Asking<Key>,
  key: Key,
  { after, most, bytes }: { after: string; most: number; bytes: number },
): Promise<{ count: number; areAll: boolean }> {
  const fits = await ask('EVAL', STREAM_FITS, '1', key, after, String(most), String(bytes))
  const [count, areAll] = fits as [number, number]
  return { count, areAll: areAll === 1 }
}
