import { FRONT_DEFECTS } from './front-defects.js'
import { LISTENING_DEFECTS } from './listening-defects.js'
import { SCRIPT_DEFECTS } from './script-defects.js'
import { SEVERAL_DEFECTS } from './several-defects.js'
import type { Defect } from './sought.js'
import { WAITING_DEFECTS } from './waiting-defects.js'

/** The arguments of node that bring the defect into the proxy's process. */
export function nodeArgsOf(name: string): string[] {
  return ['--import', new URL(`./register.js?${name}`, import.meta.url).href]
}

/**
 * The mistakes that the harness has to find [issue Core 2, The proof]: each is a change of the compiled proxy, made while
 * it is loaded. A change that does not fit any more keeps the proxy from starting.
 */
export const DEFECTS: Readonly<Record<string, Defect>> = {
  'ack-by-master-alone': {
    summary: 'a write is acknowledged when its master has answered',
    faults: ['lose-and-wipe'],
    patches: [
      {
        file: 'serving/apply.js',
        replace: 'onReply(tag, buf, start, end, flags) {',
        by: `onReply(tag, buf, start, end, flags) {
          if (tag === 0 && this.targets.length > 1) {
            deliver(this.slot, this.shape, buf, start, end, flags);
            this.slot = { proto: 3, db: this.slot.db, abandoned: false, client: this, finish() {}, pauseClient() {} };
          }`,
      },
    ],
  },
  'ack-before-marker': {
    summary: 'writes are acknowledged before the view is marked on its members',
    faults: ['kill-proxy-at-odown'],
    patches: [
      {
        file: 'order/acknowledgement.js',
        replace: 'this.open = this.answered >= epoch && !this.isCutOff;',
        by: 'this.open = true;',
      },
    ],
  },
  'ack-although-refused': {
    summary: 'a backup that answers otherwise than the master, or refuses, is not repaired',
    faults: ['refuse'],
    patches: [{ file: 'serving/apply.js', replace: 'this.doubt(tag, this.differing, isVoted);', by: ';' }],
  },
  'no-run-id-check': {
    summary: 'a server that comes back as another process is taken for the one before',
    faults: ['wipe'],
    patches: [{ file: 'membership/ownership.js', replace: 'return this.strange.has(name);', by: 'return false;' }],
  },
  'no-client-kill': {
    summary: 'the connection before is not killed on the server when a link is made anew',
    faults: ['late'],
    patches: [{ file: 'membership/fence.js', replace: 'return kill.length > 0 ?', by: 'return false ?' }],
  },
  'spop-as-it-is': {
    summary: 'SPOP and XADD * go to all replicas as they are',
    faults: [],
    patches: [
      {
        file: 'serving/one-route.js',
        replace: "(row.replicate === 'master-first' && serverChooses(row, frame, to.targets.length))",
        by: 'false',
      },
    ],
  },
  'unread-as-it-is': {
    summary: 'a write with a word that the table does not know goes to all replicas as it is',
    faults: [],
    workloads: ['stream', 'group'],
    patches: [
      // A server's next version brings such a word: here the table lacks one that servers know.
      { file: 'command/overlay-streams.js', replace: "'2 NOMKSTREAM MAXLEN~1", by: "'2 NOMKSTREAM YMAXLEN~1" },
      {
        file: 'serving/one-route.js',
        replace: '(options !== undefined && frame.argc > options.from && !isKnownForm(row, frame))',
        by: 'false',
      },
    ],
  },
  'copied-write-to-one-alone': {
    summary: 'a write whose effect nobody can read goes to its master alone, and nobody gets a copy',
    faults: [],
    workloads: ['group'],
    // The others answer the next command otherwise, and are made equal to the master: while that lasts the group is not there.
    isLate: true,
    patches: [
      {
        file: 'serving/master-first.js',
        replace: 'MasterFirst.copyAll([{ write, look }]);',
        by: 'for (let i = 1; i < write.targets.length; i++) write.heard();',
      },
    ],
  },
  'expire-as-it-is': {
    summary: 'relative times go to all replicas as they are',
    faults: ['slow'],
    patches: [{ file: 'serving/one-route.js', replace: 'toAbsolute(row, frame, nowMs)', by: 'frame' }],
  },
  'expiries-not-compared': {
    summary: 'nobody asks whether a key had expired on some replicas only when a write of it was executed',
    faults: ['slow', 'stall'],
    patches: [
      {
        file: 'order/replicated-write.js',
        replace: 'if (equal && expired.size === answered)',
        by: 'if (this !== undefined)',
      },
    ],
  },
  'copy-without-hold': {
    summary: 'writes are not held back while a copy of their key is on its way',
    faults: ['lose', 'kill', 'wipe'],
    patches: [
      {
        file: 'order/copy-key.js',
        replace: 'lanes.holdKey(target, ids[k], new HeldSnapshot(this, this.holds.length))',
        by: 'new HeldSnapshot(this, this.holds.length)',
      },
      {
        file: 'order/copy-key.js',
        replace: 'this.lanes.release(targets[t], holds[k * targets.length + t])',
        by: 'holds[k * targets.length + t].emit()',
      },
    ],
  },
  'displaced-on-second-connection': {
    summary: 'displaced copies are deleted over another connection than the link',
    faults: ['join', 'leave', 'remove-by-hand'],
    patches: [
      {
        file: 'migration/displaced.js',
        replace: "await link.call(['UNLINK', ...displaced], db)",
        by: 'globalThis.deleteElsewhere(link, db, displaced)',
      },
    ],
  },
  'read-from-pending': {
    summary: 'reads go to members that are still receiving the range',
    faults: ['kill', 'wipe', 'join'],
    patches: [
      {
        file: 'serving/read.js',
        replace: 'const link = isCertain ? master',
        by: 'const joining = route.pending.find((each) => each.serving); const link = joining !== undefined ? joining',
      },
      {
        file: 'serving/read.js',
        replace: 'const free = readerNow(',
        by: 'const free = route.pending.find((each) => each.serving && !order.lanes.isAnyHeld(each, ids)) ?? readerNow(',
      },
    ],
  },
  'read-overtakes-write': {
    summary: "a read goes to a backup where its own connection's write has not been emitted yet",
    faults: [],
    patches: [
      {
        file: 'serving/read.js',
        replace: 'const free = readerNow(order, route, ids);',
        by: 'const free = route.natural.findLast((link) => link.serving);',
      },
    ],
  },
  'forget-doubts': {
    summary: 'keys with writes that a broken link did not answer are not repaired',
    faults: ['lose'],
    patches: [
      {
        file: 'order/doubts.js',
        replace: 'note(link, missed, write, tag = 0, isVoted = false) {',
        by: 'note(link, missed, write, tag = 0, isVoted = false) { queueMicrotask(() => write?.settled(tag, true)); return;',
      },
    ],
  },
  'read-in-doubt': {
    summary: 'a key that is in doubt on one replica is read from the others',
    faults: ['kill-proxy-in-doubt'],
    patches: [
      {
        file: 'order/hidden.js',
        replace: 'if (doubt === undefined)',
        by: 'if (doubt === undefined || each !== place)',
      },
    ],
  },
  'forget-doubts-after-crash': {
    summary: 'after a crash of the proxy no key is in doubt',
    faults: ['kill-proxy-mid-write'],
    patches: [{ file: 'proxy.js', replace: 'order.uncertainty.begin();', by: ';' }],
  },
  'keep-displaced': {
    summary: 'copies of keys that have moved on stay where they were',
    faults: ['kill', 'join'],
    patches: [{ file: 'migration/displaced.js', replace: 'if (displaced.length > 0)', by: 'if (false)' }],
  },
  'keep-leftovers': {
    summary: 'a member that is filled again keeps what it has from before',
    faults: ['kill'],
    patches: [
      {
        file: 'migration/intake.js',
        replace: 'await this.clear(target, missing(this.plan.ranges));',
        by: 'arrivals.forget(target); this.isThere = arrivals.watch(target);',
      },
    ],
  },
  'forget-what-was-missed': {
    summary: 'a member that was away is not owed what was written meanwhile',
    faults: ['pause'],
    patches: [{ file: 'order/absences.js', replace: 'absence.ids.add(id);', by: ';' }],
  },
  'refusal-not-undone': {
    summary: 'what the backups have executed stays when their master has no memory for it',
    faults: ['full'],
    patches: [
      {
        file: 'serving/apply.js',
        replace: 'if (!same)',
        by: 'if (!same && this.reply[this.replyStart] !== 0x2d)',
      },
    ],
  },
  'leave-not-cancelled': {
    summary: 'a member that was asked to leave, and then to stay, leaves all the same',
    faults: ['leave-cancelled'],
    patches: [
      {
        file: 'view/view-keeper.js',
        replace: 'if (!this.leaving.delete(name))',
        by: 'if (!this.leaving.has(name))',
      },
    ],
  },
  'join-not-cancelled': {
    summary: 'a server whose join was cancelled is waited for',
    faults: ['join-cancelled'],
    patches: [
      { file: 'membership/decide.js', replace: 'if (keptBy === undefined)', by: 'if (keptBy !== undefined || true)' },
    ],
  },
  'flush-forgets-who-is-away': {
    summary: 'a member that was away while a database was emptied keeps what it had there',
    faults: ['pause', 'flush'],
    patches: [
      {
        file: 'order/absences.js',
        replace: 'this.byName.clear();',
        by: ';',
      },
    ],
  },
  'refused-by-some': {
    summary: 'a member that refuses to empty or to swap databases keeps what it has',
    faults: ['refuse', 'flush', 'swap'],
    patches: [
      {
        file: 'serving/keyspace/whole-databases.js',
        replace: 'of refusing)',
        by: 'of [])',
      },
    ],
  },
  'commands-before-the-fence': {
    summary: 'commands are given to a server before it is known whose it is and what it has',
    faults: ['wipe', 'late', 'takeover'],
    patches: [
      {
        file: 'backend/link.js',
        replace: 'await options.admit?.(this.name, info, call);',
        by: `void Promise.resolve(options.admit?.(this.name, info, call)).catch((error) => {
          if (this.socket === socket) this.broken(error.message);
        });`,
      },
    ],
  },
  'cancel-not-noted': {
    summary: 'the cancelling of a leave is answered before any member knows of it',
    faults: ['cancel-and-lose'],
    workloads: ['register', 'counter', 'set', 'list'],
    patches: [
      {
        file: 'client/commands/dt-members.js',
        replace: `await settled(server, \`the leave of \${name} was cancelled\`);`,
        by: ';',
      },
    ],
  },
  'replies-by-arrival': {
    summary: 'replies go to the client in the order in which they arrive',
    faults: ['slow'],
    patches: [
      {
        file: 'client/reply-queue.js',
        replace: 'slot.keep(buf, start, end, owned);',
        by: `{
          if (!slot.silent && !this.owner.closed) this.outbox.append(buf, start, end, owned);
          slot.silent = true;
          slot.keep(EMPTY, 0, 0, true);
        }`,
      },
    ],
  },
  ...SEVERAL_DEFECTS,
  ...SCRIPT_DEFECTS,
  ...WAITING_DEFECTS,
  ...LISTENING_DEFECTS,
  ...FRONT_DEFECTS,
}
