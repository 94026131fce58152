import t from 'tap'
import { diagnose, type Facts, type MemberFacts, type SentinelFacts } from '../../../src/client/commands/diagnose.js'

const member = (name: string, host: string): MemberFacts => ({
  ...{ name, host, version: 'Redis 7.0.15', why: '', maxMemory: 1e9, usedMemory: 1e8 },
  ...{ isSaved: true, saveFailed: false, clockOffsetMs: 0 },
})
const MEMBERS = [member('dt-1', '10.0.0.1'), member('dt-2', '10.0.0.2'), member('dt-3', '10.0.0.3')]
const MONITORED = new Map(MEMBERS.map(({ name, host }) => [name, { address: `${host}:6379`, quorum: 2 }]))
const sentinel = (address: string): SentinelFacts => ({ address, error: '', monitored: MONITORED })
const SENTINELS = [sentinel('10.0.0.1:26379'), sentinel('10.0.0.2:26379'), sentinel('10.0.0.3:26379')]

/** A ring of which nothing bad can be said. */
const WELL: Facts = {
  ...{ copiesWanted: 3, notServing: '', refusedForMs: Number.POSITIVE_INFINITY, hasStateFile: true, openToAll: false },
  ...{ members: MEMBERS, sentinels: SENTINELS },
}

const oneOther = (change: Partial<MemberFacts>) => ({ members: [{ ...MEMBERS[0], ...change }, MEMBERS[1], MEMBERS[2]] })
const allOther = (change: Partial<MemberFacts>) => ({ members: MEMBERS.map((each) => ({ ...each, ...change })) })

const monitoredWith = (name: string, change: { address?: string; quorum?: number }) =>
  new Map([...MONITORED, [name, { ...MONITORED.get(name)!, ...change }]])

const CASES: readonly (readonly [what: string, Partial<Facts>, 'wrong' | 'unwise', RegExp])[] = [
  ['not serving', { notServing: 'no Sentinel answers' }, 'wrong', /^nothing is served: no Sentinel answers$/],
  ['refusing', { refusedForMs: 3400 }, 'wrong', /^commands are refused with CLUSTERDOWN, the last one 3 s ago/],
  ['open', { openToAll: true }, 'wrong', /without a password$/],
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
