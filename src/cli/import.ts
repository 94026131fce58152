import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseOptions } from '../base/parse-options.js'
import { UsageError, UserError } from '../base/user-error.js'
import { sourcePassword } from '../config/config.js'
import { Conversation } from '../importing/conversation.js'
import { Import, type ImportOptions } from '../importing/import.js'
import { type Origin, openSources } from '../importing/open-sources.js'
import { parseSourceUrl } from '../importing/source-url.js'
import { readMaterial } from '../tls/files.js'
import { clientContext, clientOptions, type TlsTarget } from '../tls/to-servers.js'
import { appliedSoFar, isWhole, printReport, progressLines, reportOf } from './import-report.js'
import { PROXY_OPTIONS, proxyEndpoint } from './proxy-client.js'
import { json } from './show.js'
import { type Output, Progress } from './terminal.js'

const POLL_MS = 200
const LARGEST_MB = 64

const OPTIONS = {
  ...PROXY_OPTIONS,
  replace: { type: 'boolean' },
  follow: { type: 'boolean' },
  'until-equal': { type: 'boolean' },
  'no-follow': { type: 'boolean' },
  largest: { type: 'string' },
  'password-file': { type: 'string' },
  'source-cacert': { type: 'string' },
  'source-cert': { type: 'string' },
  'source-key': { type: 'string' },
  'source-sni': { type: 'string' },
  'source-insecure': { type: 'boolean' },
} as const

type Values = ReturnType<typeof parse>['values']

/** `dt import redis://…`: copies the data of running servers into the ring. 1 when not all of it is there. */
export async function importData(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parse(argv)
  if (positionals.length === 0) throw new UsageError('where the data comes from is missing: redis://host:port')
  const options = optionsIn(values)
  const origins = originsIn(values, positionals)
  const ring = await Conversation.open(proxyEndpoint(values), 'the proxy')
  try {
    const nodes = await openSources(origins)
    const stopping = new AbortController()
    const stop = () => stopping.abort()
    process.once('SIGINT', stop)
    try {
      const work = new Import(nodes, ring, options, stopping.signal)
      await shown(work, new Progress(out, values.json === true))
      if (values.json === true) json(out, reportOf(work))
      else printReport(work, options, out)
      return isWhole(work) ? 0 : 1
    } finally {
      process.removeListener('SIGINT', stop)
      for (const node of nodes) node.close()
    }
  } finally {
    ring.close()
  }
}

function parse(argv: string[]) {
  return parseOptions({ args: argv, options: OPTIONS, allowPositionals: true })
}

/** Until it is through; an error says what has been applied. */
async function shown(work: Import, progress: Progress): Promise<void> {
  const startedAtMs = performance.now()
  let over = false
  const running = work.run().finally(() => {
    over = true
  })
  try {
    while (!over) {
      await Promise.race([running, sleep(POLL_MS)])
      if (!over) progress.show(progressLines(work, (performance.now() - startedAtMs) / 1000))
    }
    await running
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${error.message}\n${appliedSoFar(work)}`)
    throw error
  } finally {
    progress.clear()
  }
}

function optionsIn(values: Values): ImportOptions {
  const untilEqual = values['until-equal'] === true
  const given = ['follow', 'until-equal', 'no-follow'].filter((name) => values[name as 'follow'] === true)
  if (given.length > 1) throw new UsageError(`--${given[0]} and --${given[1]} do not go together`)
  const largest = values.largest ?? String(LARGEST_MB)
  if (!/^[1-9]\d{0,2}$/.test(largest) || Number(largest) > 512) {
    throw new UsageError(`--largest must be a whole number of MB from 1 to 512, not '${largest}'`)
  }
  const follow = values.follow === true ? 'on' : untilEqual || values['no-follow'] === true ? 'no' : 'meanwhile'
  return { follow, untilEqual, replace: values.replace === true, largestBytes: Number(largest) * 1024 * 1024 }
}

function originsIn(values: Values, urls: readonly string[]): Origin[] {
  const file = values['password-file']
  const password = file === undefined ? sourcePassword() : passwordIn(file)
  return urls.map((text) => {
    const { host, port, isTls, username, db, ...url } = parseSourceUrl(text)
    const tls = isTls ? targetOf(values) : undefined
    return { endpoint: { host, port, username, password: url.password ?? password, tls }, db }
  })
}

function passwordIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new UserError(`--password-file cannot be read: ${(error as Error).message}`)
  }
}

function targetOf(values: Values): TlsTarget {
  if ((values['source-cert'] === undefined) !== (values['source-key'] === undefined)) {
    throw new UsageError('--source-cert and --source-key go together')
  }
  const material = readMaterial({
    certFile: values['source-cert'],
    keyFile: values['source-key'],
    keyPassword: undefined,
    keyPasswordFile: undefined,
    caFile: values['source-cacert'],
    nameOf: (file) =>
      ({ certFile: '--source-cert', keyFile: '--source-key', caFile: '--source-cacert' })[file as 'caFile'],
  })
  const context = clientContext('the source', material)
  const isVerified = values['source-insecure'] !== true
  return { options: (host) => clientOptions(host, context, isVerified, values['source-sni']) }
}
