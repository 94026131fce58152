import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { bindWords } from '../base/bind-addresses.js'

/** Why listen.proxyProtocol is refused where clients speak TLS. */
export const headerBeforeTls = {
  path: ['listen', 'proxyProtocol'],
  error: 'must be no with a tls.port: a header before TLS is not read',
}

/** Addresses and subnets, as a list or a line: `127.0.0.1 10.0.0.0/8 ::1`. */
export function subnets() {
  const expected = 'must be addresses or subnets, such as 10.0.0.5 or "10.0.0.0/8 ::1"'
  return z
    .union([z.array(z.string({ error: expected })), z.string()], { error: expected })
    .transform((value, context) => {
      const words = typeof value === 'string' ? bindWords(value) : value
      if (words.length > 0 && words.every(isSubnet)) return words.join(' ')
      context.addIssue({ code: 'custom', message: expected, input: value })
      return z.NEVER
    })
}

function isSubnet(word: string): boolean {
  const [host, bits, ...more] = word.split('/')
  const most = isIP(host) === 4 ? 32 : 128
  return isIP(host) > 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
}

/** Whether an address is in one of the subnets of a line. */
export function inSubnets(line: string): (host: string) => boolean {
  const list = new BlockList()
  for (const word of bindWords(line)) {
    const [host, bits] = word.split('/')
    const kind = isIP(host) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(host, kind)
    else list.addSubnet(host, Number(bits), kind)
  }
  return (host) => isIP(host) > 0 && list.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6')
}
