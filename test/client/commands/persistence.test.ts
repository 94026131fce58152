import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy } from '../../helpers/proxy.js'
import type { RawClient } from '../../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../../helpers/raw-reply.js'

/* SAVE and its kind over a ring: each server has its own data on its own disk. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, downAfterMs: 60_000 })
const client = await proxy.connect()
const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
const say = async (...words: string[]) => String(await client.ask(...words))

async function dumps(): Promise<string[]> {
  const setting = async (member: RawClient, name: string) =>
    textOf(itemsOf(readReply(await member.ask('CONFIG', 'GET', name)))[1])
  return Promise.all(
    members.map(async (member) => join(await setting(member, 'dir'), await setting(member, 'dbfilename'))),
  )
}

/** Until no server has a child that writes. */
async function quiet(): Promise<void> {
  for (const member of members) {
    for (;;) {
      const info = String(await member.ask('INFO', 'persistence'))
      if (!/(rdb_bgsave_in_progress|aof_rewrite_in_progress|aof_rewrite_scheduled):1/.test(info)) break
      await sleep(20)
    }
  }
}

t.test('SAVE is answered when all servers have saved, and others are served meanwhile', async (t) => {
  const files = await dumps()
  for (const file of files) rmSync(file, { force: true })
  await client.pipeline(Array.from({ length: 50 }, (_, i) => ['SET', `k${i}`, 'x'.repeat(1000)]))
  // A save of each takes 50 ms for each key.
  for (const member of members) await member.ask('CONFIG', 'SET', 'rdb-key-save-delay', '10000')
  const saved = say('SAVE')
  const other = await proxy.connect()
  await sleep(150)
  t.equal(String(await other.ask('SET', 'meanwhile', '1')), '+OK\r\n')
  t.notOk(files.some(existsSync), 'nobody is ready')
  t.equal(await saved, '+OK\r\n')
  t.ok(files.every(existsSync))
  for (const member of members) await member.ask('CONFIG', 'SET', 'rdb-key-save-delay', '0')
})

t.test('LASTSAVE is when the last of them had saved', async (t) => {
  await sleep(1100)
  await members[1].ask('SAVE')
  const times = await Promise.all(members.map(async (member) => Number(String(await member.ask('LASTSAVE')).slice(1))))
  t.equal(await say('LASTSAVE'), `:${Math.min(...times)}\r\n`)
  t.ok(times[1] > times[0])
})

t.test('what all refuse is refused as by one', async (t) => {
  for (const member of members) await member.ask('CONFIG', 'SET', 'rdb-key-save-delay', '10000')
  t.equal(await say('BGSAVE'), '+Background saving started\r\n')
  t.equal(await say('BGSAVE'), '-ERR Background save already in progress\r\n')
  t.equal(await say('SAVE'), '-ERR Background save already in progress\r\n')
  t.equal(await say('BGREWRITEAOF'), '+Background append only file rewriting scheduled\r\n')
  await quiet()
  t.equal(await say('BGSAVE', 'NOSUCH'), '-ERR syntax error\r\n')
})

t.test('who has not done it is named', async (t) => {
  await members[0].ask('BGSAVE')
  t.match(
    await say('BGSAVE'),
    /^-ERR it was not done by all servers, by the others it was \(dt-1 says: ERR Background save already in progress\)/,
  )
  await quiet()
  for (const member of members) await member.ask('CONFIG', 'SET', 'rdb-key-save-delay', '0')
  t.equal(await say('BGREWRITEAOF'), '+Background append only file rewriting started\r\n')
  await quiet()
  await proxy.ring.kill('dt-2')
  t.match(await say('SAVE'), /^-ERR it was not done by all servers, by the others it was \(dt-2 has not answered\)/)
})
