import t from 'tap'
import { Users } from '../../src/acl/users.js'
import { CLOSED, ENDING, NORMAL } from '../../src/client/client-state.js'
import { Session } from '../../src/client/session.js'

t.test(
  'between MULTI and EXEC a client is in a transaction, and a refused command is not forgotten before its end',
  async (t) => {
    const session = new Session(new Users({ allChannels: false }).default, true)
    session.beginTransaction()
    session.abortTransaction()
    session.abortTransaction()
    t.equal(session.transaction?.isAborted, true)
    session.endTransaction()
    t.equal(session.state, NORMAL)
  },
)

t.test('who is closed is neither ending nor normal again, whatever is still under way', async (t) => {
  const session = new Session(new Users({ allChannels: false }).default, true)
  session.beginTransaction()
  session.become(ENDING)
  session.become(CLOSED)
  session.endTransaction()
  session.abortTransaction()
  t.equal(session.state, CLOSED)
  t.throws(() => session.become(ENDING), { message: 'a client that is closed does not become ending' })
  t.throws(() => session.beginTransaction(), { message: 'a client that is closed does not become transaction' })
})

t.test('what a blocked client waits for is told that it is gone, and not that it was served', async (t) => {
  let abandoned = 0
  const wait = { abandon: () => abandoned++, unblock: async () => true }
  const session = new Session(new Users({ allChannels: false }).default, true)
  session.become({ kind: 'blocked', wait })
  session.become(NORMAL)
  t.equal(abandoned, 0)
  session.become({ kind: 'blocked', wait })
  session.become(CLOSED)
  t.equal(abandoned, 1)
  session.block(wait)
  t.equal(abandoned, 2, 'who has gone already waits for nothing')
  const ending = new Session(new Users({ allChannels: false }).default, true)
  ending.become(ENDING)
  ending.block(wait)
  t.equal(abandoned, 3)
  t.equal(ending.state, ENDING)
})
