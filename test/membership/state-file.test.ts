import { spawnSync } from 'node:child_process'
import fs, { existsSync, lstatSync, mkdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { encodeState, type ViewRecord } from '../../src/membership/marker.js'
import { NO_PROVENANCE } from '../../src/membership/provenance.js'
import { StateFile } from '../../src/membership/state-file.js'
import { buildView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

function record(term: number, epoch: number): ViewRecord {
  return { ringId: 'dt', term, view: buildView('dt', epoch, 1, 1, []), removed: [], provenance: NO_PROVENANCE }
}

/** A path for a state file, and the files of two proxies that use it. */
function shared(t: Test) {
  const path = join(t.testdir(), 'state.json')
  const taken: string[] = []
  const first = new StateFile(path, 'run-1', silentLogger(), (reason) => taken.push(reason))
  return { path, first, taken, second: new StateFile(path, 'run-2', silentLogger()) }
}

/** For the time of a test a function of node:fs does something else. */
function replace<Name extends keyof typeof fs>(t: Test, name: Name, other: (typeof fs)[Name]): void {
  const original = fs[name]
  const set = (value: (typeof fs)[Name]) => {
    fs[name] = value
    syncBuiltinESMExports()
  }
  t.teardown(() => set(original))
  set(other)
}

t.test('two owners of one state file: the later one has it', async (t) => {
  const { path, first, taken, second } = shared(t)
  first.claim('dt', 1)
  t.equal(first.read(), undefined)
  await first.save(record(1, 4))
  t.throws(() => second.claim('other', 2), { name: 'UserError', message: /is the state file of the ring dt/ })
  second.claim('dt', 2)
  t.strictSame(second.read(), record(1, 4))
  await first.save(record(1, 5))
  t.equal(first.savedEpoch, 4)
  t.match(taken, [/another proxy has taken over: it uses the state file .*state.json/])
  t.strictSame(second.read(), record(1, 4))
  await second.save(record(2, 5))
  t.throws(() => first.claim('dt', 1), { name: 'UserError', message: /it uses the state file/ })
  t.strictSame(second.read(), record(2, 5))
  const nowhere = new StateFile(join(path, 'below', 'state.json'), 'run-1', silentLogger())
  t.throws(() => nowhere.claim('dt', 1), { name: 'UserError' })
})

t.test('a state file that cannot be written is removed, because an old one would lie', async (t) => {
  const path = join(t.testdir(), 'state.json')
  const stateFile = new StateFile(path, 'run-1', silentLogger())
  await stateFile.save(record(1, 1))
  t.equal(stateFile.savedEpoch, 1)
  mkdirSync(`${path}.run-1.new`)
  await stateFile.save(record(1, 2))
  t.equal(existsSync(path), false)
  t.equal(stateFile.savedEpoch, 2)

  const nowhere = new StateFile(join(path, 'below', 'a-file'), 'run-1', silentLogger())
  writeFileSync(path, 'no state')
  await nowhere.save(record(1, 3))
  t.equal(nowhere.savedEpoch, 0, 'what cannot be removed either holds back the view')
  t.throws(() => stateFile.read(), { name: 'UserError', message: /state.json cannot be used: it is no JSON/ })
})

t.test('what could not be written is tried again: in the end the file is there', async (t) => {
  const { path, first } = shared(t)
  await first.save(record(1, 1))
  t.equal(first.saveAgain(), undefined)
  mkdirSync(`${path}.run-1.new`)
  await first.save(record(1, 2))
  await first.saveAgain()
  t.equal(existsSync(path), false)
  rmdirSync(`${path}.run-1.new`)
  await first.saveAgain()
  t.strictSame(first.read(), record(1, 2))
  t.equal(first.saveAgain(), undefined)
})

t.test(
  'that it could not be written is noticed although nothing is to be written, and what is there stays',
  async (t) => {
    const path = join(t.testdir(), 'state.json')
    const { log, lines } = new LogLines()
    const stateFile = new StateFile(path, 'run-1', log)
    const events = () => lines.map(({ event }) => event)
    await stateFile.save(record(1, 1))
    await stateFile.tryToWrite()
    t.same([stateFile.fault, events()], [undefined, []])
    mkdirSync(`${path}.run-1.try`)
    await stateFile.tryToWrite()
    await stateFile.tryToWrite()
    t.match(stateFile.fault, /^E/)
    t.same(events(), ['state-file-failed'], 'it is said once')
    t.strictSame(stateFile.read(), record(1, 1))
    rmdirSync(`${path}.run-1.try`)
    await stateFile.tryToWrite()
    t.equal(stateFile.fault, undefined)
    t.same(events(), ['state-file-failed', 'state-file-written'])
    t.equal(existsSync(`${path}.run-1.try`), false)
  },
)

t.test('a proxy looks at that by itself, and tells it wherever one asks', async (t) => {
  const directory = t.testdir()
  const stateFile = join(directory, 'state.json')
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { ring: { stateFile } } })
  const client = await proxy.connect()
  const info = async (section: string) => String(await client.ask('INFO', section))
  t.match(await info('dt'), /^dt_state_file_failing:0\r$/m)
  const runId = /^run_id:(.{8})/m.exec(await info('server'))![1]
  mkdirSync(`${stateFile}.${runId}.try`)
  await until('INFO says so', async () => /^dt_state_file_failing:1\r$/m.test(await info('dt')))
  t.match(String(await client.ask('DT', 'DOCTOR')), /the state file cannot be written: E/)
  rmdirSync(`${stateFile}.${runId}.try`)
  await until('it is well again', async () => /^dt_state_file_failing:0\r$/m.test(await info('dt')))
})

