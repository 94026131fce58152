import type { Defect } from './sought.js'

/** Mistakes that can be made of those that listen, and have caches. */
export const LISTENING_DEFECTS: Readonly<Record<string, Defect>> = {
  'invalidation-before-value': {
    summary: 'that a value is old is not said again behind a reply that may bring it',
    faults: ['slow'],
    workloads: ['caching'],
    patches: [
      {
        file: 'client/reply-queue.js',
        replace: 'for (const slot of this.behindReads(isWaiting))',
        by: 'for (const slot of [])',
      },
    ],
  },
  'invalidation-lost-with-link': {
    summary: 'of a write that was in doubt, because its link broke, nobody with a cache is told when it is answered',
    faults: ['cut', 'client-kill'],
    workloads: ['caching'],
    patches: [
      {
        file: 'order/order.js',
        replace: 'this.caches.changed(ids);',
        by: `for (const id of ids) (globalThis.doubtedKeys ??= new Set()).add(id);`,
      },
      {
        file: 'client/caching.js',
        replace: 'const { cachedKeys, client, number, ids, isSweep, row, isSilent } = this;',
        by: `const { cachedKeys, client, number, ids, isSweep, row, isSilent } = this;
        if (ids.filter((id) => globalThis.doubtedKeys?.delete(id)).length > 0) return undefined;`,
      },
    ],
  },
  'publish-overtakes-write': {
    summary: 'a message does not wait for the write that its client sent before it',
    faults: ['kill', 'pause'],
    workloads: ['channel'],
    patches: [{ file: 'order/waiting.js', replace: 'command.slot.pauseClient();', by: ';' }],
  },
}
