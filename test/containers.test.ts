import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { REDIS_VERSION } from '../src/client/ring-version.js'
import { loadConfig } from '../src/config/config.js'
import { ask } from '../src/local/ask.js'
import { freePorts } from '../src/local/ports.js'
import { MAIN } from './helpers/serve-process.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'
import { until } from './helpers/until.js'

/*
 * Nothing here runs a container: there may be no engine. What can be checked without one is that the files agree with
 * each other, that every path and command in them exists, and that Redis accepts the settings they give it.
 */

const repository = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(join(repository, name), 'utf8')
const packageJson = JSON.parse(read('package.json'))

/** `[instruction, argument]` of a Dockerfile, with continued lines joined. */
function instructions(dockerfile: string): [string, string][] {
  const lines = dockerfile.replace(/\\\n/g, ' ').split('\n')
  return lines.flatMap((line): [string, string][] => {
    const match = /^([A-Z]+) +(.*)$/.exec(line)
    return match ? [[match[1], match[2]]] : []
  })
}

const dockerfile = instructions(read('Dockerfile'))
const all = (name: string) => dockerfile.filter(([instruction]) => instruction === name).map(([, argument]) => argument)

interface Service {
  image?: string
  build?: string
  command?: string[]
  volumes?: string[]
  environment?: Record<string, string>
  ports?: string[]
  depends_on?: string[]
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  networks: { ring: { ipv4_address: string } }
}

const compose = parse(read('compose.yaml'), { merge: true }) as {
  services: Record<string, Service>
  networks: { ring: { ipam: { config: { subnet: string }[] } } }
  volumes: Record<string, null>
}
const services = Object.entries(compose.services)
const servicesNamed = (pattern: RegExp) => services.filter(([name]) => pattern.test(name))
const addressOf = ([, service]: [string, Service]) => service.networks.ring.ipv4_address

t.test('what the Dockerfile copies from the repository is there, and .dockerignore lets it through', async (t) => {
  const ignored = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.equal(ignored[0], '*', 'everything is left out but what is named')
  const allowed = ignored.slice(1).map((line) => line.replace(/^!/, ''))
  const copied = all('COPY')
    .filter((argument) => !argument.startsWith('--from='))
    .flatMap((argument) => argument.split(/ +/).slice(0, -1))
  t.ok(copied.length > 0)
  for (const path of copied) {
    t.ok(existsSync(join(repository, path)), `${path} exists`)
    t.ok(allowed.includes(path), `${path} is not ignored`)
  }
  for (const path of allowed) t.ok(copied.includes(path), `${path} is used`)
})

t.test('what the second stage takes from the first is what the build makes', async (t) => {
  const taken = all('COPY').filter((argument) => argument.startsWith('--from=build '))
  t.same(
    taken.map((argument) => argument.split(/ +/)[1]),
    ['/app/node_modules', '/app/dist/bin'],
  )
  const { compilerOptions } = JSON.parse(read('tsconfig.json'))
  t.same([compilerOptions.outDir, compilerOptions.rootDir], ['dist', '.'], 'src is compiled into dist/src')
  const programs = all('RUN').flatMap((argument) => argument.split(' && '))
  t.same(programs.slice(0, 4), [
    'npm ci',
    'npx tsc -p tsconfig.json',
    'node scripts/bundle.mjs',
    'npm prune --omit=dev',
  ])
  for (const name of ['typescript', 'esbuild']) t.ok(packageJson.devDependencies[name], `${name} is among the packages`)
})

t.test('the state file lasts: it is in a volume that its user may write to, and that compose.yaml keeps', async (t) => {
  const programs = all('RUN').flatMap((argument) => argument.split(' && '))
  const [volume] = all('VOLUME')
  t.same(programs.slice(4), [`mkdir ${volume}`, `chown ${all('USER')[0]} ${volume}`])
  t.match(all('ENV').join(' '), new RegExp(`DT_RING_STATE_FILE=${volume}/\\S+`))
  t.same(compose.services.dt.volumes, [`state:${volume}`])
  t.ok('state' in compose.volumes)
})

