import type { Defect } from './sought.js'

/** Mistakes that can be made of those that wait. */
export const WAITING_DEFECTS: Readonly<Record<string, Defect>> = {
  'pop-a-turn-later': {
    summary: 'what was written is sent for in a later turn for those that wait for it',
    faults: [],
    workloads: ['queue'],
    patches: [
      {
        file: 'serving/blocking/blocking.js',
        replace: 'this.lines.look();',
        by: `setImmediate(() => {
            this.lines.look();
            this.noteState();
          });
          return;`,
      },
    ],
  },
  'claimed-offered-twice': {
    summary: 'who has been sent for under one key is sent for under another one as well',
    faults: [],
    workloads: ['queue'],
    patches: [
      {
        file: 'serving/blocking/lines.js',
        replace: 'isStopped = waiter.claim !== undefined || this.comesFirstElsewhere(waiter, line);',
        by: "isStopped = waiter.claim === 'asking';",
      },
      {
        file: 'serving/blocking/waiting-client.js',
        replace: `// What was to be asked for it has been given up.
        if (this.isAnswered)
            return;`,
        by: `if (this.isAnswered) {
            if (line !== undefined) this.keeper.came(this, line, 'something');
            return;
        }`,
      },
    ],
  },
  'waiter-forgotten-on-failover': {
    summary: 'who waits when keys get other replicas has no place in line any more',
    faults: ['kill'],
    workloads: ['queue'],
    patches: [
      {
        file: 'serving/blocking/blocking.js',
        replace: 'this.owed.servingChanged(this.order.router);',
        by: `{
          const { router } = this.order;
          if (router !== this.routerBefore) for (const line of this.lines.all()) line.waiters.clear();
          this.routerBefore = router;
          this.owed.servingChanged(router);
        }`,
      },
    ],
  },
}
