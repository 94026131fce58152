import type { Defect } from './sought.js'

const MOVING = ['moved', 'rotated']
/** Transactions of plain commands are emitted as the others are, where a mistake is made in that. */
const NONE_PLAIN = {
  file: 'serving/transaction/transaction.js',
  replace: 'if (plan instanceof PlainPlan)',
  by: 'if (false)',
}

/** Mistakes that plans, gates and transactions could have. */
export const SEVERAL_DEFECTS: Readonly<Record<string, Defect>> = {
  'gate-opened-early': {
    summary: 'the gates of a plan, or of a gather, are opened when it has asked what its keys hold, before it writes',
    faults: [],
    workloads: MOVING,
    patches: [
      {
        file: 'serving/several/operation.js',
        replace: 'attempt = await this.attempt();',
        by: 'const trying = this.attempt(); gates.leave(entry); attempt = await trying;',
      },
    ],
  },
  'gates-grown-while-held': {
    summary:
      "who needs more keys keeps the gates that he has while he waits for the others: two that want each other's wait in vain",
    faults: [],
    workloads: ['scattered'],
    isLate: true,
    patches: [
      {
        file: 'serving/several/operation.js',
        replace: 'const entry = await this.entered(claim, ticket, deadlineMs);',
        by: `const held = (this.held ??= []);
                const has = (id) => held.some((each) => each.ids.has(id));
                const more = { ...claim, ids: claim.ids.filter((id) => !has(id)) };
                const entry = await gates.entered(more, ticket, deadlineMs);
                if (entry === undefined) for (const each of held.splice(0)) gates.leave(each);`,
      },
      {
        file: 'serving/several/operation.js',
        replace: 'gates.leave(entry);',
        by: `held.push(entry);
                    if (attempt !== 'again') for (const each of held.splice(0)) gates.leave(each);`,
      },
    ],
  },
  'reads-pass-gates': {
    summary: 'who only reads does not wait at gates',
    faults: [],
    workloads: MOVING,
    patches: [
      {
        file: 'coordinator/gatekeeper.js',
        replace: 'if (gates.isFree(claim))',
        by: 'if (isShared || gates.isFree(claim))',
      },
      {
        file: 'serving/transaction/transaction.js',
        replace: 'return !shares.every(isOpen);',
        by: 'return shares.some(({ how }) => how !== "read") && !shares.every(isOpen);',
      },
    ],
  },
  'transactions-pass-gates': {
    summary: 'a transaction does not wait at gates',
    faults: [],
    workloads: MOVING,
    patches: [
      { file: 'serving/transaction/transaction.js', replace: 'return !shares.every(isOpen);', by: 'return false;' },
    ],
  },
  'refused-guest': {
    summary: 'guests stay, so that later ones of that name are refused, and the command is executed with the old ones',
    faults: [],
    workloads: ['moved', 'ring'],
    patches: [
      {
        file: 'serving/several/gather/block.js',
        replace: 'this.done(refusal === undefined ?',
        by: 'this.done(true ?',
      },
      {
        file: 'serving/several/gather/block.js',
        replace: "frameOf(['UNLINK', ...this.names])",
        by: "frameOf(['PING'])",
      },
    ],
  },
  'taken-before-added': {
    summary: 'a plan takes an element away before it has added it elsewhere',
    faults: ['kill-proxy', 'kill-proxy-mid-write', 'cut', 'refuse'],
    workloads: MOVING,
    patches: [
      {
        file: 'serving/several/run-plan.js',
        replace: 'of writes.entries())',
        by: 'of [...writes].reverse().entries())',
      },
    ],
  },
  'taken-although-refused': {
    summary: 'a plan takes an element away although adding it was refused',
    faults: ['refuse', 'full', 'cut'],
    workloads: MOVING,
    patches: [
      { file: 'serving/several/run-plan.js', replace: 'if (isError(last))', by: 'if (isError(last) && i > 0)' },
    ],
  },
  'exec-in-two-turns': {
    summary: 'the blocks of one EXEC leave in two turns',
    faults: [],
    workloads: ['bank'],
    patches: [
      NONE_PLAIN,
      {
        file: 'serving/transaction/transaction.js',
        replace: 'const links = new Set(shares.flatMap(executors));',
        by: `const part = (some) => {
          const links = [...new Set(some.flatMap(executors))].filter((link) => link.ready);
          const ends = links.map((link) => link.openBlock());
          for (const one of plan.pieces) if (some.includes(one.share)) this.emitPiece(one, slotOf(one), copied);
          for (const end of ends) end();
        };
        const links = new Set();`,
      },
      {
        file: 'serving/transaction/transaction.js',
        replace: 'for (const piece of plan.pieces)',
        by: `part(shares.slice(0, 1));
        if (shares.length > 1) setTimeout(() => part(shares.slice(1)), Math.random() * 5);
        for (const piece of [])`,
      },
    ],
  },
  'no-block-on-backups': {
    summary: 'what a backup gets of a transaction is no block, but one command after the other',
    faults: ['half-and-wipe'],
    workloads: ['bank'],
    patches: [
      NONE_PLAIN,
      {
        file: 'serving/transaction/transaction.js',
        replace: 'const links = new Set(shares.flatMap(executors));',
        by: `const links = new Set(shares.flatMap(executors).filter((link) => {
          return shares.some(({ route, reader }) => reader === link || route.natural[0] === link);
        }));`,
      },
    ],
  },
  'no-block': {
    summary: 'what a server gets of a transaction is no block, but one command after the other',
    faults: ['half-and-wipe'],
    workloads: ['bank'],
    patches: [
      NONE_PLAIN,
      {
        file: 'serving/transaction/transaction.js',
        replace: 'const links = new Set(shares.flatMap(executors));',
        by: 'const links = new Set();',
      },
    ],
  },
  'database-lost': {
    summary: 'when a server discards a block, the link does not know in which database it is then',
    faults: ['refuse', 'refuse-some', 'full'],
    workloads: ['bank', 'register'],
    patches: [{ file: 'backend/link.js', replace: 'if (this.selection.db !== db)', by: 'if (false)' }],
  },
  'discarded-and-answered': {
    summary: 'a block that a server discards, or does not answer, counts as executed',
    faults: ['refuse', 'lose'],
    workloads: ['bank'],
    patches: [
      {
        file: 'backend/block.js',
        replace: 'sink.onLost(part.tag, segment.buf, start, end);',
        by: `{
          const was = Buffer.from(':0\\r\\n'.repeat(Math.max(1, part.count)));
          if (part.count > 0) sink.onRun(part.tag, was, 0, was.length, 0);
          else sink.onReply(part.tag, was, 0, was.length, 0);
        }`,
      },
    ],
  },
  'watch-without-fence': {
    summary: 'EXEC does not ask behind what was emitted whether it has changed a watched key',
    faults: [],
    workloads: ['cas', 'bank'],
    patches: [{ file: 'serving/transaction/transaction.js', replace: 'if (watched.isSuspect)', by: 'if (false)' }],
  },
  'watch-without-deadline': {
    summary: 'that a watched key has expired is no change of it',
    faults: [],
    workloads: ['deadline'],
    patches: [
      { file: 'order/watches.js', replace: 'get isOver() {', by: 'get isOver() { return false;' },
      { file: 'order/watches.js', replace: 'changed(link, key) {', by: 'changed(link, key) { return;' },
    ],
  },
  'source-deleted-first': {
    summary: 'what is renamed is deleted before it is under its new name',
    faults: ['kill-proxy', 'kill-proxy-mid-write', 'cut'],
    workloads: ['renamed'],
    patches: [
      {
        file: 'serving/several/gather/transfer.js',
        replace: 'const failed = await this.put(',
        by: "if (isMove) await this.writeStep(['DEL', source]); const failed = await this.put(",
      },
    ],
  },
  'repaired-from-the-old-side': {
    summary:
      'while what a gather has computed is written, a replica that may have missed it is not repaired from the others, but they from it',
    faults: ['lose', 'cut'],
    workloads: ['ring', 'scattered'],
    ring: { replicas: 1 },
    patches: [
      {
        file: 'serving/several/gather/whole-values.js',
        replace: 'return this.writeStep(words, db);',
        by: `const back = (globalThis.copiedBack ??= new Set());
        back.add(this.idOf(key, db));
        return this.writeStep(words, db).finally(() => back.delete(this.idOf(key, db)));`,
      },
      {
        file: 'order/doubts.js',
        replace: 'copyUnit(this.lanes, this.pieces, unit, source, link,',
        by: `const isBack = ids.some((each) => globalThis.copiedBack?.has(each));
            copyUnit(this.lanes, this.pieces, unit, isBack ? link : source, isBack ? source : link,`,
      },
    ],
  },
}
