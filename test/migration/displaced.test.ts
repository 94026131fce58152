import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { deleteDisplaced } from '../../src/migration/displaced.js'
import { Pace } from '../../src/migration/pace.js'
import { Acknowledgement } from '../../src/order/acknowledgement.js'
import { Lanes } from '../../src/order/lanes.js'
import type { Order } from '../../src/order/order.js'

/** A member that has some keys, none of which it is to have any more. */
class Story {
  readonly keys = new Set<string>()
  readonly lanes = new Lanes(() => {})
  readonly acknowledgement = new Acknowledgement(() => {})
  isMember = true
  /** Keys that it is to have. */
  readonly own = new Set<string>()
  readonly link = {
    name: 'dt-4',
    ready: true,
    expirations: { traffic: () => ({ pushed: 0, taken: 0 }) },
    call: async ([command, ...args]: string[]) => {
      if (command === 'INFO') return { text: this.keys.size === 0 ? '' : `db0:keys=${this.keys.size}\r\n` }
      if (command === 'SCAN') return [Buffer.from('0'), [...this.keys].map((key) => Buffer.from(key))]
      for (const key of args) this.keys.delete(String(key))
      return args.length
    },
  } as unknown as Link
  readonly targetsOf = (key: string) => (this.own.has(key) ? [this.link] : [])

  /** A copy of a key is on its way; what it gives lets it arrive. */
  copies(key: string): () => void {
    const held = { emit: () => this.keys.add(key), dropped: () => {}, covered: () => {} }
    return this.lanes.hold(this.link, [`0:${key}`], held)
  }

  delete(): Promise<number> {
    const { acknowledgement, lanes } = this
    const router = () => ({
      links: this.isMember ? [this.link] : [],
      targetsOf: (id: string) => this.targetsOf(id.slice(2)),
      routeOfKey: (key: Buffer) => ({ targets: this.targetsOf(String(key)) }),
    })
    const order = {
      acknowledgement,
      lanes,
      get router() {
        return router()
      },
      waiting: { change: () => sleep(1) },
    } as unknown as Order
    return deleteDisplaced(order, this.link, new Pace(() => 0))
  }
}

t.test('a copy that is on its way to who shall not have it any more is deleted behind it', async (t) => {
  const story = new Story()
  const arrives = story.copies('late')
  const deleted = story.delete()
  await sleep(20)
  arrives()
  t.equal(await deleted, 1)
  t.equal(story.keys.size, 0)
})

t.test('what is held for its own keys is not waited for', async (t) => {
  const story = new Story()
  story.own.add('own')
  story.keys.add('own').add('displaced')
  story.copies('own')
  t.equal(await story.delete(), 1)
  t.same([...story.keys], ['own'])
})

t.test('who has left keeps what it has, and nothing is waited for', async (t) => {
  const story = new Story()
  story.keys.add('kept')
  story.copies('late')
  story.isMember = false
  t.equal(await story.delete(), 0)
  t.equal(story.keys.size, 1)
})

t.test('what another view moves away meanwhile is deleted when that view is noted, and not before', async (t) => {
  const story = new Story()
  story.own.add('moved')
  story.keys.add('moved').add('displaced')
  const deleted = story.delete()
  story.own.delete('moved')
  story.acknowledgement.placementChanged(8)
  await sleep(30)
  t.same([...story.keys].sort(), ['displaced', 'moved'], 'a start may find epoch 7, which counts on it')
  story.acknowledgement.markerAnswered(8)
  t.equal(await deleted, 2)
  t.equal(story.keys.size, 0)
})
