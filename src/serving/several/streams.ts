import type { CommandRow } from '../../command/row.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { argumentsOf, type Frame, frameOf } from '../../resp/frame.js'
import type { OneRoute } from '../one-route.js'
import { Merge } from './merge.js'
import { isPutOff } from './put-off.js'

/**
 * XREAD of streams on several servers: one command for each stream, all emitted in the same turn [split.ts]. Not one for each
 * replica set, because the reply leaves out streams that have nothing, and the same one may be named twice.
 */
export function readStreams(
  oneRoute: OneRoute,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
  keys: readonly number[],
  keyCount: number,
  deadlineMs: number,
): void {
  const { order } = oneRoute
  const { router } = order
  const places = keys.slice(0, keyCount)
  const routes = places.map((place) => router.routeOfKey(frame.buf, frame.argStart[place], frame.argEnd[place]))
  const partOf = places.map((_, part) => part)
  if (isPutOff(order, frame, row, slot, { routes, parts: keyCount, partOf }, deadlineMs)) return
  order.stats.plans++
  const merge = Merge.of(row, slot, keyCount, partOf, keyCount)
  merge.isRead(frame)
  const args = argumentsOf(frame)
  for (const [part, words] of streamParts(args, places[0], keyCount).entries()) {
    oneRoute.serve(routes[part], frameOf(words), row, merge.slotOf(part), deadlineMs)
  }
}

/** XREAD or XREADGROUP for each of its streams alone; `first` is the place of the first one, behind STREAMS. */
export function streamParts(args: readonly Buffer[], first: number, count: number): Buffer[][] {
  const head = args.slice(0, first)
  return Array.from({ length: count }, (_, i) => [...head, args[first + i], args[first + count + i]])
}
