import { type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { loadConfig } from '../config/config.js'
import { ask } from '../local/ask.js'
import { parseWords } from './arguments.js'
import { addressOf, PROXY_OPTIONS } from './proxy-client.js'
import { whereToAsk } from './proxy-tls.js'
import { json } from './show.js'
import type { Output } from './terminal.js'

const TIMEOUT_MS = 1000

/** `dt ping`: whether a proxy answers. */
export async function ping(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const config = loadConfig(values.config === undefined ? {} : { file: values.config })
  const elsewhere = values.proxy === undefined ? undefined : addressOf(values.proxy)
  const { host, port, tls } = whereToAsk(config, values, elsewhere)
  const isBehindBalancer = elsewhere === undefined && config.listen.proxyProtocol === 'yes'
  const words = isBehindBalancer ? 'PROXY UNKNOWN\r\nPING' : 'PING'
  const beganMs = performance.now()
  const answer = await (tls === undefined ? ask(host, port, words) : greet({ host, port, tls }))
  // A proxy that wants a password first is one that answers.
  if (answer !== '+PONG' && answer?.startsWith('-NOAUTH') !== true) {
    throw new UserError(`nothing answers on port ${port} of ${host}${answer === undefined ? '' : ` but: ${answer}`}`)
  }
  if (values.json === true) return json(out, { answers: true, ms: Math.round((performance.now() - beganMs) * 10) / 10 })
  out.write('PONG\n')
  return 0
}

/** What a proxy answers that is asked by TLS, as `ask` gives it. */
async function greet(endpoint: Endpoint): Promise<string> {
  try {
    ;(await SingleConnection.open(endpoint, { connectMs: TIMEOUT_MS })).close()
    return '+PONG'
  } catch (error) {
    const { message } = error as Error
    return message.includes(': NOAUTH ') ? '-NOAUTH' : message
  }
}
