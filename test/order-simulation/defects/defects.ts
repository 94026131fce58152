import type { Patch } from '../../chaos/defects/hook.js'

/** One mistake that the order engine could have, or once had. */
export interface Defect {
  readonly summary: string
  readonly patches: readonly Patch[]
  /** From this seed on it is found soon. */
  readonly seed: number
  /** What else a run has to be like for that. */
  readonly options?: readonly string[]
}

/** The arguments of node that bring the defect into a simulation. */
export function nodeArgsOf(name: string): string[] {
  return ['--import', new URL(`./register.js?${name}`, import.meta.url).href]
}

/** What the simulation has to find: each is a change of the compiled engine, made while it is loaded. */
export const DEFECTS: Readonly<Record<string, Defect>> = {
  'ack-by-master-alone': {
    summary: 'a write is acknowledged before a backup has it',
    seed: 687,
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
  'hold-released-early': {
    summary: 'writes of a key do not wait for the copy of it that is on its way',
    seed: 606,
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
  'snapshot-before-the-write': {
    summary: 'the snapshot that is to bring a write to the others is taken before the write',
    seed: 605,
    patches: [
      {
        file: 'serving/master-first.js',
        replace: 'write.emitToMaster();',
        by: "if (row.replicate !== 'copy') write.emitToMaster();",
      },
      {
        file: 'serving/master-first.js',
        replace: 'MasterFirst.copyAll([{ write, look }]);',
        by: '{ MasterFirst.copyAll([{ write, look }]); write.emitToMaster(); }',
      },
    ],
  },
  'doubts-forgotten': {
    summary: 'a key that a member may have missed a write of is not repaired',
    seed: 602,
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
    seed: 2185,
    options: ['--faults', 'break,refuse', '--kinds', 'counter,string,list'],
    patches: [
      {
        file: 'order/hidden.js',
        replace: 'return each === place || !doubt.refused || !(each > place || doubt.lacksMemory)',
        by: 'return each === place',
      },
      // What it answers is looked at again then.
      {
        file: 'serving/read.js',
        replace: 'this.order.doubts.any && this.isDoubted(buf, start, end, flags)',
        by: 'false',
      },
    ],
  },
  'difference-noted-late': {
    summary: 'who refused a write that the master has is in doubt only when all others have answered, too',
    seed: 60902,
    options: ['--replicas', '2', '--faults', 'refuse,break', '--kinds', 'hash,list,string'],
    patches: [
      { file: 'serving/apply.js', replace: 'if (this.differing !== undefined) {', by: 'if (false) {' },
      {
        file: 'serving/apply.js',
        replace: "if (this.differing !== undefined || this.row.endsDeadline === 'always')",
        by: "if (this.differing === undefined && this.row.endsDeadline === 'always')",
      },
      {
        file: 'serving/apply.js',
        replace: 'const expired = this.unequallyExpired(this.answered);',
        by: 'const expired = this.differing ?? this.unequallyExpired(this.answered);',
      },
    ],
  },
  'expiries-not-compared': {
    summary: 'nobody asks whether a key had expired on some replicas only when a write of it was executed',
    seed: 21,
    options: ['--faults', 'break,expire', '--kinds', 'deadline,hash'],
    patches: [
      {
        file: 'order/replicated-write.js',
        replace: 'if (equal && expired.size === answered)',
        by: 'if (this !== undefined)',
      },
    ],
  },
  'restore-after-flush': {
    summary: 'what was held when a database was emptied is emitted all the same',
    seed: 133,
    options: ['--faults', 'break,refuse', '--kinds', 'claim,all,list'],
    patches: [
      {
        file: 'serving/keyspace/whole-databases.js',
        replace: 'voided = lanes.cover(concerns);',
        by: '',
      },
    ],
  },
  'void-before-the-flush': {
    summary:
      'what was held counts as done when its database is about to be emptied, and not when that has been executed',
    seed: 4126,
    patches: [{ file: 'order/lanes.js', replace: 'if (entry.held.changes)', by: 'if (false)' }],
  },
  'refused-copy-carried-on': {
    summary: 'what a joining member made of a key whose copy it had refused is not repaired',
    seed: 40710,
    options: ['--faults', 'refuse,members', '--kinds', 'move,list,string'],
    patches: [{ file: 'order/doubts.js', replace: 'if (reached.length > 1)', by: 'if (false)' }],
  },
  'late-reply-for-another': {
    summary: 'a write that is still waited for on some replica is used again for another command',
    seed: 715,
    patches: [{ file: 'serving/apply.js', replace: 'if (!this.isOver)', by: 'if (false)' }],
  },
  'spop-as-it-is': {
    summary: 'SPOP goes to all replicas as it is',
    seed: 779,
    patches: [
      {
        file: 'serving/one-route.js',
        replace: "(row.replicate === 'master-first' && serverChooses(row, frame, to.targets.length))",
        by: 'false',
      },
    ],
  },
  'read-overtakes-write': {
    summary: 'a read goes to a backup where a write of its own connection has not been emitted yet',
    seed: 13,
    options: ['--faults', 'break,refuse', '--kinds', 'claim,list'],
    patches: [
      {
        file: 'serving/read.js',
        replace: 'const free = readerNow(order, route, ids);',
        by: 'const free = route.natural.findLast((link) => link.serving);',
      },
    ],
  },
  'missed-while-away': {
    summary: 'a member that was away is not owed what was written meanwhile',
    seed: 604,
    patches: [{ file: 'order/absences.js', replace: 'absence.ids.add(id);', by: ';' }],
  },
  'leftovers-kept': {
    summary: 'a member that is filled again keeps what it has from before',
    seed: 604,
    patches: [
      {
        file: 'migration/intake.js',
        replace: 'await this.clear(target, missing(this.plan.ranges));',
        by: 'arrivals.forget(target); this.isThere = arrivals.watch(target);',
      },
    ],
  },
  'refusal-not-undone': {
    summary: 'what the backups have executed stays when the master refused it',
    seed: 602,
    patches: [
      { file: 'serving/apply.js', replace: 'if (!same)', by: 'if (!same && this.reply[this.replyStart] !== 0x2d)' },
    ],
  },
  'never-serves-again': {
    summary: 'a member that left with keys in doubt serves no reads when it is back over the same connection',
    seed: 909,
    patches: [
      {
        file: 'order/doubts.js',
        replace: 'if (link.ready && !this.byMember.has(link.name))',
        by: 'if (false)',
      },
    ],
  },
  'kept-by-another-process': {
    summary: 'a leaving member that lost its data is taken to have kept it, when it is to stay after all',
    seed: 169,
    options: ['--faults', 'lose,down,members', '--kinds', 'string,list,counter'],
    patches: [{ file: 'order/absences.js', replace: 'this.restartedOnes.add(name);', by: '' }],
  },
  'believes-who-is-in-doubt': {
    summary: 'the client is answered what a replica says that lacks an earlier write',
    seed: 11091,
    options: ['--faults', 'break,cut off,refuse', '--kinds', 'move,set,string'],
    patches: [{ file: 'serving/apply.js', replace: 'any && this.isInDoubt(tag, link)', by: 'false' }],
  },
  'repaired-alone': {
    summary: 'what one write has left in two keys is repaired key by key',
    seed: 70036920,
    patches: [{ file: 'order/ties.js', replace: 'if (ids.size < 2 ||', by: 'if (true ||' }],
  },
  'parts-at-once': {
    summary: 'whoever is not to have a range any more lets go of it before the others have what was read from it',
    seed: 7270,
    options: ['--replicas', '0', '--faults', 'views', '--kinds', 'string,counter'],
    patches: [{ file: 'view/placement.js', replace: 'if (isParted && isSame)', by: 'if (true)' }],
  },
  'emptied-is-given-up': {
    summary:
      'who may not have emptied a database counts for nothing, whatever else he has, and whatever becomes of the others',
    seed: 575,
    options: ['--faults', 'sweeps,break,refuse', '--kinds', 'all,string'],
    patches: [{ file: 'serving/keyspace/whole-databases.js', replace: 'if (change.isSwap)', by: 'if (true)' }],
  },
  'part-read-again': {
    summary: 'of a read of several servers only the part is asked again that was lost',
    seed: 660,
    options: ['--kinds', 'together'],
    patches: [{ file: 'order/order.js', replace: 'slot.giveUp === undefined', by: 'true' }],
  },
  'part-put-off': {
    summary: 'of a command on several servers a part leaves later than the others',
    seed: 520,
    options: ['--kinds', 'together'],
    patches: [
      {
        file: 'serving/several/split.js',
        replace: 'if (isPutOff(order, frame, row, slot, { routes, parts, partOf }, deadlineMs))',
        by: 'if (false)',
      },
    ],
  },
  'no-block': {
    summary: 'what a server gets of a transaction is no block, but one command after the other',
    seed: 130,
    options: ['--kinds', 'exec'],
    patches: [
      {
        file: 'serving/transaction/transaction.js',
        replace: 'if (plan instanceof PlainPlan)',
        by: 'if (false)',
      },
      {
        file: 'serving/transaction/transaction.js',
        replace: 'const links = new Set(shares.flatMap(executors));',
        by: 'const links = new Set();',
      },
    ],
  },
  'discarded-and-answered': {
    summary: 'a transaction that a server has discarded counts as executed there, where the others have executed it',
    seed: 1,
    options: ['--kinds', 'exec'],
    patches: [
      {
        file: 'serving/transaction/plain-run.js',
        replace: 'onLost(place) {',
        by: 'onLost(place) { if (this.reply !== undefined) { this.onRun(place, this.written ?? this.reply, 0, (this.written ?? this.reply).length, 0); return; }',
      },
    ],
  },
  'no-group': {
    summary: 'what a transaction has left in several keys of one replica set is repaired key by key',
    seed: 1685,
    options: ['--kinds', 'exec', '--faults', 'break,down'],
    patches: [
      {
        file: 'serving/transaction/plain-transaction.js',
        replace: 'if (writes > 1 && to.targets.length > 1)',
        by: 'if (false)',
      },
    ],
  },
  'copied-one-by-one': {
    summary: 'keys of a transaction that are copied are each put on the others as soon as they are there',
    seed: 570,
    options: ['--kinds', 'exec,claim,set', '--faults', 'break,down'],
    patches: [{ file: 'serving/master-first.js', replace: 'keys > 1 ?', by: 'false ?' }],
  },
  'gates-passed': {
    summary: 'a transaction does not wait for those who have its keys for themselves',
    seed: 130,
    options: ['--kinds', 'exec,together'],
    patches: [
      { file: 'serving/transaction/transaction.js', replace: 'return !shares.every(isOpen);', by: 'return false;' },
    ],
  },
}