t.test('a claim does not lose what the one before writes meanwhile', async (t) => {
  const { path, first, second } = shared(t)
  await first.save(record(1, 4))
  const { fsyncSync } = fs
  let isWritten = false
  replace(t, 'fsyncSync', (file) => {
    fsyncSync(file)
    if (isWritten) return
    isWritten = true
    writeFileSync(path, encodeState(record(1, 5), 1))
  })
  t.strictSame(second.claim('dt', 2), record(1, 5))
  await first.save(record(1, 6))
  t.strictSame(second.read(), record(1, 5), 'and then that one writes no more')
})

t.test('who finds no file claims one that the one before makes afterwards', async (t) => {
  const { first, second, taken } = shared(t)
  t.equal(second.claim('dt', 2), undefined)
  await first.save(record(1, 5))
  t.strictSame(second.claim('dt', 2), record(1, 5))
  await first.save(record(1, 6))
  t.equal(taken.length, 1)
  t.strictSame(second.claim('dt', 2), record(1, 5))
})

t.test('a disk that becomes full in the middle of a claim leaves the file as it was', async (t) => {
  const { path, first } = shared(t)
  const names = Array.from({ length: 40 }, (_, i) => `dt-${i + 10}`)
  const members = names.map((name): Member => ({ name, host: '127.0.0.1', port: 6379, state: 'up' }))
  const large = { ...record(1, 4), view: buildView('dt', 4, 1, 1, members) }
  await first.save(large)
  t.ok(statSync(path).size > 1024)
  // A limit of the size of files does as a full disk: what there is room for is written, and the next write fails.
  const script = `
    const { StateFile } = await import(${JSON.stringify(import.meta.resolve('../../src/membership/state-file.js'))})
    new StateFile(${JSON.stringify(path)}, 'run-2', console).claim('dt', 2)`
  const shell = ['-c', 'ulimit -f 2; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  const { stderr, status } = spawnSync('sh', shell, { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stderr, /UserError: the state file .* cannot be written: EFBIG/)
  t.strictSame(first.read(), large)
})

t.test(
  'a file that cannot be looked at, or that another version uses, is not ours to write or to remove',
  async (t) => {
    const { path, first, second, taken } = shared(t)
    await first.save(record(1, 4))
    second.claim('dt', 2)
    const { readFileSync } = fs
    replace(t, 'readFileSync', ((...args: Parameters<typeof readFileSync>) => {
      if (args[0] === path) throw Object.assign(new Error('EMFILE: too many open files, open'), { code: 'EMFILE' })
      return readFileSync(...args)
    }) as typeof readFileSync)
    await first.save(record(1, 5))
    t.equal(first.savedEpoch, 4)
    t.ok(existsSync(path))
    replace(t, 'readFileSync', readFileSync)
    t.strictSame(second.read(), record(1, 4))

    const newer = JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), v: 9, owner: 3 })
    writeFileSync(path, newer)
    await first.save(record(1, 6))
    t.equal(readFileSync(path, 'utf8'), newer)
    t.equal(taken.length, 1)
  },
)

t.test('a proxy that only claimed the file counts for the next one, whose clock may be behind', async (t) => {
  const { first, second } = shared(t)
  t.equal(second.ownerTerm(), 0)
  await first.save(record(1, 4))
  first.claim('dt', 7)
  t.equal(second.ownerTerm(), 7)
})

t.test('a link to the file stays one: what it leads to is written', async (t) => {
  const directory = t.testdir({ disk: {} })
  const link = join(directory, 'state.json')
  symlinkSync('disk/state.json', link)
  const file = new StateFile(link, 'run-1', silentLogger())
  t.match(file.where, /disk\/state.json$/)
  t.equal(file.claim('dt', 1), undefined)
  await file.save(record(1, 4))
  file.claim('dt', 2)
  await file.save(record(2, 5))
  t.ok(lstatSync(link).isSymbolicLink())
  t.strictSame(new StateFile(join(directory, 'disk', 'state.json'), 'run-2', silentLogger()).read(), record(2, 5))
})
