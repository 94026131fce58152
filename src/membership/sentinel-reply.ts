import type { SentinelMaster, SentinelNews } from './state.js'

/** The events of Sentinel's pub/sub that we follow, by channel [Sentinel documentation, Pub/Sub messages]. */
export const SENTINEL_CHANNELS = [
  '+monitor',
  '-monitor',
  '+sdown',
  '-sdown',
  '+odown',
  '-odown',
  '+reboot',
  '+tilt',
  '-tilt',
  '+switch-master',
] as const satisfies readonly SentinelNews['kind'][]

/** No name and no host is longer: a host has 255 bytes. */
const WORD_LENGTH_MAX = 255

/**
 * The masters in a reply of SENTINEL MASTERS (an array of flat field–value arrays).
 *
 * @throws Error when the reply has another shape: it does not come from a Sentinel
 */
export function parseMasters(reply: unknown): SentinelMaster[] {
  if (!Array.isArray(reply)) throw new Error('the reply to SENTINEL MASTERS is no array')
  return reply.map((fields: unknown) => {
    if (!Array.isArray(fields)) throw new Error('the reply to SENTINEL MASTERS holds something else than masters')
    const values = new Map<string, string>()
    for (let i = 0; i + 1 < fields.length; i += 2) values.set(String(fields[i]), String(fields[i + 1]))
    const [name, host, port] = [values.get('name'), values.get('ip'), Number(values.get('port'))]
    if (name === undefined || host === undefined || !isPort(port)) {
      throw new Error('the reply to SENTINEL MASTERS holds a master without name, ip or port')
    }
    if (!isWord(name) || !isWord(host)) {
      throw new Error(
        `the reply to SENTINEL MASTERS holds a master whose name or ip is none: ${JSON.stringify([name, host])}`,
      )
    }
    const flags = (values.get('flags') ?? '').split(',')
    const downAfterMs = Number(values.get('down-after-milliseconds'))
    const quorum = Number(values.get('quorum'))
    const answeredAgo = values.get('last-ok-ping-reply') ?? ''
    return {
      ...{ name, host, port, sdown: flags.includes('s_down'), odown: flags.includes('o_down') },
      ...(downAfterMs > 0 && { downAfterMs }),
      ...(quorum > 0 && { quorum }),
      ...(/^[0-9]{1,15}$/.test(answeredAgo) && { answeredAgoMs: Number(answeredAgo) }),
    }
  })
}

/** Whether a reply of INFO sentinel says that it is in tilt. */
export function parseTilt(info: unknown): boolean {
  return /^sentinel_tilt:1\r?$/m.test(String(info))
}

/**
 * What a message of Sentinel's pub/sub tells, or undefined when it is not about a master.
 *
 *     +sdown          master dt-1 127.0.0.1 7001
 *     +odown          master dt-1 127.0.0.1 7001 #quorum 2/2
 *     +sdown          slave 127.0.0.1:7011 127.0.0.1 7011 @ dt-1 127.0.0.1 7001     (not about a master)
 *     +switch-master  dt-1 127.0.0.1 7001 127.0.0.1 7011
 *     +tilt           #tilt mode entered
 */
export function parseNews(channel: string, message: string): SentinelNews | undefined {
  const kind = SENTINEL_CHANNELS.find((known) => known === channel)
  const words = message.split(' ')
  switch (kind) {
    case undefined:
      return undefined
    case '+tilt':
    case '-tilt':
      return { kind }
    case '+switch-master': {
      const [name, , , host, port] = words
      return isMaster(name, host, port) ? { kind, name, host, port: Number(port) } : undefined
    }
    default: {
      const [type, name, host, port] = words
      if (type !== 'master' || !isMaster(name, host, port)) return undefined
      return kind === '+monitor' ? { kind, name, host, port: Number(port) } : { kind, name }
    }
  }
}

function isMaster(name: string, host: string, port: string | undefined): boolean {
  return port !== undefined && isWord(name) && isWord(host) && isPort(Number(port))
}

/** 0 is nobody's, and more cannot be connected to. */
function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536
}

/** Names and addresses are shown in logs, replies and on terminals: nothing stands in them that would split those. */
function isWord(text: string): boolean {
  return text.length > 0 && text.length <= WORD_LENGTH_MAX && !/[\u0000-\u0020\u007f-\u009f\u2028\u2029]/.test(text)
}
