import type { RawClient } from './raw-client.js'

/** A list, how many elements were ever pushed there, and something elsewhere. */
export const PUSH = `for i = 3, #ARGV do redis.call('rpush', KEYS[1], ARGV[1]) end
  redis.call('incrby', KEYS[2], #ARGV - 2)
  redis.call('hset', KEYS[3], ARGV[2], #ARGV)
  return redis.call('llen', KEYS[1])`
export const PUSHED = ['1', '2', '3']

export function numberIn(reply: Buffer): number {
  return Number(/^(?::|\$\d+\r\n)(\d+)\r\n$/.exec(String(reply))?.[1] ?? 0)
}

/** What one server has of the list and of the number, both of this moment. */
export async function shareOn(
  server: RawClient,
  list: string,
  db = 0,
): Promise<{ readonly length: number; readonly count: number }> {
  const replies = await server.pipeline([
    ['SELECT', String(db)],
    ['LLEN', list],
    ['GET', `{${list}}count`],
  ])
  return { length: numberIn(replies[1]), count: numberIn(replies[2]) }
}
