import { Elements } from '../../src/resp/elements.js'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import type { Pair } from './pair.js'
import type { Line } from './script.js'

/** Whether a random command is served between MULTI and EXEC: some of those on all keys are not, nor on two keys of different servers, and SORT with patterns. */
export function isServedInside({ proxy }: Pair, { args }: Line): boolean {
  const name = args[0].toString()
  if (/^([HSZ]?SCAN|DBSIZE|SWAPDB|RANDOMKEY)$/.test(name)) return false
  if (/^SORT/.test(name) && args.some((arg) => /^(BY|GET)$/i.test(arg.toString()))) return false
  if (/^(MGET|MSET|DEL|UNLINK|EXISTS|TOUCH)$/.test(name)) return true
  const keys = args.filter((arg) => /\{[ab]\}$/.test(arg.toString()))
  return new Set(keys.map((key) => replicaSetOfKey(proxy.view, key, 0, key.length))).size <= 1
}

/** The replies of EXEC one by one, each as it would stand alone. */
export function elementsIn(reply: Buffer): Buffer[] {
  const elements = new Elements(reply, 0, reply.length)
  return Array.from({ length: elements.count }, () => {
    elements.next()
    return reply.subarray(elements.start, elements.end)
  })
}
