#!/usr/bin/env node
import type { Endpoint } from './backend/single-connection.js'
import { createLogger } from './base/log.js'
import { parseOptions } from './base/parse-options.js'
import { passedSockets } from './base/passed-sockets.js'
import { UsageError, UserError } from './base/user-error.js'
import { version } from './base/version.js'
import { operatorCommands } from './cli/operate.js'
import { loadConfig } from './config/config.js'
import { ask } from './local/ask.js'
import type { Service } from './service.js'

/*
 * The `dt` command. Each command below gets the arguments after its name and gives the exit code; this file alone
 * ends the process. What a command needs is loaded when it runs, so that `dt version` does not wait for the proxy.
 */

interface Command {
  readonly summary: string
  readonly usage: string
  run(argv: string[]): Promise<number>
}

const commands: Readonly<Record<string, Command>> = {
  up: {
    summary: 'start a whole ring on this machine: servers, Sentinels, the proxy',
    usage: `Usage: dt up [options]

Starts Redis servers and three Sentinels on this machine, and the proxy before
them. Ctrl-C stops all of them; the data stay in the directory and are found
again by the next dt up. A second ring beside it needs --port, --base-port and
--dir of its own.

  --port PORT       where clients connect (default 6380)
  --nodes N         number of Redis servers (default 4)
  --replicas R      backups of each key (default 2)
  --dir DIR         where the servers keep their data (default ./data)
  --base-port PORT  the servers take the ports after this one, the Sentinels
                    those after it + 10000 (default 16380)
  --fresh           throw away the data of an earlier dt up first
  --accept-epoch N  start although a later view of the ring than that of epoch
                    N may have been lost
  --wipe            empty servers that hold what does not belong to this ring
`,
    run: up,
  },
  serve: {
    summary: 'start the proxy alone, before Sentinels and servers that exist',
    usage: `Usage: dt serve [--config FILE]

  --config FILE     settings in YAML; conf/dt.yaml explains each of them.
                    DT_CONFIG_FILE names the file, too, for all commands of dt.
                    A variable DT_<SECTION>_<NAME> in the environment
                    (DT_LISTEN_PORT, DT_SENTINEL_ADDRESSES, …) goes before the
                    file
  --takeover        take the ring from another proxy that serves it, which is
                    shut out and stops
  --standby         as long as another proxy serves the ring, wait and accept
                    nobody; serve it when that one is gone
  --accept-epoch N  start although a later view of the ring than that of epoch
                    N may have been lost, and without keys of which no copy is
                    there; 0 begins a new ring although not all servers are
                    there. The log says when, and with which N, this is of use
  --wipe            empty servers that hold what does not belong to this ring,
                    instead of refusing them
`,
    run: serve,
  },
  ping: {
    summary: 'ask a running proxy whether it answers',
    usage: `Usage: dt ping [--config FILE]

Exits with 0 when the proxy on the port of the settings (default 6380) answers
within a second, else with 1.

  --config FILE     the settings that the proxy was started with
`,
    run: ping,
  },
  ...asking(operatorCommands),
  simulate: {
    summary: 'count on simulated rings what moves, and what is lost',
    usage: `Usage: dt simulate join [options]
       dt simulate loss [options]

join: lets a node join simulated rings and counts the keys that change hands,
beside the ideal K/N.
loss: lets some of N servers fail at once and tells how likely a key has lost
all its copies, on simulated rings and in a Redis Cluster of as many servers.

  --nodes LIST     sizes N of the ring: before the join (default 10,20,30,40),
                   or in all (default 9,30)
  --keys LIST      join: numbers K of keys (default 1000..10000)
  --vnodes LIST    virtual nodes of each node (default 64, for loss 1,64); at
                   most 4 numbers, for loss 3
  --replicas R     backups of each key (default 2); for loss N must be a
                   multiple of R+1
  --seeds COUNT    rings made for each combination, from the seeds 1 to COUNT
                   (default 100)
  --orders COUNT   loss: orders in which the servers of each ring are let fail
                   (default 100)
  --json           print the results as JSON instead of a table
  --svg FILE       also draw them
`,
    run: async (argv) => (await import('./simulate/run-simulate.js')).runSimulate(argv, process.stdout),
  },
  help: {
    summary: 'say this, or how to use a command',
    usage: 'Usage: dt help [command]\n',
    run: help,
  },
  version: {
    summary: 'say the version',
    usage: 'Usage: dt version\n',
    run: async () => say(`${version}\n`),
  },
}

