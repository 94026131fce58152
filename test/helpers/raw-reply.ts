/** Replies as bytes: where one ends, and what it is, in both protocols. */

/** One reply as a value: bytes as latin1 text with its type in front, aggregates as their elements. */
export type Node = { readonly type: string; readonly text: string } | { readonly type: string; readonly items: Node[] }

/** A line may be longer, when it is no length. */
const LENGTH_DIGITS_MAX = 32

/**
 * Where the reply that begins at `start` ends; when it is not whole, minus the least offset up to which bytes must be
 * there before it can be.
 */
export function replyEnd(buf: Buffer, start: number): number {
  const lineEnd = buf.indexOf('\r\n', start)
  if (lineEnd === -1) return -(Math.max(buf.length, start) + 1)
  const type = String.fromCharCode(buf[start])
  let p = lineEnd + 2
  const length = Number(buf.latin1Slice(start + 1, Math.min(lineEnd, start + LENGTH_DIGITS_MAX)))
  if ('$=!'.includes(type)) {
    if (length === -1) return p
    p += length + 2
    return p <= buf.length ? p : -p
  }
  let items = 0
  if ('*~>'.includes(type)) items = length
  else if (type === '%') items = length * 2
  else if (!'+-:,#_('.includes(type)) throw new Error(`no reply: ${JSON.stringify(buf.latin1Slice(start, start + 80))}`)
  for (let i = 0; i < items; i++) {
    p = replyEnd(buf, p)
    if (p < 0) return p
  }
  return p
}

/** Decodes one whole reply. */
export function readReply(reply: Buffer): Node {
  let p = 0
  const read = (): Node => {
    const lineEnd = reply.indexOf('\r\n', p)
    const type = String.fromCharCode(reply[p])
    const text = reply.latin1Slice(p + 1, lineEnd)
    p = lineEnd + 2
    const length = Number(text)
    if (length >= 0 && '$=!'.includes(type)) {
      const start = p
      p += length + 2
      return { type, text: reply.latin1Slice(start, start + length) }
    }
    if (length >= 0 && '*~>%'.includes(type)) {
      const items: Node[] = []
      for (let i = 0; i < (type === '%' ? length * 2 : length); i++) items.push(read())
      return { type, items }
    }
    return { type, text }
  }
  return read()
}

/** The elements of an aggregate; fails for anything else. */
export function itemsOf(node: Node): Node[] {
  if ('items' in node) return node.items
  throw new Error(`no aggregate: ${JSON.stringify(node)}`)
}

/** The text of what is no aggregate. */
export function textOf(node: Node): string {
  if ('text' in node) return node.text
  throw new Error(`an aggregate: ${JSON.stringify(node)}`)
}
