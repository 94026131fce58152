import type { Sought } from './sought.js'

/** Workloads that none of the mistakes about expiry and several keys shows in. */
const SIMPLE = ['register', 'counter', 'list', 'set', 'hash', 'stream', 'fields', 'flushed']

/**
 * What the first version (808aea3) did wrong, by the faults that showed it. To be found in a build of it:
 *
 *     git worktree add ../first 808aea3 && (cd ../first && npm ci && npm run build)
 *     npm run chaos:defects -- --program ../first
 */
export const FIRST_VERSION: Readonly<Record<string, Sought>> = {
  'late-bytes': {
    summary: 'bytes of a dead connection run after the member is back',
    faults: ['blackhole', 'blackhole-odown'],
    workloads: SIMPLE,
  },
  'older-view': {
    summary: 'a start serves an older view when those who know the last one are away',
    faults: ['last-holders'],
    workloads: SIMPLE,
    ring: { nodes: 3 },
  },
  'two-views': {
    summary: 'two proxies acknowledge side by side in a network that is split',
    faults: ['two-proxies-apart'],
    workloads: SIMPLE,
    ring: { nodes: 3 },
  },
  'doubt-stays-behind': {
    summary: 'doubt does not follow a key into another',
    faults: [],
    workloads: ['carried', 'tagged', 'counter'],
  },
  'part-not-applied': {
    summary: 'a command is said not to be applied although a part of it was',
    faults: ['part-waits'],
    workloads: ['register'],
  },
  'large-key-copied': {
    isLate: true,
    summary: 'copying a key of many fields makes servers fall silent, and a single failure an outage',
    faults: ['slow-key-copied'],
    workloads: SIMPLE,
  },
  'large-key-deleted': {
    isLate: true,
    summary: 'a slow command on all replicas at once lets them all be declared down',
    faults: ['slow-key'],
    workloads: SIMPLE,
  },
  'full-and-dead': {
    isLate: true,
    summary: 'one full member and a dead one: no write of the ring is acknowledged any more',
    faults: ['refuse-and-lose'],
    workloads: SIMPLE,
  },
  'small-bulk': {
    isLate: true,
    summary: 'a value that is larger than proto-max-bulk-len cannot be repaired, although all copies are equal',
    faults: ['small-bulk'],
    workloads: ['register', 'counter'],
  },
  'wiped-with-proxy': {
    isLate: true,
    summary: 'r members come back empty while the proxy is away, and it never serves again',
    faults: ['wipe-and-proxy'],
    workloads: SIMPLE,
    ring: { nodes: 4 },
  },
  'cancel-forgotten': {
    summary: 'the cancelling of a leave was answered, and is forgotten by the next proxy',
    faults: ['cancel-and-lose'],
    workloads: SIMPLE,
  },
  'drift-not-noticed': {
    summary: 'changes straight on a member are not noticed while its link lives',
    faults: ['config-drift', 'replicaof'],
    workloads: ['deadline', 'group', 'register'],
  },
  'functions-flushed': {
    isLate: true,
    summary: 'after FUNCTION FLUSH on all members and a restart in order nothing is served',
    faults: ['function-flush-all'],
    workloads: SIMPLE,
  },
  'scan-endless': {
    summary: 'SCAN does not end beside keys that expire',
    faults: [],
    workloads: ['deadline'],
    roundSeconds: 45,
    ballast: 40_000,
  },
}
