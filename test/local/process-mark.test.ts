import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { endProcess, readPidFile, startMark, writePidFile } from '../../src/local/process-mark.js'

/** A process that does what the shell commands say, and is gone at the end of the test. */
async function shell(t: Test, commands: string): Promise<{ child: ChildProcess; pid: number; gone: Promise<unknown> }> {
  const child = spawn('sh', ['-c', `${commands}; echo ready; while :; do sleep 0.05; done`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const gone = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return { child, pid: child.pid as number, gone }
}

t.test('a living process has a mark that stays, a dead one has none', async (t) => {
  const { child, pid, gone } = await shell(t, ':')
  const mark = startMark(pid)
  t.type(mark, 'string')
  t.equal(startMark(pid), mark)
  t.not(startMark(process.pid), mark, 'another process has another mark')
  child.kill('SIGKILL')
  await gone
  t.equal(startMark(pid), undefined)
})

t.test('a pid file speaks of its process only', async (t) => {
  const file = join(t.testdir(), 'x.pid')
  const { child, pid, gone } = await shell(t, ':')
  t.equal(readPidFile(file), undefined, 'no file')
  writePidFile(file, pid)
  t.equal(readPidFile(file), pid)
  writeFileSync(file, readFileSync(file, 'latin1').replace(/^\d+/, String(process.pid)))
  t.equal(readPidFile(file), undefined, 'the id belongs to another process by now')
  for (const content of ['', 'x', `${pid}\n`, `${pid} \n`, `-1 x\n`, `0 x\n`]) {
    writeFileSync(file, content)
    t.equal(readPidFile(file), undefined, JSON.stringify(content))
  }
  writePidFile(file, pid)
  child.kill('SIGKILL')
  await gone
  t.equal(readPidFile(file), undefined, 'its process is dead')
})

t.test('a process is ended, also when it is paused', async (t) => {
  const { pid, gone } = await shell(t, ':')
  process.kill(pid, 'SIGSTOP')
  await endProcess(pid, 5000)
  t.same(await gone, [null, 'SIGTERM'])
})

t.test('a process that does not want to stop is killed when patience is at its end', async (t) => {
  const { pid, gone } = await shell(t, 'trap "" TERM')
  await endProcess(pid, 100)
  t.same(await gone, [null, 'SIGKILL'])
  await endProcess(pid, 100)
})
