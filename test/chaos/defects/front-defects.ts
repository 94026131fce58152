import type { Defect } from './sought.js'

/** Mistakes that can be made where a proxy sends its clients on to another one. */
export const FRONT_DEFECTS: Readonly<Record<string, Defect>> = {
  'front-sends-again': {
    summary: 'a front sends a command to the next owner that the one before may have executed',
    faults: ['kill-proxy', 'lose-peers'],
    ring: { fronts: 2 },
    patches: [
      {
        file: 'peer/forwarded.js',
        replace: 'link.output.data(stream, bytes, 0, size);',
        by: `(this.unanswered ??= []).push(Buffer.from(bytes.subarray(0, size)));
        link.output.data(stream, bytes, 0, size);`,
      },
      {
        file: 'peer/forwarded.js',
        replace: 'this.settledBytes = servedBytes;',
        by: '{ this.settledBytes = servedBytes; if (servedBytes === this.sentBytes) this.unanswered = []; }',
      },
      {
        file: 'peer/forwarded.js',
        replace: 'this.givenBytes += bytes.length;',
        by: 'this.givenBytes += bytes.length; this.unanswered = [];',
      },
      {
        file: 'peer/forwarded.js',
        replace: 'this.leave().end(UNKNOWN).destroySoon();',
        by: `if (this.unanswered.length !== 1) this.leave().end(UNKNOWN).destroySoon();
        else {
          this.held.unshift(...this.unanswered.splice(0));
          this.heldBytes = this.held.reduce((sum, { length }) => sum + length, 0);
          this.keep();
        }`,
      },
    ],
  },
  'front-answers-from-memory': {
    summary: 'for some time after a take-over a front answers reads with what the owner before has said',
    faults: ['kill-proxy', 'pause-owner'],
    ring: { fronts: 2 },
    patches: [
      {
        file: 'peer/forwarded.js',
        replace: 'link.output.data(stream, bytes, 0, size);',
        by: `this.read = globalThis.readIn(this.session, bytes, size);
        link.output.data(stream, bytes, 0, size);`,
      },
      {
        file: 'peer/forwarded.js',
        replace: 'this.givenBytes += bytes.length;',
        by: `this.givenBytes += bytes.length;
        if (this.read !== undefined) globalThis.remembered.set(this.read, Buffer.from(bytes));
        this.read = undefined;`,
      },
      {
        file: 'peer/forwarded.js',
        replace: 'this.kept(this);',
        by: 'this.kept(this); globalThis.rememberedUntilMs = performance.now() + 5000;',
      },
      {
        file: 'peer/forwarded.js',
        replace: 'return this.send(place.link, place.stream, bytes, size);',
        by: `{
            const isWaiting = this.settledBytes !== this.sentBytes || !(performance.now() < globalThis.rememberedUntilMs);
            const known = isWaiting ? undefined : globalThis.remembered.get(globalThis.readIn(this.session, bytes, size));
            if (known === undefined) return this.send(place.link, place.stream, bytes, size);
            this.socket.write(known);
            return true;
        }`,
      },
    ],
  },
  'front-forgets-session': {
    summary: 'the next owner goes on with a client that has no database of its own and speaks RESP2',
    faults: ['kill-proxy', 'stop-owner'],
    ring: { fronts: 2 },
    patches: [
      {
        file: 'peer/forwarded.js',
        replace: '{ ...peer, commonName, session });',
        by: '{ ...peer, commonName });',
      },
    ],
  },
}
