import type { OverlayRow } from './overlay-row.js'

const slots = 'slots are of Redis Cluster, and here a key has a place on a ring instead; see DT LOCATE'
const hotKeys = 'each server would tell of its own part only; DT HOTKEYS tells of the ring'
const notCluster = (name: string): OverlayRow => [`cluster|${name}`, 'any', 'none']

/**
 * What is known by hand of commands that only newer servers have: in the other columns they are as these say of them [build-row.ts]. A row
 * counts from when a server has told of its command.
 */
export const NEWER_OVERLAY: readonly OverlayRow[] = [
  ['msetex', 'key', 'copy', { plan: 'set-until', note: 'keys on several servers: each by itself [Several keys]' }],
  ['client|capa', 'local', 'none', { note: 'what a client says it can do is not needed here' }],
  [
    'client|import-source',
    'refused',
    'none',
    { note: 'it is for a server that is filled while keys expire elsewhere; dt import copies a running Redis' },
  ],
  ['commandlog|get', 'local', 'none', { note: 'of type slow, which is SLOWLOG [SLOWLOG]' }],
  ['commandlog|len', 'local', 'none', { note: 'of type slow, which is SLOWLOG [SLOWLOG]' }],
  ['commandlog|reset', 'local', 'none', { note: 'of type slow, which is SLOWLOG [SLOWLOG]' }],
  ['commandlog|help', 'any', 'none'],
  ['script|show', 'script', 'none', { script: 'show' }],
  // Each member is asked whether it has on its disk what it was sent.
  [
    'waitaof',
    'local',
    'none',
    { owner: true, note: 'about all that was acknowledged before, whoever wrote it [Durability]' },
  ],
  ['hotkeys|get', 'refused', 'none', { note: hotKeys }],
  ['hotkeys|help', 'any', 'none'],
  ['hotkeys|reset', 'refused', 'none', { note: hotKeys }],
  ['hotkeys|start', 'refused', 'none', { note: hotKeys }],
  ['hotkeys|stop', 'refused', 'none', { note: hotKeys }],
  ['trimslots', 'refused', 'none', { note: slots }],
  ['clusterscan', 'refused', 'none', { note: `${slots}; SCAN walks over the whole ring` }],
  ...['cancelslotmigrations', 'flushslot', 'getslotmigrations', 'migrateslots', 'migration'].map(notCluster),
  ...['myshardid', 'slot-stats', 'syncslots'].map(notCluster),
]
