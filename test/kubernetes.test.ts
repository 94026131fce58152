import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../src/config/config.js'
import { ask } from '../src/local/ask.js'
import { freePorts } from '../src/local/ports.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'
import { until } from './helpers/until.js'

/* The manifests for Kubernetes: nothing here runs a cluster. They have to agree with the image, with each other and with Redis. */

const repository = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(join(repository, name), 'utf8')

interface Container {
  image: string
  command?: string[]
  env?: { name: string; value: string }[]
  ports?: { name: string; containerPort: number }[]
  securityContext: Record<string, unknown>
  volumeMounts: { name: string; mountPath: string }[]
  livenessProbe?: { httpGet: { path: string; port: string } }
  readinessProbe?: { httpGet?: { path: string; port: string } }
}

interface Pod {
  securityContext: Record<string, unknown>
  terminationGracePeriodSeconds?: number
  initContainers?: Container[]
  containers: Container[]
  volumes: { name: string; secret?: { secretName: string }; persistentVolumeClaim?: { claimName: string } }[]
}

interface Manifest {
  kind: string
  metadata: { name: string; labels?: Record<string, string> }
  data: Record<string, string>
  spec: {
    replicas: number
    serviceName?: string
    strategy?: { type: string }
    maxUnavailable?: number
    selector: { app?: string; matchLabels?: { app: string } }
    ports?: { port: number; targetPort?: string }[]
    volumeClaimTemplates?: { metadata: { name: string } }[]
    template: { metadata: { labels: { app: string } }; spec: Pod }
  }
}

const manifests = ['servers.yaml', 'proxy.yaml'].flatMap((name) =>
  parseAllDocuments(read(`conf/kubernetes/${name}`)).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  }),
)
const find = (kind: string, name: string) => {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}
const workloads = [find('StatefulSet', 'redis'), find('StatefulSet', 'sentinel'), find('Deployment', 'dt')]
const { data } = find('ConfigMap', 'dt-servers')
const proxy = find('Deployment', 'dt')
const pod = proxy.spec.template.spec
const [container] = pod.containers
const environment = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]))

t.test('each workload is selected by its own service and its own budget', async (t) => {
  for (const { metadata, spec } of workloads) {
    const labels = { app: metadata.name }
    t.same(spec.template.metadata.labels, labels)
    t.same(spec.selector.matchLabels, labels)
    t.same(find('Service', spec.serviceName ?? metadata.name).spec.selector, labels)
    const budget = find('PodDisruptionBudget', metadata.name).spec
    t.same([budget.selector.matchLabels, budget.maxUnavailable], [labels, 1])
  }
})

t.test('nobody is root, may write to his image, or has a capability; what is mounted is there', async (t) => {
  for (const { spec } of workloads) {
    const { securityContext, containers, initContainers = [], volumes } = spec.template.spec
    t.equal(securityContext.runAsNonRoot, true)
    const known = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)]
    for (const { securityContext, volumeMounts } of [...initContainers, ...containers]) {
      t.same(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      for (const { name } of volumeMounts)
        t.ok(
          known.some((volume) => volume.name === name),
          name,
        )
    }
  }
})

