import t from 'tap'
import { parseMasters, parseNews, parseTilt } from '../../src/membership/sentinel-reply.js'

t.test('masters are read with their addresses and flags', async (t) => {
  const reply = [
    ['name', 'dt-1', 'ip', '10.0.0.1', 'port', '6379', 'flags', 'master', 'down-after-milliseconds', '700'],
    ['name', 'dt-2', 'ip', '::1', 'port', '6380', 'flags', 's_down,master,disconnected'],
    ['name', '__proto__', 'ip', 'redis.example', 'port', '6381', 'flags', 's_down,o_down,master'],
  ]
  t.same(parseMasters(reply), [
    { name: 'dt-1', host: '10.0.0.1', port: 6379, sdown: false, odown: false, downAfterMs: 700 },
    { name: 'dt-2', host: '::1', port: 6380, sdown: true, odown: false },
    { name: '__proto__', host: 'redis.example', port: 6381, sdown: true, odown: true },
  ])
  t.same(parseMasters([]), [])
})

t.test('what no Sentinel would answer is refused', async (t) => {
  for (const reply of ['OK', null, [1], [[]], [['name', 'x', 'ip', 'y']], [['name', 'x', 'ip', 'y', 'port', 'z']]]) {
    t.throws(() => parseMasters(reply), { message: /SENTINEL MASTERS/ })
  }
})

t.test('tilt is read from INFO', async (t) => {
  t.equal(parseTilt('# Sentinel\r\nsentinel_masters:3\r\nsentinel_tilt:1\r\nsentinel_running_scripts:0\r\n'), true)
  t.equal(parseTilt('# Sentinel\r\nsentinel_tilt:0\r\nsentinel_tilt_since_seconds:-1\r\n'), false)
  t.equal(parseTilt('sentinel_tilt:10'), false)
})

t.test('messages of pub/sub are told when they are about a master or tilt', async (t) => {
  t.same(parseNews('+monitor', 'master dt-4 127.0.0.1 7004 quorum 2'), {
    kind: '+monitor',
    name: 'dt-4',
    host: '127.0.0.1',
    port: 7004,
  })
  t.same(parseNews('-monitor', 'master dt-4 127.0.0.1 7004'), { kind: '-monitor', name: 'dt-4' })
  t.same(parseNews('+odown', 'master dt-1 127.0.0.1 7001 #quorum 2/2'), { kind: '+odown', name: 'dt-1' })
  t.same(parseNews('-sdown', 'master dt-1 127.0.0.1 7001'), { kind: '-sdown', name: 'dt-1' })
  t.same(parseNews('+switch-master', 'dt-1 127.0.0.1 7001 127.0.0.2 7011'), {
    kind: '+switch-master',
    name: 'dt-1',
    host: '127.0.0.2',
    port: 7011,
  })
  t.same(parseNews('+tilt', '#tilt mode entered'), { kind: '+tilt' })
  for (const [channel, message] of [
    ['+sdown', 'slave 127.0.0.1:7011 127.0.0.1 7011 @ dt-1 127.0.0.1 7001'],
    ['+sdown', 'sentinel 3f5c 127.0.0.1 26380 @ dt-1 127.0.0.1 7001'],
    ['+new-epoch', '4'],
    ['+switch-master', 'dt-1'],
    ['+odown', ''],
  ]) {
    t.equal(parseNews(channel, message), undefined, `${channel} ${message}`)
  }
})
