import t from 'tap'
import type { Answering } from '../../src/order/pieces/silence.js'
import { Slots } from '../../src/order/pieces/slots.js'

/** A member that owes replies while a copy is under way, and answers unless it is silent. */
class Member {
  ready = true
  outstanding = 1
  lastReceivedMs = 0
  isSilent = false
}

class Ring {
  readonly slots = new Slots()
  readonly members = Array.from({ length: 7 }, () => new Member())
  /** Who has begun, in this order. */
  readonly begun: string[] = []

  /** Somebody wants to read from the first, and to build on the others. */
  async copies(name: string): Promise<void> {
    await this.slots.enter(this.of(name))
    this.begun.push(name)
  }

  ends(name: string): void {
    this.slots.leave(this.of(name))
  }

  takes(name: string): boolean {
    return this.slots.take(this.of(name))
  }

  of(name: string): Answering[] {
    return name.split('>').map((number) => this.members[Number(number)])
  }

  silent(...numbers: number[]): void {
    for (const [i, member] of this.members.entries()) member.isSilent = numbers.includes(i)
  }

  /** So many times it is looked who answers. */
  async looks(times = 10): Promise<string[]> {
    for (let i = 0; i < times; i++) {
      for (const member of this.members) if (!member.isSilent) member.lastReceivedMs++
      this.slots.look()
    }
    return this.now()
  }

  async now(): Promise<string[]> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.begun.splice(0)
  }
}

t.test('whoever waits longer comes first, and nobody takes what he waits for', async (t) => {
  const ring = new Ring()
  for (const name of ['1>2', '1>3', '3>4', '5>6', '4>5']) void ring.copies(name)
  t.same(await ring.looks(), ['1>2', '5>6'])
  t.equal(ring.takes('4>0'), false)
  t.equal(ring.takes('0>6'), false)
  ring.ends('5>6')
  t.same(await ring.looks(), [])
  t.equal(ring.takes('0>6'), true)
  ring.ends('1>2')
  t.same(await ring.now(), ['1>3'])
  ring.ends('1>3')
  t.same(await ring.now(), ['3>4'])
  ring.ends('3>4')
  t.same(await ring.now(), ['4>5'])
  ring.ends('4>5')
  ring.ends('0>6')
  t.equal(ring.takes('1>2>3>4>5>6>0'), true)
})

t.test('a copy to a silent member holds up nobody who has nothing to do with that', async (t) => {
  const ring = new Ring()
  for (const name of ['1>2', '1>3', '2>3', '3>4', '4>5', '6>2']) void ring.copies(name)
  ring.silent(2)
  t.same(await ring.looks(3), ['1>2'], 'as long as it may answer')
  t.same(await ring.looks(), ['1>3'], 'what is held up reads no more')
  ring.ends('1>3')
  t.same(await ring.now(), ['3>4'])
  t.equal(ring.takes('6>5'), false, 'who waits for one that goes on is before him')
  ring.ends('3>4')
  t.same(await ring.now(), ['4>5'])
  t.equal(ring.takes('6>3'), true, 'those who wait for a silent one are not')
  ring.ends('6>3')
  ring.ends('4>5')
  t.same(await ring.looks(), [])
  ring.silent()
  t.same(await ring.looks(), [], 'it goes on')
  t.equal(ring.takes('6>3'), false, 'and so they come first again')
  ring.ends('1>2')
  t.same(await ring.now(), ['2>3'])
  ring.ends('2>3')
  t.same(await ring.now(), ['6>2'])
  ring.ends('6>2')
})

t.test(
  'a copy from a silent member leaves its target to who reads from that, and to nobody who builds on it',
  async (t) => {
    const ring = new Ring()
    for (const name of ['1>2', '3>2', '2>3']) void ring.copies(name)
    ring.silent(1)
    t.same(await ring.looks(), ['1>2', '2>3'])
    ring.ends('2>3')
    t.same(await ring.looks(), [], 'what has been built is there')
    t.equal(ring.takes('2>2'), false, 'and who removes all that is being built waits for that')
    t.equal(ring.takes('0>2'), false)
    t.equal(ring.takes('3>0'), true, 'nor is anything kept for who waits for that')
    ring.ends('3>0')
    Object.assign(ring.members[1], { ready: false })
    t.same(await ring.looks(), [], 'a link that breaks ends the copy')
    ring.ends('1>2')
    t.same(await ring.now(), ['3>2'])
    ring.ends('3>2')
  },
)

t.test('nobody begins with a silent member, until it answers, or its link breaks', async (t) => {
  for (const answers of [true, false]) {
    const ring = new Ring()
    void ring.copies('1>2')
    void ring.copies('2>3')
    ring.silent(3)
    t.same(await ring.looks(), ['1>2'])
    ring.ends('1>2')
    t.same(await ring.looks(), [])
    t.equal(ring.takes('0>3'), false)
    t.equal(ring.takes('2>4'), true)
    ring.ends('2>4')
    if (answers) ring.silent()
    else Object.assign(ring.members[3], { ready: false })
    t.same(await ring.looks(1), ['2>3'])
    ring.ends('2>3')
  }
})

t.test('who is asked nothing is not silent, nor is who answers slowly', async (t) => {
  const ring = new Ring()
  void ring.copies('1>2')
  void ring.copies('1>3')
  ring.silent(2)
  for (let i = 0; i < 5; i++) {
    t.same(await ring.looks(4), i === 0 ? ['1>2'] : [])
    ring.members[2].lastReceivedMs++
  }
  ring.members[2].outstanding = 0
  t.same(await ring.looks(20), [])
  ring.ends('1>2')
  t.same(await ring.now(), ['1>3'])
  ring.ends('1>3')
})
