import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import t from 'tap'
import { MAIN } from './helpers/serve-process.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'
import { until } from './helpers/until.js'

/*
 * conf/three-machines.yaml, run as it is written: the redis.conf, the sentinel.conf and the command of its head, and its settings. The machines
 * are addresses of this one (127.x.y.1 to .3), and what runs on one of them dies at once.
 */

const text = readFileSync(fileURLToPath(new URL('../../conf/three-machines.yaml', import.meta.url)), 'utf8')
const net = `127.${1 + (process.pid % 250)}.${1 + (Math.floor(process.pid / 250) % 250)}.`
const dir = temporaryDirectory(t)

/** The lines of a file in the head, without what is said of them. */
function inHead(name: string): string {
  const [, lines] = new RegExp(`^# ${name} on each machine.*:\\n#\\n((?:#   .*\\n)+)`, 'm').exec(text)!
  return lines.replace(/^# +/gm, '').replace(/ {3,}.*$/gm, '')
}

const [, secrets, command] = /^# +(DT_BACKEND_PASSWORD=.*) dt (serve .*) --config conf/m.exec(text)!
const env = { PATH: process.env.PATH, ...Object.fromEntries(secrets.split(' ').map((pair) => pair.split('='))) }

/** A server, a Sentinel and a proxy. */
class Machine {
  readonly address: string
  output = ''
  private running: ChildProcess[] = []

  constructor(private readonly number: number) {
    this.address = `${net}${number}`
    for (const program of ['server', 'sentinel']) mkdirSync(join(this.dir, program), { recursive: true })
    this.write('redis.conf', inHead('redis.conf'))
    this.write('sentinel.conf', inHead('sentinel.conf'))
    this.write('dt.yaml', text)
  }

  start(): void {
    const at = (program: string) => ['--dir', join(this.dir, program)]
    this.run('redis-server', join(this.dir, 'redis.conf'), ...at('server'))
    this.run('redis-server', join(this.dir, 'sentinel.conf'), '--sentinel', ...at('sentinel'))
    this.run(process.execPath, MAIN, ...command.split(' '), '--config', join(this.dir, 'dt.yaml'))
  }

  async die(): Promise<void> {
    const dying = this.running
    this.running = []
    for (const child of dying) child.kill('SIGKILL')
    await Promise.all(dying.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
  }

  /** What its proxy says of itself and of others, or undefined. */
  async proxies(): Promise<{ readonly role: string; readonly clients: string }[] | undefined> {
    const child = spawn(process.execPath, [MAIN, 'proxies', '--json', '--config', join(this.dir, 'dt.yaml')], { env })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    const [code] = await once(child, 'close')
    return code === 0 ? JSON.parse(said) : undefined
  }

  private get dir(): string {
    return join(dir, String(this.number))
  }

  /** Each machine has its own address where the example has that of the first. */
  private write(name: string, content: string): void {
    const own = content.replace(/^( *(?:bind|host:)) 10\.0\.0\.1\b/gm, `$1 ${this.address}`)
    writeFileSync(join(this.dir, name), own.replaceAll('10.0.0.', net))
  }

  private run(program: string, ...args: string[]): void {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk) => (this.output += chunk))
    child.stderr.on('data', (chunk) => (this.output += chunk))
    this.running.push(child)
  }
}

const machines = [1, 2, 3].map((number) => new Machine(number))
t.teardown(() => Promise.all(machines.map((machine) => machine.die())))

/** One that knows the three addresses, and asks for a proxy there. */
function client(): Redis {
  const redis = new Redis({
    sentinels: machines.map(({ address }) => ({ host: address, port: 6380 })),
    name: 'dt',
    password: env.DT_AUTH_PASSWORD!,
    sentinelPassword: env.DT_AUTH_PASSWORD!,
  })
  redis.on('error', () => {}) // Machines are lost.
  t.teardown(() => redis.disconnect())
  return redis
}

/** The machine whose proxy owns the ring, as one that is there says, and the fronts that it has. */
async function owner(asked: Machine): Promise<Machine | undefined> {
  const proxies = await asked.proxies()
  const found = proxies?.find(({ role }) => role === 'owner')
  return machines.find(({ address }) => found?.clients === `${address}:6380`)
}

t.test(
  'any one machine is lost whole, also that of the proxy that owns the ring: clients go on, and nothing is lost',
  async (t) => {
    for (const machine of machines) machine.start()
    const served = async () => (await machines[0].proxies())?.filter(({ role }) => role === 'front').length === 2
    await until('there are an owner and two fronts', served)
    const redis = client()
    const written = new Map<string, string>()
    let isOver = false
    let refused = 0
    const writer = async (name: string) => {
      for (let i = 0; !isOver; i++) {
        const key = `${name}:${i}`
        try {
          await redis.set(key, 'acknowledged')
          written.set(key, 'acknowledged')
        } catch {
          refused++ // Nobody knows, or it was not applied.
          await sleep(50)
        }
      }
    }
    const writers = ['a', 'b', 'c', 'd'].map(writer)
    const more = async (count: number) => {
      const before = written.size
      await until(`${count} more are written`, () => written.size > before + count)
    }
    await more(1000)
    for (const isOfOwner of [true, false]) {
      const found = await until('there is an owner', () => owner(machines[0]))
      const lost = isOfOwner ? found : machines.find((machine) => machine !== found)!
      const left = machines.filter((machine) => machine !== lost)
      await lost.die()
      const beganMs = performance.now()
      const next = await until('somebody owns the ring', () => owner(left[0]))
      t.not(next, lost)
      await more(1000)
      t.comment(
        `${isOfOwner ? 'the owner' : 'a front'}: written again after ${Math.round(performance.now() - beganMs)} ms`,
      )
      lost.start()
      await until('the machine is back', async () => {
        const [proxies, nodes] = [await lost.proxies(), String(await redis.call('DT', 'NODES'))]
        return proxies?.length === 3 && (nodes.match(/,state,up,/g) ?? []).length === 3
      })
      await until('no data moves', async () => String(await redis.call('DT', 'MIGRATIONS')) === '')
      await more(200)
    }
    isOver = true
    await Promise.all(writers)
    const keys = [...written.keys()]
    for (let i = 0; i < keys.length; i += 1000) {
      const some = keys.slice(i, i + 1000)
      t.same(
        await redis.mget(some),
        some.map((key) => written.get(key)),
      )
    }
    t.comment(`${keys.length} written, ${refused} refused or unknown`)
  },
)
