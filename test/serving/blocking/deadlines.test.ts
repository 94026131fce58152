import t from 'tap'
import { Deadlines, type Timed } from '../../../src/serving/blocking/deadlines.js'

class Client implements Timed {
  place = -1
  isLate = false

  constructor(readonly deadlineMs: number) {}

  tooLate(): void {
    this.isLate = true
  }
}

/** How many timers keep the process from its end. */
function timersThatHold(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

t.test('who waits does not keep the process from its end, nor does one who has waited', async (t) => {
  const before = timersThatHold()
  const deadlines = new Deadlines()
  const client = new Client(performance.now() + 3_600_000)
  deadlines.add(client)
  t.equal(timersThatHold(), before)
  deadlines.remove(client)
  t.equal(timersThatHold(), before)
  t.notOk(client.isLate)
})
