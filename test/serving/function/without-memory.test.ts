import t from 'tap'
import { answersAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { until } from '../../helpers/until.js'
import { verify } from '../../helpers/verify.js'

/*
 * Beyond maxmemory a server refuses what is flagged denyoom: of what is about scripts and functions only FUNCTION LOAD and RESTORE, and a
 * script or function as it says of itself. So does the ring, from the command behind CONFIG SET on.
 */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)
const [ours, theirs] = [await proxy.connect(), await redis.connect()]
const same = (commands: readonly (readonly string[])[]) => answersAlike(t, ours, theirs, commands)

const LIBRARY = `#!lua name=l
redis.register_function{function_name='may',callback=function(k,a) return redis.call('SET',k[1] or a[2],a[1]) end,flags={'allow-oom'}}
redis.register_function{function_name='reads',callback=function(k) return redis.call('GET',k[1]) end,flags={'no-writes'}}
redis.register_function('mayNot',function() return 1 end)`
const MAY = '#!lua flags=allow-oom\n'
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

t.test('the first write behind CONFIG SET is judged by it', async () => {
  await same([
    ['FUNCTION', 'LOAD', LIBRARY],
    ['SCRIPT', 'LOAD', 'return 1'],
    ...KEYS.map((key) => ['SET', key, key]),
    ['RPUSH', 'list', 'x', 'y'],
    ['CONFIG', 'SET', 'maxmemory', '1000'],
    ['SET', 'first', '1'],
  ])
})

t.test('scripts and functions are served as they say of themselves', async (t) => {
  for (const key of KEYS) {
    await same([
      ['FCALL', 'may', '1', key, '1'],
      ['FCALL', 'may', '0', '2', key],
      ['FCALL', 'reads', '1', key],
      ['FCALL_RO', 'reads', '1', key],
      ['FCALL', 'mayNot', '1', key],
      ['FCALL_RO', 'mayNot', '1', key],
      ['FCALL_RO', 'may', '1', key, '1'],
      ['EVAL', `${MAY}return redis.call('SET',KEYS[1],'3')`, '1', key],
      ['EVAL', `${MAY}return redis.call('APPEND',ARGV[1],'4')`, '0', key],
      ['EVAL', `${MAY}redis.call('INCR',KEYS[1]) return redis.call('INCR',KEYS[1])`, '1', key],
      ['EVAL', '#!lua\nreturn 1', '1', key],
      ['EVAL_RO', '#!lua\nreturn 1', '1', key],
      ['EVAL', "#!lua flags=no-writes\nreturn redis.call('GET',KEYS[1])", '1', key],
      ['EVAL', "return redis.call('GET',KEYS[1])", '1', key],
      ['EVAL', "return redis.call('SET',KEYS[1],'x')", '1', key],
      ['EVAL', "redis.call('DEL',KEYS[1]) return redis.call('SET',KEYS[1],'9')", '1', key],
      ['GET', key],
    ])
  }
  await same([
    ['FCALL', 'mayNot', '0'],
    ['FCALL', 'nosuch', '0'],
    ['EVAL', '#!lua\nreturn 1', '0'],
  ])
  t.match(await verify(ours), { differences: 0, complete: 1 })
})

t.test('what is loaded may be deleted, and scripts loaded', async () => {
  await same([
    ['FUNCTION', 'LOAD', '#!lua name=other\nredis.register_function("o",function() return 1 end)'],
    ['FUNCTION', 'DELETE', 'nosuch'],
    ['FUNCTION', 'DELETE', 'l'],
    ['FCALL', 'mayNot', '0'],
    ['FUNCTION', 'LIST'],
    ['FUNCTION', 'FLUSH'],
    ['SCRIPT', 'LOAD', 'return 2'],
    ['SCRIPT', 'FLUSH'],
    ['SCRIPT', 'EXISTS', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '7f923f79fe76194c868d7e1d0820de36700eb649'],
    ['SCRIPT', 'LOAD', "return redis.call('LLEN',KEYS[1])"],
    ['EVALSHA', '5d113cf9450bb35f3370b72d5d1cc42ec908ccd2', '1', 'list'],
  ])
})

t.test('the first write behind the end of it is served, and the members keep what was loaded', async (t) => {
  await same([
    ['CONFIG', 'SET', 'maxmemory', '0'],
    ['SET', 'first', '1'],
    ['FUNCTION', 'LIST'],
  ])
  const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
  const kept = async () =>
    Promise.all(
      members.map(async (member) => {
        const list = String(await member.ask('FUNCTION', 'LIST', 'LIBRARYNAME', 'dt_[ksf]*', 'WITHCODE'))
        return [...list.matchAll(/#!lua name=(dt_\S+)|--(\S+)/g)].map(([, name, content]) => name ?? content).sort()
      }),
    )
  await until('all keep the script that was loaded last', async () => {
    const [one, ...others] = (await kept()).map((each) => each.join(' '))
    return /dt_s_/.test(one) && others.every((each) => each === one)
  })
  const [names] = await kept()
  t.equal(names.filter((name) => /^dt_[sf]_/.test(name)).length, 1, 'and nothing that was deleted')
})
