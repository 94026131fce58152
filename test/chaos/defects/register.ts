import { register } from 'node:module'
import { connect } from 'node:net'
import { DEFECTS } from './defects.js'

/* Loaded before the proxy: brings in the defect that stands behind `?` in the address of this module. */

/** What a defect needs of the proxy's link. */
interface Link {
  readonly host: string
  readonly port: number
}

/** How late another connection may be at most: it has its own way through the network. */
const LATE_MAX_MS = 2500

/** Deletes keys over a connection of its own, some time later, and believes that it was done. */
function deleteElsewhere({ host, port }: Link, db: number, keys: readonly Buffer[]): number {
  setTimeout(() => {
    const socket = connect({ host, port }, () => {
      const bulk = (bytes: Buffer) => Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
      const unlink = [Buffer.from('UNLINK'), ...keys].map(bulk)
      socket.end(Buffer.concat([Buffer.from(`SELECT ${db}\r\n*${unlink.length}\r\n`), ...unlink]))
    })
    socket.resume()
    socket.on('error', () => {})
  }, Math.random() * LATE_MAX_MS)
  return keys.length
}

/** A read by itself, of somebody with that session, as a text; undefined when it is something else. */
function readIn(session: { db: number; proto: number } | undefined, bytes: Buffer, size: number): string | undefined {
  const text = bytes.toString('latin1', 0, size)
  return /^\*2\r\n\$3\r\nGET\r\n\$\d+\r\n[^\r]*\r\n$/i.test(text)
    ? `${session?.db} ${session?.proto} ${text}`
    : undefined
}

const name = new URL(import.meta.url).search.slice(1)
const defect = DEFECTS[name]
if (defect === undefined) throw new Error(`there is no defect '${name}'`)
Object.assign(globalThis, { deleteElsewhere, readIn, remembered: new Map() })
register('./hook.js', import.meta.url, { data: { patches: defect.patches } })
