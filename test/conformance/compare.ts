import { itemsOf, type Node, readReply, textOf } from '../helpers/raw-reply.js'
import type { Way } from './script.js'

/** What the proxy says of what it cannot do yet, or never will. */
const REFUSED = /^-ERR '[^']+' is (not supported yet|refused|not executed inside scripts) by this proxy/

/**
 * Whether the proxy's reply is what Redis's reply allows.
 *
 * @param elapsedMs time since the script began, on both: what a time may differ by
 */
export function agrees(way: Way, ours: Buffer, theirs: Buffer, elapsedMs: number): boolean {
  if (way === 'refused') return REFUSED.test(ours.toString('latin1'))
  if (ours.equals(theirs)) return way !== 'own' || ours[0] !== 0x2d
  if (way === 'same' || way === 'silent' || way === 'scan') return false
  const a = readReply(ours)
  const b = readReply(theirs)
  if (a.type !== b.type || a.type === '-') return false
  switch (way) {
    case 'ttl':
      return Math.abs(Number(textOf(a)) - Number(textOf(b))) <= elapsedMs + 2
    case 'unordered':
      return sameSet(itemsOf(a), itemsOf(b))
    case 'pairs':
      return sameSet(inPairs(itemsOf(a)), inPairs(itemsOf(b)))
    case 'numbers':
      return JSON.stringify(masked(a)) === JSON.stringify(masked(b))
    case 'sections':
      return sectionsOf(a).join() === sectionsOf(b).join()
    case 'table':
      return JSON.stringify(table(a, true)) === JSON.stringify(table(b, true))
    case 'wrong':
    case 'own':
    case 'chosen':
      return true
  }
}

function sameSet(a: readonly unknown[], b: readonly unknown[]): boolean {
  const texts = (items: readonly unknown[]) => items.map((item) => JSON.stringify(item)).sort()
  return JSON.stringify(texts(a)) === JSON.stringify(texts(b))
}

function inPairs(items: readonly Node[]): Node[][] {
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]])
}

function masked(node: Node): unknown {
  if ('items' in node) return [node.type, ...node.items.map(masked)]
  return [node.type, node.text.replace(/[0-9]+/g, '0')]
}

function sectionsOf(node: Node): string[] {
  return [...textOf(node).matchAll(/^# (\w+)/gm)].map(([, name]) => name).filter((name) => name !== 'DT')
}

/**
 * A reply of COMMAND without our own commands; commands and subcommands, which Redis keeps in hash tables, are put in
 * order: the entries of COMMAND INFO, the pairs of COMMAND DOCS, the names of COMMAND LIST.
 */
function table(node: Node, isRoot: boolean): unknown {
  if (!('items' in node)) return node.text
  const { items } = node
  const areInfos = items.length > 0 && items.every((item) => 'items' in item && item.items.length === 10)
  const areDocs = items.length > 1 && 'items' in items[1] && table(items[1].items[0], false) === 'summary'
  const areNames = isRoot && items.length > 0 && items.every((item) => 'text' in item)
  if (!areInfos && !areDocs && !areNames) return items.map((item) => table(item, false))
  const entries = areDocs ? inPairs(items) : items.map((item) => (areInfos ? itemsOf(item) : [item]))
  return entries
    .filter(([name]) => !/^((dt|sentinel)(\|.*)?|client\|(setinfo|no-touch))$/.test(textOf(name)))
    .map((entry) => JSON.stringify(entry.map((each) => table(each, false))))
    .sort()
}

/** A reply for a message. */
export function show(reply: Buffer): string {
  const text = JSON.stringify(reply.toString('latin1', 0, 600))
  return reply.length > 600 ? `${text}… (${reply.length} bytes)` : text
}
