import t from 'tap'
import type { ClientSocket } from '../../src/client/client-socket.js'
import { type Listening, Pace, type Telling } from '../../src/client/pace.js'
import { until } from '../helpers/until.js'

/* For whom, and for how long, it is waited with what a client has sent who has others told [client/pace.ts]. */

const MB = 1024 * 1024
const LIMITS = { hardBytes: 32 * MB, softBytes: 8 * MB, softMs: 60_000 }

/** Somebody who listens, and takes what he was sent when the test says so. */
class Listener implements Listening {
  pendingBytes = 0
  closed = false
  lag: Listening['lag']
  readonly outbox = { totalBytes: 0, offer: () => {} }
  readonly socket = {} as ClientSocket

  isSent(bytes: number): void {
    this.outbox.totalBytes += bytes
    this.pendingBytes += bytes
  }

  takes(bytes: number): void {
    this.pendingBytes -= bytes
    this.lag?.took()
  }
}

class Sender implements Telling {
  restsFor: Telling['restsFor']
  goesOn = () => {}

  get rests(): boolean {
    return this.restsFor !== undefined
  }

  restIsOver(): void {
    this.goesOn()
  }
}

function publish(pace: Pace, sender: Telling | undefined, listener: Listener, bytes: number): void {
  pace.acting = sender
  listener.isSent(bytes)
  pace.pushed(listener, LIMITS)
  pace.acting = undefined
}

t.test('who has sent much to somebody rests until that is taken', async (t) => {
  const [pace, sender, other, listener] = [new Pace(), new Sender(), new Sender(), new Listener()]
  publish(pace, sender, listener, MB / 2)
  t.notOk(sender.rests)
  publish(pace, sender, listener, MB)
  t.ok(sender.rests)
  publish(pace, other, new Listener(), MB / 2)
  t.notOk(other.rests, 'who tells others does not')
  listener.takes(MB / 2)
  t.ok(sender.rests)
  listener.takes(MB)
  await until('it goes on', () => !sender.rests)
})

t.test('those who rest go on one after the other, and who sends much again is behind the others', async (t) => {
  const [pace, listener] = [new Pace(), new Listener()]
  const went: string[] = []
  const senders = ['a', 'b', 'c'].map((name) => {
    const sender = new Sender()
    sender.goesOn = () => {
      went.push(name)
      publish(pace, sender, listener, 2 * MB)
    }
    publish(pace, sender, listener, 2 * MB)
    return sender
  })
  for (const seen of ['a', 'ab', 'abc', 'abca']) {
    listener.takes(listener.pendingBytes)
    await until('one goes on', () => went.length === seen.length)
    t.equal(went.join(''), seen)
    t.ok(senders.every(({ rests }) => rests))
  }
})

t.test('for who takes nothing it is waited once, until he has taken all', async (t) => {
  const [pace, sender, listener] = [new Pace(), new Sender(), new Listener()]
  publish(pace, sender, listener, 2 * MB)
  const sinceMs = performance.now()
  await until('it goes on', () => !sender.rests)
  t.ok(performance.now() - sinceMs >= 90)
  publish(pace, sender, listener, 2 * MB)
  t.notOk(sender.rests)
  listener.takes(4 * MB)
  publish(pace, sender, listener, 2 * MB)
  t.ok(sender.rests)
  listener.closed = true
  listener.lag?.took()
  await until('nobody is waited for who is gone', () => !sender.rests)
})

t.test('for who takes always too little it is waited for a second, and then little', async (t) => {
  const [pace, sender, listener] = [new Pace(), new Sender(), new Listener()]
  const takes = setInterval(() => listener.takes(1), 10)
  t.teardown(() => clearInterval(takes))
  publish(pace, sender, listener, 2 * MB)
  const sinceMs = performance.now()
  await until('it goes on', () => !sender.rests)
  const restedMs = performance.now() - sinceMs
  t.ok(restedMs >= 900)
  listener.takes(listener.pendingBytes)
  publish(pace, sender, listener, 2 * MB)
  const againMs = performance.now()
  await until('it goes on', () => !sender.rests)
  t.ok(performance.now() - againMs < restedMs / 2)
})

t.test('what servers have answered makes those rest whose writes they were', async (t) => {
  const [pace, writer, listener] = [new Pace(), new Sender(), new Listener()]
  pace.wrote(writer)
  t.notOk(writer.rests)
  publish(pace, undefined, listener, 2 * MB)
  pace.wrote(writer)
  t.ok(writer.rests)
  listener.takes(2 * MB)
  await until('it goes on', () => !writer.rests)
  pace.wrote(writer)
  t.notOk(writer.rests)
})

t.test('with lower limits he is behind sooner', (t) => {
  const [pace, sender, listener] = [new Pace(), new Sender(), new Listener()]
  pace.acting = sender
  listener.isSent(300 * 1024)
  pace.pushed(listener, { hardBytes: 0, softBytes: 0, softMs: 0 })
  t.notOk(sender.rests)
  pace.pushed(listener, { hardBytes: MB, softBytes: 0, softMs: 0 })
  t.ok(sender.rests)
  t.end()
})
