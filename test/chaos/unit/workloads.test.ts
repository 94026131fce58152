import t from 'tap'
import { workloadNames } from '../checkers/check-history.js'
import { VALUE_PATTERN } from '../checkers/provenance.js'
import { encode, isRead, type Plan } from '../commands.js'
import { DEFAULT_FAULTS, DEFAULT_FAULTS_OF_FRONTS, FAULTS, REST, schedule } from '../faults.js'
import { Random } from '../random.js'
import { drawFronts } from '../settings.js'
import { ClientPlan, WORKLOADS } from '../workloads.js'

function tasks(seed: number, client: number, count: number, readsOnly = false) {
  const plan = new ClientPlan(client, new Random(seed, `client ${client}`), {
    workloads: WORKLOADS,
    ballast: ['ballast:1'],
    readsOnly,
  })
  return Array.from({ length: count }, () => plan.next())
}

function plans(seed: number, client: number, count: number): readonly Plan[] {
  return tasks(seed, client, count).flatMap((task) => (task.kind === 'batch' ? task.plans : []))
}

t.test('the same seed gives each client the same operations', async (t) => {
  t.strictSame(tasks(7, 3, 500), tasks(7, 3, 500))
  t.notSame(tasks(7, 3, 50), tasks(8, 3, 50))
  t.notSame(tasks(7, 3, 50), tasks(7, 4, 50))
})

t.test('every workload comes up, can be sent and can be checked', async (t) => {
  const done = plans(7, 0, 2000)
  const used = new Set(done.map(({ workload }) => workload))
  for (const name of WORKLOADS) {
    if (!['deadline', 'carried'].includes(name)) t.ok(used.has(name), name)
    t.ok(workloadNames.includes(name), `${name} has a check`)
  }
  for (const plan of done) encode(plan)
})

t.test('who only reads reads what the others write at that time', async (t) => {
  const read = tasks(7, 4, 500, true).flatMap((task) => (task.kind === 'batch' ? task.plans : []))
  t.ok(read.every(isRead))
  const written = new Set(plans(7, 0, 700).map(({ key }) => key))
  const shared = read.filter(({ workload, key }) => workload !== 'echo' && written.has(key))
  t.ok(shared.length > read.length / 2, `${shared.length} of ${read.length}`)
})

t.test('no value is written twice, by whomever', async (t) => {
  const written = [0, 1].flatMap((client) =>
    plans(7, client, 2000)
      .filter(({ name }) => !['srem', 'sismember'].includes(name))
      .flatMap(({ args }) => args.filter((arg) => VALUE_PATTERN.test(String(arg)))),
  )
  t.ok(written.length > 1000)
  t.equal(new Set(written).size, written.length)
})

t.test('no key belongs to two workloads', async (t) => {
  const workloadOf = new Map<string, string>()
  for (let client = 0; client < 10; client++) {
    for (const task of tasks(7, client, 1500)) {
      const used =
        task.kind === 'deadline'
          ? [{ key: task.key, workload: 'deadline' }]
          : task.kind === 'compare'
            ? [task.watch, task.set]
            : task.plans
      for (const { key, workload } of used) {
        const before = workloadOf.get(key) ?? workload
        if (before !== workload) t.fail(`${key} is of ${before} and ${workload}`)
        workloadOf.set(key, workload)
      }
    }
  }
  t.ok(workloadOf.size > 200)
})

t.test('keys are used by several clients and make room for new ones', async (t) => {
  const keysOf = (client: number) => new Set(plans(7, client, 3000).map(({ key }) => key))
  const [one, other] = [keysOf(1), keysOf(2)]
  t.ok([...one].filter((key) => other.has(key)).length > 20)
  t.ok([...one].some((key) => key.startsWith('register:0:0')) && [...one].some((key) => key.startsWith('register:0:2')))
})

t.test('the same seed gives the same faults, each as often as the others', async (t) => {
  const options = { faults: DEFAULT_FAULTS, seconds: 300, replicas: 2 }
  const plan = schedule(new Random(7, 'faults'), options)
  t.strictSame(plan, schedule(new Random(7, 'faults'), options))
  t.notSame(plan, schedule(new Random(8, 'faults'), options))
  const counts = options.faults.map((name) => plan.filter(({ fault }) => fault === name).length)
  t.ok(Math.max(...counts) - Math.min(...counts) <= 1 && Math.min(...counts) >= 1, String(counts))
  for (const { fault, atMs, count, durationMs } of plan) {
    if (fault === REST) continue
    const [least, most] = FAULTS[fault].lasts
    t.ok(atMs < 300_000 && count <= 2 && durationMs >= least && durationMs <= most)
  }
  t.strictSame(schedule(new Random(7, 'faults'), { ...options, faults: [] }), [])
})

t.test('a ring without fronts has the faults that it had, one with them those that befall them', async (t) => {
  const of = (names: readonly string[], withFronts: boolean) =>
    names.filter((name) => FAULTS[name].withFronts === withFronts)
  t.strictSame(of(DEFAULT_FAULTS, true), [])
  t.strictSame(of(DEFAULT_FAULTS_OF_FRONTS, false), [])
  t.ok(of(DEFAULT_FAULTS_OF_FRONTS, true).length > 5)
  t.strictSame(new Set(Array.from({ length: 30 }, (_, seed) => drawFronts(seed))), new Set([1, 2]))
})
