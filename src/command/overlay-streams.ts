import type { OverlayMore, OverlayRow } from './overlay-row.js'

const varying: OverlayMore = { compare: false }

/** The commands on streams. The columns are explained in overlay-row.ts. */
export const STREAM_OVERLAY: readonly OverlayRow[] = [
  // XADD with an explicit id, or `<ms>-*`, and XTRIM are `apply` unless they trim approximately (`~`), which leaves to
  // the server what it removes; whoever serves them looks at that.
  ['xack', 'key', 'apply', { elements: 'beside', leaves: 'same' }],
  [
    'xadd',
    'key',
    'master-first',
    {
      ...{ compare: false, leaves: 'entry', choice: 'id', elements: 'beside' },
      options: '2 NOMKSTREAM MAXLEN~1 MINID~1 LIMIT+1 KEEPREF^ DELREF^ ACKED!^ …id',
    },
  ],
  [
    'xautoclaim',
    'key',
    'master-first',
    { ...varying, options: '6 COUNT+1 JUSTID', choice: 'claimed', values: true, leaves: 'same' },
  ],
  ['xclaim', 'key', 'copy', { ...varying, values: true, leaves: 'same' }],
  ['xdel', 'key', 'apply', { elements: 'ids' }],
  ['xgroup', 'unsupported', 'none'],
  ['xgroup|create', 'key', 'apply', { options: '5 MKSTREAM ENTRIESREAD+1', elements: 'beside' }],
  ['xgroup|createconsumer', 'key', 'apply', { elements: 'beside' }],
  ['xgroup|delconsumer', 'key', 'apply', { elements: 'beside', leaves: 'same' }],
  ['xgroup|destroy', 'key', 'apply', { elements: 'beside' }],
  ['xgroup|help', 'any', 'none'],
  ['xgroup|setid', 'key', 'apply', { options: '5 ENTRIESREAD+1', elements: 'beside' }],
  ['xinfo', 'unsupported', 'none'],
  ['xinfo|consumers', 'key', 'none', varying],
  ['xinfo|groups', 'key', 'none'],
  ['xinfo|help', 'any', 'none'],
  ['xinfo|stream', 'key', 'none', varying],
  ['xlen', 'key', 'none'],
  ['xpending', 'key', 'none', { shape: 'xpending', compare: false }],
  ['xrange', 'key', 'none', { shape: 'null-array' }],
  ['xread', 'key', 'none', { keys: 'streams', merge: 'streams', shape: 'xread' }],
  [
    'xreadgroup',
    'key',
    'apply',
    {
      ...{ keys: 'streams', merge: 'streams', plan: 'read-streams', shape: 'xreadgroup', values: true, leaves: 'same' },
      ...{ options: '1 GROUP+2 COUNT+1 BLOCK+1 NOACK …streams', elements: 'beside' },
    },
  ],
  ['xrevrange', 'key', 'none', { shape: 'null-array' }],
  ['xsetid', 'key', 'apply', { options: '3 ENTRIESADDED+1 MAXDELETEDID+1' }],
  [
    'xtrim',
    'key',
    'master-first',
    { options: '2 MAXLEN~1 MINID~1 LIMIT+1 KEEPREF^ DELREF^ ACKED!^', choice: 'trim', elements: 'beside' },
  ],
]