/** The commands that ask a running proxy, and write to our standard output. */
function asking(table: typeof operatorCommands): Record<string, Command> {
  return Object.fromEntries(
    Object.entries(table).map(([name, command]) => {
      return [name, { ...command, run: (argv) => command.run(argv, process.stdout) }]
    }),
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
  const readConfig = () => loadConfig(values.config === undefined ? {} : { file: values.config })
  const config = readConfig()
  const { createProxy } = await import('./proxy.js')
  const { predecessor } = await import('./successor.js')
  const proxy = createProxy(config, createLogger(config.log), {
    takeover: values.takeover === true,
    standby: values.standby === true,
    ready: predecessor(),
    sockets: passedSockets(process.env, process.pid),
    acceptEpoch: wholeNumber('--accept-epoch', values['accept-epoch'], 0, Number.MAX_SAFE_INTEGER),
    wipe: values.wipe === true,
    readConfig,
  })
  return runUntilSignal(proxy, { reload: () => proxy.reload(), handOver: () => proxy.handOver(process.env) })
}

async function ping(argv: string[]): Promise<number> {
  const config = loadConfig(configFile(argv))
  const { whereToAsk } = await import('./cli/proxy-tls.js')
  const { host, port, tls } = whereToAsk(config, {})
  const words = config.listen.proxyProtocol === 'yes' ? 'PROXY UNKNOWN\r\nPING' : 'PING'
  const answer = await (tls === undefined ? ask(host, port, words) : greet({ host, port, tls }))
  // A proxy that wants a password first is one that answers.
  if (answer === '+PONG' || answer?.startsWith('-NOAUTH')) return say('PONG\n')
  throw new UserError(`nothing answers on port ${port} of ${host}${answer === undefined ? '' : ` but: ${answer}`}`)
}

/** What a proxy answers that is asked by TLS, as `ask` gives it. */
async function greet(endpoint: Endpoint): Promise<string> {
  const { SingleConnection } = await import('./backend/single-connection.js')
  try {
    ;(await SingleConnection.open(endpoint, { connectMs: 1000 })).close()
    return '+PONG'
  } catch (error) {
    const { message } = error as Error
    return message.includes(': NOAUTH ') ? '-NOAUTH' : message
  }
}

async function help(argv: string[]): Promise<number> {
  const [name] = argv
  if (name !== undefined) return say(commandNamed(name).usage)
  const list = Object.entries(commands).map(([command, { summary }]) => `  ${command.padEnd(12)}${summary}\n`)
  return say(`Diminished Triad ${version}: one Redis for your clients, several servers
behind it, copies of every key.

Usage: dt <command> [options]

${list.join('')}
dt help <command> lists its options.
`)
}

/**
 * Starts the service and stops it in order on the first signal, also when it comes during the start. So it does when an
 * exception is caught by nobody, for `dt up` has servers to stop; the second one of these ends the process at once.
 */
async function runUntilSignal(service: Service, signals: Signals = {}): Promise<number> {
  const signalled = firstSignal(signals)
  let reason: Error | undefined
  process.once('uncaughtException', (failure) => service.fail(failure))
  try {
    // Once it has ended its start fails, too, for that reason.
    const ended = service.ended.then((error) => {
      reason = error
    })
    await Promise.race([service.start(), signalled, ended])
    await Promise.race([signalled, ended])
  } finally {
    await service.stop(true)
  }
  if (reason !== undefined) throw reason
  return 0
}

/** What a service does at signals other than those that end it. */
interface Signals {
  readonly reload?: () => void
  readonly handOver?: () => Promise<boolean>
}

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. Whoever sends another one after that does not want to wait any
 * longer; within a second it is the same one, because Ctrl-C under npm comes from the terminal and from npm. Who can
 * `reload` does that at a SIGHUP; who has handed over at a SIGUSR2 is done.
 */
function firstSignal({ reload, handOver }: Signals): Promise<void> {
  return new Promise((resolve) => {
    let firstAt = 0
    const onSignal = () => {
      const now = performance.now()
      if (firstAt === 0) firstAt = now
      else if (now - firstAt > 1000) process.exit(1)
      resolve()
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
        if (isDone) resolve()
      })
    })
  })
}

type OptionTypes = Record<string, { type: 'string' | 'boolean' }>

function parse<T extends OptionTypes>(args: string[], options: T) {
  return parseOptions({ args, options, allowPositionals: false }).values
}

function configFile(argv: string[]): { file?: string } {
  const { config } = parse(argv, { config: { type: 'string' } })
  return config === undefined ? {} : { file: config }
}

function wholeNumber(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`${option} must be a whole number from ${min} to ${max}, not '${text}'`)
}

function commandNamed(name: string): Command {
  if (Object.hasOwn(commands, name)) return commands[name]
  throw new UsageError(`there is no command '${name}'`)
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
    const command = commandNamed(asked.get(name) ?? name)
    if (rest.some((word) => word === '--help' || word === '-h')) return say(command.usage)
    return await command.run(rest)
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
