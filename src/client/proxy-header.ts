import { isIPv4, isIPv6 } from 'node:net'
import { hostPort, type Peer, unmapped } from './peer.js'

/** How the two versions of the PROXY protocol begin [haproxy.org proxy-protocol.txt §2.1, §2.2]. */
const TEXT = Buffer.from('PROXY ')
const BINARY = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const TEXT_MAX = 107
const BINARY_HEAD = 16
/** The protocol allows 64 KB of what nobody here asks for. */
const BINARY_MAX = 4096

/** What a balancer says of a connection before the client's own bytes. */
export type ProxyHeader =
  /** `peer` is undefined when it speaks for itself, as for its health checks. */
  { readonly length: number; readonly peer: Peer | undefined } | { readonly fault: string }

const NONE: ProxyHeader = { fault: 'its first bytes are no PROXY header' }
const NOT_VALID: ProxyHeader = { fault: 'its PROXY header is not valid' }

/** The header that `bytes` begin with; undefined when more of them have to come. Never waits for more than there can be. */
export function proxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (beginsAs(bytes, TEXT)) return textHeader(bytes)
  if (beginsAs(bytes, BINARY)) return binaryHeader(bytes)
  return NONE
}

/** As far as both go. */
function beginsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function textHeader(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, TEXT_MAX).indexOf('\r\n')
  if (end < 0) return bytes.length < TEXT_MAX ? undefined : NOT_VALID
  const length = end + 2
  const [, kind, from, to, fromPort, toPort, ...more] = bytes.toString('latin1', 0, end).split(' ')
  if (kind === 'UNKNOWN') return { length, peer: undefined }
  // A zone is of use on one machine alone, and stands in no header.
  const isAddress = kind === 'TCP4' ? isIPv4 : (host: string) => isIPv6(host) && !host.includes('%')
  const fits = (kind === 'TCP4' || kind === 'TCP6') && more.length === 0 && isAddress(from) && isAddress(to)
  if (!fits || !isPort(fromPort) || !isPort(toPort)) return NOT_VALID
  return announced(length, [canonical(from), Number(fromPort)], [canonical(to), Number(toPort)])
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535
}

function binaryHeader(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < BINARY_HEAD) return undefined
  const command = bytes[12]
  const length = BINARY_HEAD + bytes.readUInt16BE(14)
  if ((command !== 0x20 && command !== 0x21) || length > BINARY_MAX) return NOT_VALID
  if (bytes.length < length) return undefined
  const family = bytes[13]
  // LOCAL, or of a kind that has no address of a network.
  if (command === 0x20 || family === 0x00 || family === 0x31) return { length, peer: undefined }
  if (family !== 0x11 && family !== 0x21) return NOT_VALID
  const size = family === 0x11 ? 4 : 16
  if (length < BINARY_HEAD + 2 * size + 4) return NOT_VALID
  const [from, to, ports] = [BINARY_HEAD, BINARY_HEAD + size, BINARY_HEAD + 2 * size]
  return announced(
    length,
    [hostOf(bytes.subarray(from, to)), bytes.readUInt16BE(ports)],
    [hostOf(bytes.subarray(to, ports)), bytes.readUInt16BE(ports + 2)],
  )
}

/** Nobody connects from port 0, which is the mark of a Unix socket in an address here. */
function announced(length: number, from: [string, number], to: [string, number]): ProxyHeader {
  if (from[1] === 0) return NOT_VALID
  return { length, peer: { address: hostPort(...from), localAddress: hostPort(...to) } }
}

function hostOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return canonical(groups.join(':'))
}

/** As the system writes an address of IPv6; one of IPv4 may be written as one of IPv6. */
function canonical(host: string): string {
  return host.includes(':') ? unmapped(new URL(`http://[${host}]`).hostname.slice(1, -1)) : host
}
