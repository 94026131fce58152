import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { hasProgram } from '../helpers/has-program.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

/*
 * Each story is a ring as Prometheus sees it for half an hour, and which alerts fire in the end: these, and no other. Prometheus itself
 * says so, by its promtool.
 */

const PROMTOOL = 'promtool'
const WITHOUT = 'there is no promtool on the PATH (Debian: apt-get install prometheus)'
const INTERVAL_S = 30
const STEPS = 60

/** The values of series, by their names: a number that stays, or `from+by` for one that grows with each step. */
type Seen = Readonly<Record<string, number | string>>

interface Story {
  readonly what: string
  readonly seen: Seen
  readonly fires: readonly string[]
}

const SENTINELS = ['a:1', 'b:1', 'c:1'].map((address) => `dt_sentinel_reachable{sentinel="${address}"}`)

/** Four servers and three Sentinels, all of them well. */
const WELL: Seen = {
  up: 1,
  nodejs_eventloop_lag_p99_seconds: 0.01,
  dt_ready: 1,
  dt_standing_by: 0,
  dt_owner_missed: 0,
  dt_state_file_failing: 0,
  dt_ranges_unserved: 0,
  dt_ranges_short: 0,
  dt_ranges_unwritable: 0,
  dt_commands_waiting: 0,
  'dt_error_replies_total{code="ERR"}': '0+100',
  dt_outcomes_unknown_total: 0,
  ...Object.fromEntries(SENTINELS.map((sentinel) => [sentinel, 1])),
  ...Object.fromEntries(
    ['dt-1', 'dt-2', 'dt-3', 'dt-4'].flatMap((member) => [
      [`dt_link_up{member="${member}"}`, 1],
      [`dt_member_full{member="${member}"}`, 0],
      [`dt_member_quorum{member="${member}"}`, 2],
      [`dt_member_clock_offset_seconds{member="${member}"}`, 0.004],
    ]),
  ),
}

const STORIES: readonly Story[] = [
  { what: 'all is well', seen: {}, fires: [] },
  { what: 'the proxy does not answer', seen: { up: 0 }, fires: ['DtProxyAway'] },
  {
    what: 'the proxy is slow itself',
    seen: { nodejs_eventloop_lag_p99_seconds: 0.5 },
    fires: ['DtEventLoopSlow'],
  },
  { what: 'it serves nothing', seen: { dt_ready: 0 }, fires: ['DtNotServing'] },
  { what: 'it stands by', seen: { dt_ready: 0, dt_standing_by: 1 }, fires: [] },
  {
    what: 'it stands by, and does not reach the owner, to which it is to send clients',
    seen: { dt_ready: 0, dt_standing_by: 1, dt_owner_missed: 1 },
    fires: ['DtOwnerMissed'],
  },
  { what: 'one Sentinel of three is away', seen: away(1), fires: [] },
  { what: 'two Sentinels of three are away', seen: away(2), fires: ['DtQuorumMissed', 'DtSentinelsAway'] },
  { what: 'all Sentinels are away', seen: away(3), fires: ['DtSentinelsAway'] },
  {
    what: 'a quorum is more than those that answer',
    seen: { ...away(1), 'dt_member_quorum{member="dt-1"}': 3 },
    fires: ['DtQuorumMissed'],
  },
  {
    what: 'a clock is behind',
    seen: { 'dt_member_clock_offset_seconds{member="dt-1"}': -45 },
    fires: ['DtClocksApart'],
  },
  { what: 'the state file cannot be written', seen: { dt_state_file_failing: 1 }, fires: ['DtStateFileFails'] },
  { what: 'a server is away', seen: { 'dt_link_up{member="dt-1"}': 0 }, fires: ['DtMemberAway'] },
  { what: 'copies are not made', seen: { dt_ranges_short: 7 }, fires: ['DtFewCopies'] },
  { what: 'all servers of keys are away', seen: { dt_ranges_unserved: 7 }, fires: ['DtKeysUnserved'] },
  {
    what: 'writes of keys that nobody asks for would wait',
    seen: { dt_ranges_unwritable: 7 },
    fires: ['DtWritesWait'],
  },
  {
    what: 'commands are refused',
    seen: { 'dt_error_replies_total{code="CLUSTERDOWN"}': '0+1' },
    fires: ['DtCommandsRefused'],
  },
  { what: 'clients give up before they are refused', seen: { dt_commands_waiting: 3 }, fires: ['DtCommandsRefused'] },
  {
    what: 'some commands were refused half an hour ago',
    seen: { 'dt_error_replies_total{code="CLUSTERDOWN"}': 70 },
    fires: [],
  },
  {
    what: 'all Sentinels are away, and a server dies',
    seen: {
      ...away(3),
      'dt_link_up{member="dt-1"}': 0,
      dt_ranges_short: 128,
      dt_ranges_unwritable: 128,
      'dt_error_replies_total{code="CLUSTERDOWN"}': '0+1',
    },
    fires: ['DtCommandsRefused', 'DtFewCopies', 'DtMemberAway', 'DtSentinelsAway', 'DtWritesWait'],
  },
  { what: 'a server is full', seen: { 'dt_member_full{member="dt-1"}': 1 }, fires: ['DtMemberFull'] },
  {
    what: 'a server does not take some keys',
    seen: { 'dt_migration_keys_refused{member="dt-1"}': 3 },
    fires: ['DtKeysRefused'],
  },
  { what: 'outcomes are unknown', seen: { dt_outcomes_unknown_total: '0+10' }, fires: ['DtOutcomesUnknown'] },
]

/** So many Sentinels are away; when all are, nobody says what the quorum is. */
function away(count: number): Seen {
  const told = Object.keys(WELL).filter((series) => count === SENTINELS.length && /quorum/.test(series))
  return Object.fromEntries([...SENTINELS.slice(0, count), ...told].map((series) => [series, 0]))
}

t.test('each alert fires in its story, and no other', { skip: !hasProgram(PROMTOOL) && WITHOUT }, async (t) => {
  const file = join(temporaryDirectory(t), 'stories.yml')
  const tests = STORIES.map(({ what, seen, fires }) => ({
    name: what,
    interval: `${INTERVAL_S}s`,
    input_series: Object.entries({ ...WELL, ...seen }).map(([series, value]) => seriesOf(series, value)),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: `${STEPS * INTERVAL_S}s`,
        exp_samples: fires.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
      },
    ],
  }))
  const rules = { rule_files: [resolve('conf/alerts.yml')], evaluation_interval: `${INTERVAL_S}s`, tests }
  writeFileSync(file, stringify(rules))
  let said = ''
  try {
    execFileSync(PROMTOOL, ['test', 'rules', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (failure) {
    said = (failure as { stdout: string }).stdout + (failure as { stderr: string }).stderr
  }
  t.equal(said, '')
})

t.test('each alert has a story', async (t) => {
  const { groups } = parse(readFileSync('conf/alerts.yml', 'utf8')) as { groups: { rules: { alert: string }[] }[] }
  const told = new Set(STORIES.flatMap(({ fires }) => fires))
  for (const { alert } of groups.flatMap(({ rules }) => rules)) t.ok(told.has(alert), alert)
})

function seriesOf(name: string, value: number | string) {
  const labels = 'instance="proxy:9121",job="diminished-triad"'
  const series = name.includes('{') ? name.replace('{', `{${labels},`) : `${name}{${labels}}`
  return { series, values: `${value}x${STEPS}` }
}
