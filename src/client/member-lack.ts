import { describeKey } from '../order/pieces/failed-copies.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'links' | 'order' | 'outvoted'>

/** What a member lacks that is up and has its link, or '': memory, or what it did not take when it was copied to it. */
export function lackOf({ links, order, outvoted }: Needs, name: string): string {
  if (links.get(name)?.full === true) return 'it is out of memory: writes on its keys are refused'
  const failed = order.pieces.failed.of(name)
  const keys = outvoted.of(name)
  if (failed.length === 0) {
    return keys === 0
      ? ''
      : `it had something else of ${keys} keys than all their other replicas: all copies are looked at`
  }
  const [{ id, reason }] = failed
  const others = failed.length === 1 ? '' : ` and ${failed.length - 1} more`
  return `it did not take ${describeKey(id)}${others}: ${reason}`
}
