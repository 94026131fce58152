import type { Link } from '../../backend/link.js'
import type { Share, WidePiece } from './plan.js'

/*
 * Servers beyond their maxmemory refuse whatever stands between MULTI and EXEC, and serve alone what only reads or frees memory. So
 * one command goes there without MULTI, which changes nothing; with several of them a transaction is refused before it is emitted.
 */

/** Who gets a share at once. */
export function executors({ how, to, reader }: Share): readonly Link[] {
  if (reader !== undefined) return [reader]
  return how === 'apply' ? to.targets : [to.natural[0]]
}

/** Whether a server that refuses transactions would get several commands; `links`: those of all members, who get `wide`. */
export function isTooMuch(shares: readonly Share[], wide: readonly WidePiece[], links: readonly Link[]): boolean {
  const commands = new Map<Link, number>()
  const give = (link: Link, count: number) => {
    if (link.refusesBlocks) commands.set(link, (commands.get(link) ?? 0) + count)
  }
  if (wide.length > 0) for (const link of links) give(link, wide.length)
  for (const share of shares) {
    const { pieces, reader, to } = share
    const writes = pieces.filter(({ isWrite }) => isWrite).length
    // What is read among writes is read from the master.
    const answering = reader ?? to.natural[0]
    for (const link of executors(share)) give(link, link === answering ? pieces.length : writes)
  }
  return [...commands.values()].some((count) => count > 1)
}
