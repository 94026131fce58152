import { describeKey } from '../order/pieces/failed-copies.js'
import { isFirstFilled } from '../view/share.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'keeper' | 'links' | 'order' | 'outvoted'>

/** What there is to say of a member that is up and has its link, or '': what it lacks, or that it has nothing to serve yet. */
export function remarkOn(server: Needs, name: string): string {
  return lackOf(server, name) || (isFirstFilled(server.order.router.view, name) ? FILLED : '')
}

const FILLED = 'being filled: it does not serve yet'

/** What a server lacks that has its link, or '': Sentinels that forget it, memory, or what it did not take when it was copied to it. */
export function lackOf({ keeper, links, order, outvoted }: Needs, name: string): string {
  if (keeper.departed().includes(name)) {
    return 'it has left the ring, and Sentinels monitor it still: they are told to forget it as soon as they answer'
  }
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