t.test('the image runs the dt command as a user without rights, with a health check', async (t) => {
  t.same(all('USER'), ['node'])
  t.equal(packageJson.bin.dt, 'dist/bin/dt.js')
  t.same(JSON.parse(all('ENTRYPOINT')[0]), ['node', packageJson.bin.dt])
  const help = spawnSync(process.execPath, [MAIN, 'help'], { encoding: 'utf8' }).stdout
  const [command] = JSON.parse(all('CMD')[0])
  const check = /CMD (\[.*\])$/.exec(all('HEALTHCHECK')[0])
  const [node, script, checkCommand] = JSON.parse(check?.[1] ?? '[]')
  t.same([node, script], ['node', packageJson.bin.dt])
  for (const name of [command, checkCommand]) t.match(help, new RegExp(`^  ${name} `, 'm'))
})

t.test('the image needs no shell, no rights, and no place to write to but its volume', async (t) => {
  for (const [instruction, words] of dockerfile) {
    if (instruction === 'ENTRYPOINT' || instruction === 'CMD') t.ok(Array.isArray(JSON.parse(words)), words)
  }
  t.notMatch(all('HEALTHCHECK')[0], /CMD [^[]/)
  const { read_only, cap_drop, security_opt, volumes } = compose.services.dt
  t.same([read_only, cap_drop, security_opt], [true, ['ALL'], ['no-new-privileges:true']])
  t.same(volumes, [`state:${all('VOLUME')[0]}`])
})

t.test('the image’s Node and its settings are ones that we know', async (t) => {
  const major = Number(/^node:(\d+)-/.exec(all('FROM')[1])?.[1])
  t.ok(major >= Number(/\d+/.exec(packageJson.engines.node)?.[0]))
  const env = Object.fromEntries(all('ENV').flatMap((line) => line.split(/ +/).map((pair) => pair.split('='))))
  const { listen } = loadConfig({ env })
  t.equal(listen.host, '0.0.0.0', 'the port can be reached from outside of the container')
  t.equal(String(listen.port), all('EXPOSE')[0])
})

t.test('the containers’ Redis is the one that everything is tested with', async (t) => {
  const version = REDIS_VERSION.split('.').slice(0, 2).join('.')
  const images = services.flatMap(([, { image }]) => image ?? [])
  t.equal(images.length, 7)
  for (const image of images) t.ok(image.startsWith(`redis:${version}-`), image)
})

t.test('compose.yaml starts four Redis, three Sentinels and the proxy, each at its own address', async (t) => {
  t.equal(servicesNamed(/^redis-\d$/).length, 4)
  t.equal(servicesNamed(/^sentinel-\d$/).length, 3)
  t.equal(services.length, 8)
  const [subnet] = compose.networks.ring.ipam.config
  const prefix = subnet.subnet.replace(/\.0\/24$/, '.')
  const addresses = services.map(addressOf)
  t.equal(new Set(addresses).size, 8)
  for (const address of addresses) t.ok(address.startsWith(prefix), address)
  for (const [name, { depends_on = [] }] of services) {
    for (const other of depends_on) t.ok(other in compose.services, `${name} depends on ${other}`)
  }
})

t.test('what is shipped frees memory in the background, and takes no slow command for a death', async (t) => {
  const lazy = ['eviction', 'expire', 'server-del', 'user-del', 'user-flush'].map((of) => `lazyfree-lazy-${of} yes`)
  const machines = read('conf/three-machines.yaml')
  for (const setting of lazy) {
    for (const [name, { command }] of servicesNamed(/^redis-\d$/)) {
      t.ok(command?.includes(`--${setting}`), `${name}: ${setting}`)
    }
    t.ok(machines.includes(`#   ${setting}`), `three-machines.yaml: ${setting}`)
  }
  const shipped = ['conf/compose-sentinel.conf', 'conf/three-machines.yaml', 'conf/dt.yaml'].map(read).join('')
  const waits = [...shipped.matchAll(/down-after-milliseconds (?:dt-\d )?(\d+)/g)].map(([, ms]) => Number(ms))
  t.equal(waits.length, 8)
  for (const ms of waits) t.ok(ms >= 5000)
})

t.test('every path of compose.yaml is there, and every volume is declared', async (t) => {
  for (const [name, { volumes = [], build }] of services) {
    for (const source of volumes.map((volume) => volume.split(':')[0])) {
      const known = source.startsWith('./') ? statSync(join(repository, source)).isFile() : source in compose.volumes
      t.ok(known, `${name} has ${source}`)
    }
    if (build !== undefined) t.ok(existsSync(join(repository, build, 'Dockerfile')))
  }
})

t.test('the proxy of compose.yaml has settings that we know: its Sentinels and its port', async (t) => {
  const [dt] = servicesNamed(/^dt$/)
  const { sentinel, listen } = loadConfig({ env: dt[1].environment ?? {} })
  t.same(
    sentinel.addresses.map(({ host, port }) => `${host}:${port}`),
    servicesNamed(/^sentinel-/).map((service) => `${addressOf(service)}:26379`),
  )
  t.same(dt[1].ports, [`127.0.0.1:${listen.port}:${listen.port}`])
})

t.test(
  'compose.proxies.yaml makes three proxies of the one, which know each other and what clients are told',
  async (t) => {
    const added = (parse(read('compose.proxies.yaml'), { merge: true }) as typeof compose).services
    t.same(Object.keys(added), ['dt', 'dt-2', 'dt-3'])
    const usage = spawnSync(process.execPath, [MAIN, 'help', 'serve'], { encoding: 'utf8' }).stdout
    const { dt } = compose.services
    const addresses = servicesNamed(/./).map(addressOf)
    for (const [name, service] of Object.entries(added)) {
      const whole = { ...(name === 'dt' ? dt : {}), ...service }
      const [command, ...options] = whole.command ?? []
      t.equal(command, 'serve')
      for (const option of options) t.match(usage, `  ${option} `)
      t.same([whole.read_only, whole.cap_drop, whole.security_opt], [dt.read_only, dt.cap_drop, dt.security_opt], name)
      t.equal(whole.build, dt.build)
      t.same(whole.depends_on, dt.depends_on)
      t.match(whole.environment, dt.environment ?? {}, `${name} serves the same ring`)
      const secret = whole.environment?.DT_PEERS_PASSWORD ?? ''
      t.match(secret, /^\$\{DT_PEERS_PASSWORD:\?.+\}$/, 'nobody takes a password that is in a repository')
      const config = loadConfig({ env: { ...whole.environment, DT_PEERS_PASSWORD: 'x'.repeat(32) } })
      const address = addressOf([name, whole])
      t.ok(name === 'dt' || !addresses.includes(address), `${address} is free`)
      addresses.push(address)
      t.equal(config.peers.host, address, 'the others find it there')
      t.equal(config.ring.stateFile, 'none')
      const { announceHost, announcePort, port } = config.listen
      t.same(whole.ports, [`${announceHost}:${announcePort}:${port}`], 'clients are told what is published')
    }
  },
)

t.test('the Sentinels of compose.yaml monitor its Redis servers, by names that the proxy follows', async (t) => {
  const monitored = [...read('conf/compose-sentinel.conf').matchAll(/^sentinel monitor (\S+) (\S+) 6379 2$/gm)]
  t.same(
    monitored.map(([, , address]) => address),
    servicesNamed(/^redis-/).map(addressOf),
  )
  t.same(
    monitored.map(([, name]) => name),
    ['dt-1', 'dt-2', 'dt-3', 'dt-4'],
  )
  t.equal(loadConfig({ env: {} }).sentinel.masterPattern, 'dt-*')
})

t.test('Redis starts with the command and the Sentinel settings of compose.yaml', async (t) => {
  const dir = temporaryDirectory(t)
  const [redisPort, sentinelPort] = await freePorts(2)
  const [program, ...args] = servicesNamed(/^redis-1$/)[0][1].command ?? []
  t.equal(program, 'redis-server')
  const sentinel = servicesNamed(/^sentinel-1$/)[0][1].command ?? []
  t.match(sentinel.at(-1), /^cp \/conf\/sentinel.conf \/tmp\/ && exec redis-sentinel \/tmp\/sentinel.conf$/)
  copyFileSync(join(repository, 'conf/compose-sentinel.conf'), join(dir, 'sentinel.conf'))
  const started = [
    spawn(program, [...args, '--port', String(redisPort), '--dir', dir], { stdio: 'ignore' }),
    spawn('redis-server', [join(dir, 'sentinel.conf'), '--sentinel', '--port', String(sentinelPort)], {
      stdio: 'ignore',
    }),
  ]
  t.teardown(() => started.map((child) => child.kill('SIGKILL')))
  for (const port of [redisPort, sentinelPort]) {
    await until(`${port} answers`, async () => (await ask('127.0.0.1', port, 'PING')) === '+PONG')
  }
  t.match(await ask('127.0.0.1', sentinelPort, 'INFO sentinel'), 'sentinel_masters:4')
  t.match(await ask('127.0.0.1', redisPort, 'INFO persistence'), 'aof_enabled:1')
})
