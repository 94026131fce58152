import type { Link } from '../../../backend/link.js'
import { SIZE_SAMPLES } from '../../../order/pieces/sized-copy.js'
import { elementsOf } from '../../../resp/decode.js'
import { isError, type Reply } from '../../../resp/encode.js'

/**
 * Of each key about how many bytes it has, its deadline and what DUMP gives; nothing but the size from where on all together have more than
 * so many.
 */
const FETCH = `local t,all,most={},0,tonumber(ARGV[1])
for i=1,#KEYS do
local k=KEYS[i]
local s=redis.call('MEMORY','USAGE',k,'SAMPLES',ARGV[2])
t[i]=false
if s then
all=all+s
t[i]={s}
if all<=most then t[i]={s,redis.call('PEXPIRETIME',k),redis.call('DUMP',k)} end
end
end
return t`

/** What a key holds: nothing but about how many bytes that has when it is much. */
export interface SmallValue {
  readonly bytes: number
  readonly deadline: number
  readonly payload: Buffer | undefined
}

/**
 * What a server has of some keys, asked in this turn, when it is not known how much that is.
 *
 * @returns null for each that is not there; undefined when that is not known
 */
export async function smallValues(
  link: Link,
  db: number,
  keys: readonly Buffer[],
  mostBytes: number,
): Promise<readonly (SmallValue | null)[] | undefined> {
  const words = ['EVAL_RO', FETCH, String(keys.length), ...keys, String(mostBytes), SIZE_SAMPLES]
  const reply = await link.call(words, db).catch(() => undefined)
  if (reply === undefined || isError(reply)) return undefined
  return elementsOf(reply)?.map(valueIn)
}

function valueIn(reply: Reply): SmallValue | null {
  const parts = elementsOf(reply)
  if (parts === undefined) return null
  const [bytes, deadline, payload] = parts
  return {
    bytes: Number(bytes),
    deadline: Number(deadline ?? -1),
    payload: Buffer.isBuffer(payload) ? payload : undefined,
  }
}