t.test('the proxy has settings that we know, and the ports and paths of its image', async (t) => {
  const dockerfile = read('Dockerfile')
  t.same(proxy.spec.strategy, { type: 'Recreate' }, 'never two of them at once')
  t.equal(proxy.spec.replicas, 1)
  const secrets = Object.fromEntries(Object.entries(environment).filter(([name]) => name.endsWith('PASSWORD_FILE')))
  t.same(Object.keys(secrets), ['DT_AUTH_PASSWORD_FILE', 'DT_BACKEND_PASSWORD_FILE'])
  for (const path of Object.values(secrets)) t.match(path, /^\/secrets\/(?:clients|servers)$/)
  const dir = temporaryDirectory(t)
  for (const name of ['clients', 'servers']) writeFileSync(join(dir, name), name)
  const files = Object.entries(secrets).map(([name, path]) => [name, path.replace('/secrets', dir)])
  const imageEnv = Object.fromEntries(
    [...dockerfile.matchAll(/(DT_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  )
  const config = loadConfig({ env: { ...imageEnv, ...environment, ...Object.fromEntries(files) } })
  t.same([config.auth.password, config.backend.password], ['clients', 'servers'])
  t.match(config.ring.stateFile, /^\/data\//)
  t.same(container.volumeMounts.find(({ name }) => name === 'state')?.mountPath, '/data')
  const claim = pod.volumes.find(({ name }) => name === 'state')?.persistentVolumeClaim?.claimName
  t.ok(find('PersistentVolumeClaim', claim ?? ''), 'the state file lasts')
  const ports = Object.fromEntries((container.ports ?? []).map(({ name, containerPort }) => [name, containerPort]))
  t.same(ports, { redis: config.listen.port, admin: config.admin.port })
  t.same(find('Service', 'dt').spec.ports, [{ name: 'redis', port: config.listen.port, targetPort: 'redis' }])
  t.equal(config.admin.host, '0.0.0.0', 'the probes come from outside of the pod')
  t.same(container.livenessProbe?.httpGet, { path: '/healthz', port: 'admin' })
  t.same(container.readinessProbe?.httpGet, { path: '/readyz', port: 'admin' })
  t.ok((pod.terminationGracePeriodSeconds ?? 0) * 1000 >= config.limits.drainTimeoutMs + 10_000)
  t.equal(container.command, undefined, 'the image knows what to start, without a shell')
})

t.test('the proxy knows every Sentinel, and these every server, by names that its settings follow', async (t) => {
  const { sentinel } = loadConfig({ env: { DT_SENTINEL_ADDRESSES: environment.DT_SENTINEL_ADDRESSES } })
  t.same(
    sentinel.addresses.map(({ host, port }) => `${host}:${port}`),
    Array.from({ length: find('StatefulSet', 'sentinel').spec.replicas }, (_, i) => `sentinel-${i}.sentinel:26379`),
  )
  const monitored = [...data['sentinel.conf'].matchAll(/^sentinel monitor (\S+) (\S+) 6379 2$/gm)]
  const servers = Array.from({ length: find('StatefulSet', 'redis').spec.replicas }, (_, i) => i)
  t.same(
    monitored.map(([, name, host]) => [name, host]),
    servers.map((i) => [`dt-${i + 1}`, `redis-${i}.redis`]),
  )
  const waits = [...data['sentinel.conf'].matchAll(/down-after-milliseconds (\S+) (\d+)/g)]
  t.same(
    waits.map(([, name]) => name),
    monitored.map(([, name]) => name),
  )
  for (const [, , ms] of waits) t.ok(Number(ms) >= 5000)
})

t.test('Redis and Sentinel start with what the init containers make, and want the password', async (t) => {
  const [redisPort, sentinelPort] = await freePorts(2)
  const dir = temporaryDirectory(t)
  for (const name of ['secrets', 'conf', 'redis', 'sentinel']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'secrets/servers'), 'a-long-secret\n')
  const here = (text: string, own: string) =>
    text
      .replace(/\/data/g, join(dir, own))
      .replace(/\/(conf|secrets)\//g, `${dir}/$1/`)
      .replace(/^port .*$/m, '')
      .replace(/redis-\d\.redis 6379/g, `127.0.0.1 ${redisPort}`)
  const start = (name: 'redis' | 'sentinel', port: number) => {
    writeFileSync(join(dir, `conf/${name}.conf`), `${here(data[`${name}.conf`], name)}\nport ${port}\n`)
    const { initContainers, containers } = find('StatefulSet', name).spec.template.spec
    const [shell, ...words] = (initContainers?.[0].command ?? []).map((word) => here(word, name))
    t.equal(spawnSync(shell, words).status, 0)
    const [program, ...args] = (containers[0].command ?? []).map((word) => here(word, name))
    const child = spawn(program, args, { stdio: 'ignore' })
    t.teardown(() => child.kill('SIGKILL'))
  }
  start('redis', redisPort)
  start('sentinel', sentinelPort)
  await until('the server wants a password', async () =>
    (await ask('127.0.0.1', redisPort, 'PING'))?.includes('NOAUTH'),
  )
  await until('the Sentinel has all', async () =>
    (await ask('127.0.0.1', sentinelPort, 'INFO sentinel'))?.includes('sentinel_masters:4'),
  )
  t.match(readFileSync(join(dir, 'sentinel/sentinel.conf'), 'utf8'), /auth-pass "?dt-4"? "?a-long-secret/)
})
