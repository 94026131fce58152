import t from 'tap'
import { eventsBetween, ratesBetween, type Sample, topScreen } from '../../src/cli/top-screen.js'

const plain = { write: () => {} }

function sample(atMs: number, info: Record<string, string> = {}, more: Partial<Sample> = {}): Sample {
  const node = { name: 'dt-1', state: 'up', link: 'up', version: '7.0.15', share: 1, 'keys-mastered': 1234567, why: '' }
  return {
    atMs,
    pingMs: 0.25,
    info: {
      ...{ run_id: 'a', dt_version: '0.1.0', dt_ring: 'dt', dt_epoch: '5', dt_serving: '1', uptime_in_seconds: '200' },
      ...{ dt_sentinels: '3', dt_sentinels_reachable: '3', dt_memory_rss: '73400320', connected_clients: '40' },
      ...{
        blocked_clients: '2',
        dt_waiting: '0',
        dt_differences: '0',
        dt_outcomes_unknown: '0',
        dt_pending_ranges: '0',
      },
      ...{ total_commands_processed: '1000', dt_reads: '600', dt_writes: '400', total_error_replies: '0' },
      ...{ total_net_input_bytes: '10240', total_net_output_bytes: '20480' },
      dt_member0: 'name=dt-1,addr=127.0.0.1:1,in_ring=1,state=up,link=up,outstanding=12,answered=100,server_usec=50000',
      ...info,
    },
    nodes: [node],
    migrations: [],
    ...more,
  }
}

t.test('rates are what there was in a second, and unknown when the counters began anew', async (t) => {
  const before = sample(1000)
  const later = sample(3000, { total_commands_processed: '3000', dt_reads: '600', total_net_input_bytes: '30720' })
  const rates = ratesBetween(before, later)
  t.same([rates.commands, rates.reads, rates.bytesIn], [1000, 0, 10240])
  t.equal(ratesBetween(undefined, later).commands, undefined)
  t.equal(ratesBetween(before, sample(3000, { total_commands_processed: '5' })).commands, undefined, 'reset meanwhile')
  t.equal(ratesBetween(before, sample(3000, { run_id: 'b' })).commands, undefined, 'another run')
  const member0 = 'name=dt-1,addr=127.0.0.1:1,in_ring=1,state=up,link=up,outstanding=0'
  const busy = sample(3000, { dt_member0: `${member0},answered=500,server_usec=150000,why=a=b` })
  t.same(ratesBetween(before, busy).members, { 'dt-1': { commands: 200, ms: 0.25 } })
  t.same(ratesBetween(before, sample(3000)).members, { 'dt-1': { commands: 0, ms: undefined } }, 'nobody waited for it')
  t.same(ratesBetween(undefined, busy).members, {})
  const added = sample(3000, { dt_member1: 'name=dt-2,addr=127.0.0.1:2,answered=5,server_usec=1' })
  t.same(ratesBetween(before, added).members['dt-2'], { commands: undefined, ms: undefined }, 'new since then')
})

t.test('what changed is told in a sentence each', async (t) => {
  const before = sample(0)
  const [node] = before.nodes
  const away = sample(1, {}, { nodes: [{ ...node, state: 'suspect', link: 'down', why: 'its link is down' }] })
  t.same(eventsBetween(before, before), [])
  t.same(eventsBetween(before, away), ['dt-1 was up and is suspect: its link is down'])
  const second = { ...node, name: 'dt-2' }
  t.same(eventsBetween(before, sample(1, {}, { nodes: [node, second] })), ['dt-2 is known, and up'])
  t.same(eventsBetween(before, sample(1, {}, { nodes: [] })), ['dt-1 is not known any more'])
  t.same(eventsBetween(before, sample(1, { dt_serving: '0', dt_not_serving_because: 'no Sentinel' })), [
    'nothing is served: no Sentinel',
  ])
  t.same(eventsBetween(before, sample(1, { run_id: 'b' })), ['another run of the proxy answers'])
  const moving = sample(1, {}, { migrations: [{ member: 'dt-1' }] })
  t.same(eventsBetween(before, moving), ['data begins to move'])
  t.same(eventsBetween(moving, before), ['no data moves any more'])
})

t.test('the picture fits 80 columns', async (t) => {
  const rates = { commands: 123456, reads: 100000, writes: 23456, errors: 12, bytesIn: 5e6, bytesOut: 9e6 }
  const members = { 'dt-1': { commands: 123456, ms: 0.254 } }
  const lines = topScreen(plain, sample(0), { ...rates, members }, ['12:00:00  data begins to move'])
  t.same(lines, [
    'Diminished Triad 0.1.0  ring dt  epoch 5  serving',
    'up 3 min 20 s  ping 0.3 ms  3 of 3 Sentinels  memory 70.0 MB',
    '',
    'commands 123,456/s  reads 100,000/s  writes 23,456/s  errors 12/s',
    'in 4.8 MB/s  out 8.6 MB/s  clients 40  blocked 2',
    'waiting 0  differences 0  outcomes unknown 0  ranges moving 0',
    '',
    'name  state  link  version    share       keys  sent   done/s    ms',
    'dt-1  up     up    7.0.15   100.0 %  1,234,567    12  123,456  0.25',
    '',
    '12:00:00  data begins to move',
  ])
  for (const line of lines) t.ok(line.length <= 80, line)
  t.ok(topScreen(plain, sample(0, {}, { nodes: [] }), { ...rates, members: {} }, []).includes('No server is known.'))
})

t.test('why a server is not up, and how long a migration takes, are there in 80 columns', async (t) => {
  const rates = ratesBetween(undefined, sample(0))
  const why = 'its link is down: connect ECONNREFUSED 127.0.0.1:16383, and no Sentinel has said that it has failed'
  const nodes = [{ ...sample(0).nodes[0], state: 'suspect', link: 'down', why }]
  const moving = { member: 'dt-5', reason: 'failure', keys: 123456, 'keys-total': 2345678, bytes: 123456789 }
  const migrations = [{ ...moving, 'seconds-left': 200, sources: ['dt-1', 'dt-2', 'dt-3'] }]
  const now = sample(0, {}, { nodes, migrations })
  const narrow = topScreen({ ...plain, isTTY: true, columns: 80 }, now, rates, [])
  for (const line of narrow) t.ok(line.length < 80, line)
  t.same(narrow.slice(8), [
    'dt-1  suspect  down  7.0.15   100.0 %  1,234,567    12       -   -',
    '  dt-1: its link is down: connect ECONNREFUSED 127.0.0.1:16383, and no Sentinel',
    '  has said that it has failed',
    '',
    'dt-5  █░░░░░░░░░   5 %  123,456 of ~2,345,678 keys, 118 MB, 3 min 20 s left',
    '      (failure, from dt-1 dt-2 dt-3)',
  ])
  const piped = topScreen(plain, now, rates, [])
  t.ok(piped.includes(`  dt-1: ${why}`))
  t.match(piped.at(-1), /^dt-5 {2}█+░+ {3}5 % {2}.* 3 min 20 s left {2}\(failure, from dt-1 dt-2 dt-3\)$/)
})
