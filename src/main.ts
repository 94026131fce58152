#!/usr/bin/env node
import { parseOptions } from './base/parse-options.js'
import { passedSockets } from './base/passed-sockets.js'
import { UsageError, UserError } from './base/user-error.js'
import { version } from './base/version.js'
import { type CommandText, EXIT_CODES } from './cli/command-text.js'
import { commandTexts } from './cli/command-texts.js'
import { operatorCommands } from './cli/operate.js'
import type { Service } from './service.js'

/*
 * The `dt` command. Each command below gets the arguments after its name and gives the exit code; this file alone
 * ends the process. What a command needs is loaded when it runs, so that `dt version` does not wait for the proxy.
 */

const commands: Readonly<Record<string, (argv: string[]) => Promise<number>>> = {
  up,
  serve,
  ...asking(operatorCommands),
  simulate: async (argv) => (await import('./simulate/run-simulate.js')).runSimulate(argv, process.stdout),
  completion: async (argv) => (await import('./cli/completion.js')).completion(argv, process.stdout, commandTexts),
  help,
  version: async () => say(`${version}\n`),
}

/** The commands that ask a running proxy, and write to our standard output. */
function asking(table: typeof operatorCommands): Record<string, (argv: string[]) => Promise<number>> {
  return Object.fromEntries(
    Object.entries(table).map(([name, command]) => [name, (argv: string[]) => command.run(argv, process.stdout)]),
  )
}

async function up(argv: string[]): Promise<number> {
  const values = parse(argv, {
    port: { type: 'string' },
    nodes: { type: 'string' },
    replicas: { type: 'string' },
    dir: { type: 'string' },
    'base-port': { type: 'string' },
    fresh: { type: 'boolean' },
    'accept-epoch': { type: 'string' },
    wipe: { type: 'boolean' },
  })
  const port = wholeNumber('--port', values.port, 0, 65535)
  const nodes = wholeNumber('--nodes', values.nodes, 1, 100)
  const replicas = wholeNumber('--replicas', values.replicas, 0, 15)
  const { Up } = await import('./up.js')
  const ring = new Up(
    {
      dir: values.dir ?? './data',
      basePort: wholeNumber('--base-port', values['base-port'], 1, 55_000) ?? 16_380,
      fresh: values.fresh === true,
      acceptEpoch: wholeNumber('--accept-epoch', values['accept-epoch'], 0, Number.MAX_SAFE_INTEGER),
      wipe: values.wipe === true,
      ...(port !== undefined && { port }),
      ...(nodes !== undefined && { nodes }),
      ...(replicas !== undefined && { replicas }),
    },
    process.stdout,
  )
  return runUntilSignal(ring)
}

async function serve(argv: string[]): Promise<number> {
  const values = parse(argv, {
    config: { type: 'string' },
    takeover: { type: 'boolean' },
    standby: { type: 'boolean' },
    'accept-epoch': { type: 'string' },
    wipe: { type: 'boolean' },
  })
  if (values.takeover && values.standby)
    throw new UsageError('--standby waits for another proxy, --takeover does not: give one of them')
  const { loadConfig } = await import('./config/config.js')
  const { createLogger } = await import('./base/log.js')
  const readConfig = () => loadConfig(values.config === undefined ? {} : { file: values.config })
  const config = readConfig()
  const { createProxy } = await import('./proxy.js')
  const { predecessor } = await import('./successor.js')
  const log = createLogger(config.log)
  const settings = values.config ?? process.env.DT_CONFIG_FILE ?? 'none'
  log.info(
    { event: 'proxy-starts', version, runtime: process.version, settings },
    `dt ${version} starts as process ${process.pid}`,
  )
  const proxy = createProxy(config, log, {
    takeover: values.takeover === true,
    standby: values.standby === true,
    ready: values.standby === true ? predecessor() : undefined,
    sockets: passedSockets(process.env, process.pid),
    acceptEpoch: wholeNumber('--accept-epoch', values['accept-epoch'], 0, Number.MAX_SAFE_INTEGER),
    wipe: values.wipe === true,
    readConfig,
  })
  const stops = (why: string) =>
    log.info({ event: 'proxy-stops', version, why }, `process ${process.pid} stops: ${why}`)
  const stopped = () => log.info({ event: 'proxy-stopped', version }, `process ${process.pid} has stopped in order`)
  return runUntilSignal(proxy, {
    reload: () => proxy.reload(),
    handOver: () => proxy.handOver(process.env),
    stops,
    stopped,
  })
}

