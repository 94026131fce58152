import fc from 'fast-check'
import t from 'tap'
import { initialState, type MembershipEvent, type SentinelMaster } from '../../src/membership/state.js'
import { step } from '../../src/membership/step.js'

const sentinel = fc.constantFrom('s1', 's2')
/** True once in about ten times: else hardly a ring would ever come about. */
const seldom = fc.integer({ min: 0, max: 9 }).map((i) => i === 5)
const name = fc.constantFrom('dt-1', 'dt-2', 'dt-3', 'dt-4')
const host = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4')
const master: fc.Arbitrary<SentinelMaster> = fc.record({
  name,
  host,
  port: fc.constant(6379),
  sdown: seldom,
  odown: seldom,
})
const masters = fc.uniqueArray(master, { selector: (each) => each.name })
const masterNews = fc.record({
  kind: fc.constantFrom('-monitor', '+sdown', '-sdown', '+odown', '-odown', '+reboot'),
  name,
})
const addressNews = fc.record({ kind: fc.constantFrom('+monitor', '+switch-master'), name, host, port: fc.constant(1) })
const tiltNews = fc.record({ kind: fc.constantFrom('+tilt', '-tilt') })
const happening = fc.oneof(
  fc.record({ type: fc.constant('sentinel polled'), sentinel, masters, tilt: seldom }),
  fc.record({ type: fc.constant('sentinel lost'), sentinel, reason: fc.constant('away') }),
  fc.record({ type: fc.constant('sentinel said'), sentinel, news: fc.oneof(masterNews, addressNews, tiltNews) }),
  fc.record({ type: fc.constant('link up'), name }),
  fc.record({ type: fc.constant('link down'), name, reason: fc.constant('broken') }),
  fc.record({ type: fc.constant('told to forget'), name, sentinels: fc.subarray(['s1', 's2']) }),
  fc.record({ type: fc.constant('tick') }),
)
/** A link that is not wanted says nothing, and most events come soon after the one before. */
const pauseMs = seldom.map((long) => (long ? 5000 : 100))
const history = fc.array(fc.tuple(happening, pauseMs), { maxLength: 100, size: 'max' })

t.test('whatever happens: each publication says something new, and every server has at most one link', async (t) => {
  let publications = 0
  fc.assert(
    fc.property(history, (happenings) => {
      let nowMs = 0
      let state = initialState(['s1', 's2'], nowMs)
      const linked = new Map<string, string>()
      for (const [what, afterMs] of happenings) {
        nowMs += afterMs
        if ('name' in what && !linked.has(what.name)) continue
        const before = JSON.stringify(state.members)
        const { state: next, actions } = step(state, { ...what, nowMs } as MembershipEvent)
        state = next
        for (const action of actions) {
          if (action.type === 'publish') {
            publications++
            if (JSON.stringify(action.members) === before) throw new Error(`${before} is published twice`)
          } else if (action.type === 'connect') {
            if (linked.has(action.name)) throw new Error(`${action.name} has a link already`)
            linked.set(action.name, `${action.host}:${action.port}`)
          } else if (action.type === 'disconnect') {
            if (!linked.delete(action.name)) throw new Error(`${action.name} has no link`)
          }
        }
        if (new Set(linked.values()).size < linked.size) throw new Error(`two links to one server: ${[...linked]}`)
        for (const member of state.members) {
          const known = state.known.get(member.name)
          if (!known?.inRing) throw new Error(`${member.name} is published and not in the ring`)
          if (linked.get(member.name) !== `${member.host}:${member.port}` && known.link !== 'idle') {
            throw new Error(`the link of ${member.name} goes elsewhere than was published`)
          }
        }
      }
    }),
    { numRuns: 1000 },
  )
  t.ok(publications > 1000, `1000 random histories made ${publications} publications`)
})
