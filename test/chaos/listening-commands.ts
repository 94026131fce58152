import { type Form, inMulti } from './form.js'
import { keyUnder } from './several-keys.js'

/*
 * What those do who listen, and those to whom they listen: a channel, to which clients publish (subscribers.ts), and keys that clients with
 * a cache of their own read (cachers.ts).
 */

/** Whose value it is, by which the keys of one channel are named: each client has its own. */
export function ownerOf(value: string): string {
  return value.replace(/\..*/s, '')
}

export const CHANNEL: Readonly<Record<string, Form>> = {
  publish: { reply: 'integer', encode: (key, [value]) => ['PUBLISH', key, value] },
  spublish: { reply: 'integer', encode: (key, [value]) => ['SPUBLISH', key, value] },
  // What is announced behind it in the channel: whoever hears of that reads it (`told`), or something newer.
  say: { reply: 'ok', encode: (key, [value]) => ['SET', keyUnder(key, ownerOf(value)), value] },
  told: { reply: 'text or nil', read: true, encode: (key, [owner]) => ['GET', keyUnder(key, owner)] },
}

const SET = "return redis.call('set', KEYS[1], ARGV[1])"

export const CACHING: Readonly<Record<string, Form>> = {
  get: { reply: 'text or nil', read: true, encode: (key) => ['GET', key] },
  set: { reply: 'ok', encode: (key, [value]) => ['SET', key, value] },
  scripted: { reply: 'ok', encode: (key, [value]) => ['EVAL', SET, '1', key, value] },
  inMulti: { reply: 'all or nothing', encode: (key, [value]) => inMulti(['SET', key, value]) },
  del: { reply: 'integer', encode: (key) => ['DEL', key] },
}

/** What is written down of those who listen: nothing is sent for it that an answer could be late to. */
export const HEARD: readonly string[] = ['listened', 'cached']
