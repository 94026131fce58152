import { isIP, isIPv6 } from 'node:net'

/** One address to listen on. */
export interface BindAddress {
  /** As it was written, `-` included. */
  readonly word: string
  readonly host: string
  /** Where the machine does not have it nobody is told. */
  readonly optional: boolean
}

/** Words of `bind` that mean every address of their kind. */
const EVERY: Readonly<Record<string, string>> = { '*': '0.0.0.0', '::*': '::' }

/** The addresses of a line as redis.conf has it, such as `127.0.0.1 -::1` [Redis server.c createSocket]. */
export function bindAddresses(line: string): BindAddress[] {
  return bindWords(line).map((word) => {
    const optional = word.startsWith('-')
    const address = optional ? word.slice(1) : word
    return { word, host: EVERY[address] ?? address, optional }
  })
}

/** The words of such a line; commas part them, too. */
export function bindWords(line: string): string[] {
  return line.split(/[\s,]+/).filter((word) => word !== '')
}

/** Where somebody on this machine finds who listens there: an address on which everybody may connect is none to connect to. */
export function hostToAsk(line: string): string {
  const all = bindAddresses(line)
  const { host } = all.find(({ optional }) => !optional) ?? all[0]
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** Whether a word means every address of its kind. */
export function isEvery(word: string): boolean {
  return /^(0\.0\.0\.0|::|\*|::\*)$/.test(word)
}

/** The first of them, as an address that is shown. */
export function firstAddress({ host, port }: { readonly host: string; readonly port: number }) {
  return { host: bindAddresses(host)[0].host, port }
}

/** Whether other machines reach who listens on the addresses of that line. */
export function isWide(line: string): boolean {
  return bindAddresses(line).some(({ host }) => !/^127\.|^::1$|^localhost$/.test(host))
}

/** Whether who listens on the addresses of that line takes a port of the other one, too. */
export function overlap(line: string, other: string): boolean {
  const hosts = bindAddresses(line).map(({ host }) => host)
  const every = (host: string) => (isIPv6(host) ? '::' : '0.0.0.0')
  return hosts.some((host) => host === other || host === every(other) || other === every(host))
}

/** Whether it looks like an IPv4 address, and is none: a name has a letter in it. */
export function isNoAddress(word: string): boolean {
  return /^[\d.]+$/.test(word) && isIP(word) === 0
}