async function help(argv: string[]): Promise<number> {
  const [name] = argv
  if (name !== undefined) return say(textOf(name).usage)
  const list = commandTexts.map((text) => `  ${text.name.padEnd(12)}${text.summary}\n`)
  return say(`Diminished Triad ${version}: one Redis for your clients, several servers
behind it, copies of every key.

Usage: dt <command> [options]

${list.join('')}
dt help <command> lists its options. Exit codes:
${EXIT_CODES.map(([code, meaning]) => `    ${code}  ${meaning}\n`).join('')}`)
}

/**
 * Starts the service and stops it in order on the first signal, also when it comes during the start. So it does when an
 * exception is caught by nobody, for `dt up` has servers to stop; the second one of these ends the process at once.
 */
async function runUntilSignal(service: Service, signals: Signals = {}): Promise<number> {
  const signalled = firstSignal(signals)
  let reason: Error | undefined
  let why: string | undefined
  process.once('uncaughtException', (failure) => service.fail(failure))
  try {
    // Once it has ended its start fails, too, for that reason.
    const ended = service.ended.then((error) => {
      reason = error
    })
    await Promise.race([service.start(), signalled, ended])
    why = (await Promise.race([signalled, ended])) ?? undefined
  } catch (failure) {
    why = (failure as Error).message
    throw failure
  } finally {
    signals.stops?.(reason?.message ?? why ?? 'it was told to')
    await service.stop(true)
    signals.stopped?.()
  }
  if (reason !== undefined) throw reason
  return 0
}

/** What a service does at signals other than those that end it. */
interface Signals {
  readonly reload?: () => void
  readonly handOver?: () => Promise<boolean>
  /** It begins to stop, for this reason; and it has stopped. */
  readonly stops?: (why: string) => void
  readonly stopped?: () => void
}

/**
 * Resolves with its name at the first SIGINT, SIGTERM or SIGHUP. Whoever sends another one after that does not want to wait any
 * longer; within a second it is the same one, because Ctrl-C under npm comes from the terminal and from npm. Who can
 * `reload` does that at a SIGHUP; who has handed over at a SIGUSR2 is done.
 */
function firstSignal({ reload, handOver }: Signals): Promise<string> {
  return new Promise((resolve) => {
    let firstAt = 0
    const onSignal = (signal: string) => {
      const now = performance.now()
      if (firstAt === 0) firstAt = now
      else if (now - firstAt > 1000) process.exit(1)
      resolve(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
    process.on('SIGHUP', reload ?? onSignal)
    if (handOver === undefined) return
    let isUnderWay = false
    process.on('SIGUSR2', () => {
      if (isUnderWay || firstAt !== 0) return
      isUnderWay = true
      void handOver().then((isDone) => {
        isUnderWay = false
        if (isDone) resolve('SIGUSR2')
      })
    })
  })
}

type OptionTypes = Record<string, { type: 'string' | 'boolean' }>

function parse<T extends OptionTypes>(args: string[], options: T) {
  return parseOptions({ args, options, allowPositionals: false }).values
}

function wholeNumber(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`${option} must be a whole number from ${min} to ${max}, not '${text}'`)
}

function textOf(name: string): CommandText {
  const text = commandTexts.find((each) => each.name === name)
  if (text === undefined) throw new UsageError(`there is no command '${name}'`)
  return text
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

/** One line for what the user can mend, the stack for what only we can. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === 'EADDRINUSE')
    return `port ${port} of ${address} is taken; the setting listen.port (DT_LISTEN_PORT) chooses another`
  if (code === 'EADDRNOTAVAIL' && syscall === 'listen')
    return `${address} is no address of this machine; the setting listen.host (DT_LISTEN_HOST) has to name one`
  if (error instanceof UserError || syscall !== undefined) return error.message
  return `this is a mistake in dt itself: ${error.stack}`
}

async function main(argv: string[]): Promise<number> {
  const [name = 'help', ...rest] = argv
  const asked = new Map([
    ['--help', 'help'],
    ['-h', 'help'],
    ['--version', 'version'],
    ['-v', 'version'],
  ])
  try {
    const text = textOf(asked.get(name) ?? name)
    if (rest.some((word) => word === '--help' || word === '-h')) return say(text.usage)
    return await commands[text.name](rest)
  } catch (error) {
    for (const line of describe(error).split('\n')) process.stderr.write(`dt: ${line}\n`)
    if (!(error instanceof UsageError)) return 1
    process.stderr.write(`dt: see dt help${name !== 'help' && Object.hasOwn(commands, name) ? ` ${name}` : ''}\n`)
    return 2
  }
}

// `dt help | head -1`: whoever read our output has enough of it.
process.stdout.on('error', () => process.exit(1))
process.exit(await main(process.argv.slice(2)))
