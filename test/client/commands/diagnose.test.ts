import t from 'tap'
import { diagnose, type Facts, type MemberFacts, type SentinelFacts } from '../../../src/client/commands/diagnose.js'
import { loadConfig } from '../../../src/config/config.js'
import { monitoringExposed } from '../../../src/config/exposed.js'
import { type FoundServer, refusalOf } from '../../../src/membership/guard.js'
import type { Monitored } from '../../../src/membership/sentinel-admin.js'

const member = (name: string, host: string): MemberFacts => ({
  ...{ name, host, port: 6379, version: 'Redis 7.0.15', why: '', isMember: true, maxMemory: 1e9, usedMemory: 1e8 },
  ...{ isSaved: true, saveFailed: false, clockOffsetMs: 0 },
})
const MEMBERS = [member('dt-1', '10.0.0.1'), member('dt-2', '10.0.0.2'), member('dt-3', '10.0.0.3')]
const MONITORED = new Map(
  MEMBERS.map(({ name, host }) => [name, { address: `${host}:6379`, quorum: 2, downAfterMs: 5000 }]),
)
const sentinel = (address: string): SentinelFacts => ({ address, error: '', monitored: MONITORED })
const SENTINELS = [sentinel('10.0.0.1:26379'), sentinel('10.0.0.2:26379'), sentinel('10.0.0.3:26379')]

const monitoredAt = (host: string, change: Partial<Monitored>): Monitored => {
  return { address: `${host}:6379`, quorum: 2, downAfterMs: 5000, ...change }
}

/** A server that is refused at an address, since it is another one. */
function refusedAs(i: number, other: string): MemberFacts {
  const { reason } = refusalOf(
    {
      ...{ name: MEMBERS[i].name, runId: 'r', keys: 1 },
      marks: { marker: { ringId: 'ring', member: other }, unreadable: '' },
    } as unknown as FoundServer,
    'ring',
    [],
  )!
  return { ...MEMBERS[i], why: `its link is down: it is refused: ${reason}` }
}

/** A ring of which nothing bad can be said. */
const WELL: Facts = {
  ...{ copiesWanted: 3, notServing: '', refusedForMs: Number.POSITIVE_INFINITY },
  ...{
    unserved: { ranges: 0, holders: [], epoch: 7 },
    hasStateFile: true,
    stateFileFault: undefined,
    openToAll: false,
    monitoringExposed: undefined,
    peersInTheClear: false,
  },
  ...{ members: MEMBERS, sentinels: SENTINELS },
}

const oneOther = (change: Partial<MemberFacts>) => ({ members: [{ ...MEMBERS[0], ...change }, MEMBERS[1], MEMBERS[2]] })
const allOther = (change: Partial<MemberFacts>) => ({ members: MEMBERS.map((each) => ({ ...each, ...change })) })

const monitoredWith = (name: string, change: Partial<Monitored>) =>
  new Map([...MONITORED, [name, { ...MONITORED.get(name)!, ...change }]])

