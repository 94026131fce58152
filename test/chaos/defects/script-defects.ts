import type { Defect } from './sought.js'

/** Mistakes that the way of scripts could have. */
export const SCRIPT_DEFECTS: Readonly<Record<string, Defect>> = {
  'script-on-backups': {
    summary: 'a script is executed by the backups, too, which do not get what it has done',
    faults: [],
    workloads: ['scripted'],
    patches: [
      {
        file: 'serving/script/script-write.js',
        replace: 'target.emit(effects.frame, 0, effects.frame.length, true, this.slot.db, sink, i);',
        by: `{
          call.loaded.load(target, call.script.wrapped, call.script.wrappedSha, call.script.library);
          target.emitFrame(call.frame, this.slot.db, sink, i);
        }`,
      },
    ],
  },
  'failing-script-dropped': {
    summary: 'what a script has done before it fails stays on its server alone',
    faults: [],
    workloads: ['scripted'],
    patches: [
      {
        file: 'serving/script/script-write.js',
        replace: 'this.tell(outcome.effects, outcome.reply);',
        by: 'this.tell((outcome.reply.flags & IS_ERROR) !== 0 ? NOTHING : outcome.effects, outcome.reply);',
      },
    ],
  },
  'script-not-taken-back': {
    summary: 'what a script has done before it touches a key that it may not touch yet stays',
    faults: [],
    workloads: ['scripted'],
    patches: [{ file: 'serving/script/prologue-keys.js', replace: 'failed=did and undo()', by: 'failed=nil' }],
  },
  'script-sent-again': {
    summary: 'a script is sent again when its link broke',
    faults: ['cut', 'lose'],
    workloads: ['scripted'],
    patches: [
      {
        file: 'serving/script/script-write.js',
        replace: 'onLost() {',
        by: 'onLost() { if (this !== undefined) return this.tell(NOTHING, undefined, () => this.call.notThere());',
      },
    ],
  },
  'late-script-runs': {
    summary: 'a script that is stopped runs again behind those that its client has sent after it',
    faults: [],
    workloads: ['scripted'],
    patches: [{ file: 'serving/script/prologue-keys.js', replace: "rpc('EXISTS',tn)~=0", by: "rpc('EXISTS',tn)==2" }],
  },
  'scattered-script-not-gated': {
    summary: 'others come between the reads and the writes of a script with keys on several servers',
    faults: [],
    workloads: ['scattered'],
    patches: [
      {
        file: 'serving/script/script-gather.js',
        replace: 'const claim = super.claim();',
        by: 'const claim = { ...super.claim(), ids: [] };',
      },
    ],
  },
  'tried-script-done-twice': {
    summary: 'what a script with keys on several servers has done where it was tried is done twice',
    faults: [],
    workloads: ['scattered'],
    patches: [
      {
        file: 'serving/script/script-trial.js',
        replace: 'call.together(did.map(',
        by: 'call.together([...did, ...did].map(',
      },
    ],
  },
}