const CASES: readonly (readonly [what: string, Partial<Facts>, 'wrong' | 'unwise', RegExp])[] = [
  ['not serving', { notServing: 'no Sentinel answers' }, 'wrong', /^nothing is served: no Sentinel answers$/],
  [
    'keys that nobody has',
    { unserved: { ranges: 43, holders: ['dt-1', 'dt-2'], epoch: 7 } },
    'wrong',
    /^the keys of 43 token ranges wait: .* dt-1 or dt-2$/,
  ],
  [
    'one that has left',
    oneOther({ isMember: false }),
    'wrong',
    /^each key has 2 of the 3 copies .*: there are not more/,
  ],
  ['refusing', { refusedForMs: 3400 }, 'wrong', /^commands are refused with CLUSTERDOWN, the last one 3 s ago/],
  ['open', { openToAll: true }, 'wrong', /without a password$/],
  ['a disk that is full', { stateFileFault: 'ENOSPC' }, 'wrong', /^the state file cannot be written: ENOSPC; /],
  [
    'open monitoring',
    {
      monitoringExposed: monitoringExposed(loadConfig({ env: {}, overrides: { admin: { port: 1 } } }).admin, '0.0.0.0'),
    },
    'unwise',
    /may see the page and the metrics/,
  ],
  ['peers in the clear', { peersInTheClear: true }, 'unwise', /between the proxies of the ring .* not encrypted/],
  ['no state file', { hasStateFile: false }, 'unwise', /^ring\.stateFile is none/],
  ['a member away', oneOther({ why: 'its link is down' }), 'wrong', /^dt-1: its link is down$/],
  [
    'too few',
    { members: MEMBERS.slice(1) },
    'wrong',
    /^each key has 2 of the 3 copies .*: there are not more servers$/,
  ],
  ['too few up', oneOther({ why: 'gone' }), 'wrong', /^each key has 2 of the 3 copies .*: the others are away$/],
  ['one machine', allOther({ host: 'a' }), 'unwise', /^all servers are on one machine \(a\)/],
  ['versions', oneOther({ version: 'Valkey 8.1.1' }), 'unwise', /\(Redis 7\.0\.15, Valkey 8\.1\.1\)/],
  ['clock', oneOther({ clockOffsetMs: -250 }), 'wrong', /^the clock of dt-1 is 250 ms behind/],
  ['full', oneOther({ usedMemory: 9e8 }), 'wrong', /^dt-1 has used 90 % of its maxmemory/],
  ['no limit', oneOther({ maxMemory: 0 }), 'unwise', /^dt-1 may take all memory/],
  [
    'unequal',
    oneOther({ maxMemory: 2e9 }),
    'unwise',
    /^maxmemory is not the same on all servers \(dt-1: 2000 MB, dt-2: 1000 MB, /,
  ],
  [
    'one without a limit',
    oneOther({ maxMemory: 0 }),
    'unwise',
    /^maxmemory is not the same on all servers \(dt-1: no limit, /,
  ],
  [
    'a limit that is not known',
    { members: [{ ...MEMBERS[0], maxMemory: undefined }, MEMBERS[1], { ...MEMBERS[2], maxMemory: 2e9 }] },
    'unwise',
    /^maxmemory is not the same on all servers \(dt-2: 1000 MB, dt-3: 2000 MB\)/,
  ],
  ['disk', oneOther({ saveFailed: true }), 'wrong', /^dt-1 could not write to disk/],
  ['one keeps nothing', oneOther({ isSaved: false }), 'unwise', /^dt-1 does not keep keys on a disk, as others do/],
  ['nothing kept', allOther({ isSaved: false }), 'unwise', /^no server keeps its keys/],
  [
    'a silent Sentinel',
    { sentinels: [{ ...SENTINELS[0], error: 'gone' }, ...SENTINELS.slice(1)] },
    'wrong',
    /26379 does not answer: gone$/,
  ],
  [
    'quorum',
    { sentinels: SENTINELS.map((each) => ({ ...each, monitored: monitoredWith('dt-2', { quorum: 4 }) })) },
    'wrong',
    /^the quorum of dt-2 is more/,
  ],
  [
    'a quorum that those who answer cannot reach',
    {
      sentinels: SENTINELS.map((each, i) => {
        const monitored = new Map(MEMBERS.map(({ name, host }) => [name, monitoredAt(host, { quorum: 3 })]))
        return { ...each, error: i === 0 ? 'gone' : '', monitored: i === 0 ? new Map() : monitored }
      }),
    },
    'wrong',
    /^2 of 3 Sentinels answer, and the quorum of dt-1, dt-2, dt-3 is more: no such server can be declared down/,
  ],
  [
    'a quorum of one',
    { sentinels: SENTINELS.map((each) => ({ ...each, monitored: monitoredWith('dt-2', { quorum: 1 }) })) },
    'unwise',
    /^one Sentinel alone may declare dt-2 down/,
  ],
  [
    'Sentinels in a hurry',
    {
      sentinels: [{ ...SENTINELS[0], monitored: monitoredWith('dt-2', { downAfterMs: 200 }) }, ...SENTINELS.slice(1)],
    },
    'unwise',
    /^dt-2 is declared down after 200 ms/,
  ],
  [
    'swapped addresses',
    { members: [refusedAs(0, 'dt-2'), refusedAs(1, 'dt-1'), MEMBERS[2]] },
    'wrong',
    /^the addresses of dt-1 and dt-2 are swapped: dt-2 with its data is at 10\.0\.0\.1:6379, and dt-1 at 10\.0\.0\.2:6379/,
  ],
  [
    'an address that another one has now',
    { members: [refusedAs(0, 'dt-2'), MEMBERS[1], MEMBERS[2]] },
    'wrong',
    /^dt-1 is looked for at 10\.0\.0\.1:6379, and there is dt-2 with its data/,
  ],
  [
    'not monitored',
    { sentinels: [{ ...SENTINELS[0], monitored: new Map([...MONITORED].slice(1)) }, ...SENTINELS.slice(1)] },
    'wrong',
    /^dt-1 is not monitored by 10\.0\.0\.1:26379$/,
  ],
  [
    'an address that not all know',
    { sentinels: [{ ...SENTINELS[0], monitored: monitoredWith('dt-3', { address: 'x:1' }) }, ...SENTINELS.slice(1)] },
    'wrong',
    /^the Sentinels do not agree where dt-3 is: x:1 \(10\.0\.0\.1:26379\), or 10\.0\.0\.3:6379 \(10\.0\.0\.2:26379, 10\.0\.0\.3:26379\)$/,
  ],
  [
    'an address that another one had',
    {
      sentinels: SENTINELS.map((each) => ({ ...each, monitored: monitoredWith('dt-3', { address: '10.0.0.1:6379' }) })),
    },
    'wrong',
    /^dt-1 and dt-3 are one server, 10\.0\.0\.1:6379, for the Sentinel 10\.0\.0\.1:26379$/,
  ],
  ['few Sentinels', { sentinels: SENTINELS.slice(0, 1) }, 'unwise', /^there is one Sentinel/],
]

t.test('of a ring that is well nothing is said', async (t) => {
  t.same(diagnose(WELL), [])
})

for (const [what, change, level, pattern] of CASES) {
  t.test(what, async (t) => {
    const findings = diagnose({ ...WELL, ...change })
    const found = findings.find((finding) => pattern.test(finding.what))
    t.equal(found?.level, level, JSON.stringify(findings))
    t.ok((found?.todo.length ?? 0) > 10, 'and what to do')
  })
}

t.test('who runs and is refused is not to be started again or removed', async (t) => {
  const swapped = diagnose({ ...WELL, members: [refusedAs(0, 'dt-2'), refusedAs(1, 'dt-1'), MEMBERS[2]] })
  t.equal(swapped.filter(({ what }) => /dt-1/.test(what)).length, 1, 'one finding for both')
  const refused = diagnose({
    ...WELL,
    ...oneOther({ why: 'its link is down: it is refused: it belongs to the ring x' }),
  })
  for (const { what, todo } of [...swapped, ...refused]) {
    if (/dt-1/.test(what)) t.notMatch(todo, /^start it again/, what)
  }
})

t.test('as long as keys wait for one that is away nobody is told to remove any', async (t) => {
  const unserved = { ranges: 43, holders: ['dt-1'], epoch: 7 }
  const findings = diagnose({ ...WELL, unserved, ...oneOther({ why: 'its link is down' }) })
  t.match(findings[0].todo, '--accept-epoch 7')
  for (const { todo } of findings) t.notMatch(todo, 'dt remove')
})

t.test('what is wrong comes before what is unwise', async (t) => {
  const findings = diagnose({ ...WELL, hasStateFile: false, ...oneOther({ saveFailed: true }) })
  t.same(
    findings.map(({ level }) => level),
    ['wrong', 'unwise'],
  )
})

t.test('without a majority of Sentinels it says so', async (t) => {
  const silent = SENTINELS.map((each, i) => (i === 0 ? each : { ...each, error: 'gone' }))
  t.ok(diagnose({ ...WELL, sentinels: silent }).some(({ what }) => /^1 of 3 Sentinels answer/.test(what)))
})
