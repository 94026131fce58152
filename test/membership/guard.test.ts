import t from 'tap'
import { cameBackWithLess, type FoundServer, refusalOf, tooFewDatabases } from '../../src/membership/guard.js'
import { type Marks, NO_MARKS } from '../../src/membership/marker.js'
import { NO_PROVENANCE } from '../../src/membership/provenance.js'
import { buildView } from '../../src/view/build-view.js'

function server(name: string, runId: string, keys: number, marks: Partial<Marks> = {}): FoundServer {
  return { name, runId, keys, marks: { ...NO_MARKS, ...marks } }
}

function marked(member: string, ringId = 'dt'): Partial<Marks> {
  const view = buildView(ringId, 1, 1, 1, [])
  return { marker: { ringId, term: 1, member, runId: 'any', view, removed: [], provenance: NO_PROVENANCE } }
}

const owned = (ringId: string): Partial<Marks> => ({
  owner: { ringId, term: 1, run: 'run', where: 'there', heartbeat: 1, clean: false },
})

t.test('a server of this ring, or an empty one, may be a member', async (t) => {
  const others = [server('dt-2', 'two', 5, marked('dt-2'))]
  t.equal(refusalOf(server('dt-1', 'one', 7, marked('dt-1')), 'dt', others), undefined)
  t.equal(refusalOf(server('dt-1', 'one', 0), 'dt', others), undefined)
  t.equal(refusalOf(server('dt-1', 'one', 0, owned('dt')), 'dt', others), undefined)
})

t.test('a server that holds something else may be emptied for it', async (t) => {
  const refused = (found: FoundServer) => refusalOf(found, 'dt', [])
  t.same(refused(server('dt-1', 'one', 7)), {
    reason: 'it holds 7 keys and no marker of the ring dt',
    wipeable: true,
  })
  t.same(refused(server('dt-1', 'one', 7, owned('dt'))), {
    reason: 'it holds 7 keys and no marker of the ring dt',
    wipeable: true,
  })
  t.same(refused(server('dt-1', 'one', 0, marked('dt-1', 'other'))), {
    reason: 'it belongs to the ring other',
    wipeable: true,
  })
  t.same(refused(server('dt-1', 'one', 0, owned('other'))), { reason: 'it belongs to the ring other', wipeable: true })
  t.same(refused(server('dt-1', 'one', 0, { unreadable: 'its version is 9' })), {
    reason: 'its marker cannot be used: its version is 9',
    wipeable: true,
  })
})

t.test('a server under another name than before is emptied only when that name is not in use', async (t) => {
  const renamed = server('dt-9', 'one', 7, marked('dt-1'))
  const reason = 'it is dt-1 of this ring, which is known under that name only'
  t.same(refusalOf(renamed, 'dt', []), { reason, wipeable: true })
  t.same(refusalOf(renamed, 'dt', [server('dt-1', 'two', 7, marked('dt-9'))]), { reason, wipeable: false }, 'swapped')
})

t.test('a replica of a member that was made a master again has nothing of its own', async (t) => {
  const copy = server('dt-9', 'nine', 7, marked('dt-1'))
  const runId = copy.marks.marker!.runId
  t.match(refusalOf(copy, 'dt', [server('dt-1', runId, 7, marked('dt-1'))]), {
    reason: /^it has a copy of what dt-1 has/,
    wipeable: true,
  })
  t.match(
    refusalOf(copy, 'dt', [{ name: 'dt-1', runId: undefined }]),
    { wipeable: false },
    'as long as that one is there',
  )
})

t.test('of two names for one server the one that its marker says is used, else the first', async (t) => {
  const twins = (marks: Partial<Marks>) => [server('dt-1', 'same', 3, marks), server('dt-2', 'same', 3, marks)]
  const refused = (found: FoundServer[]) => found.map((each) => refusalOf(each, 'dt', found))
  t.same(refused(twins(marked('dt-2'))), [{ reason: 'it is the same server as dt-2', wipeable: false }, undefined])
  t.same(refused(twins(marked('dt-1'))), [undefined, { reason: 'it is the same server as dt-1', wipeable: false }])
  const [first, second] = refused(twins(owned('dt')))
  t.equal(first?.reason, 'it holds 3 keys and no marker of the ring dt')
  t.equal(second?.reason, 'it is the same server as dt-1')
})

t.test('a server has at least the databases of the ring', async (t) => {
  t.same(tooFewDatabases(4, 16), { reason: 'it has 4 databases, and the ring has 16', wipeable: false })
  for (const databases of [16, 17]) t.equal(tooFewDatabases(databases, 16), undefined)
  t.equal(tooFewDatabases(1, 0), undefined, 'there is no other server')
})

t.test(
  'a server that restarted has all that was written to it when it has the last heartbeat that it answered',
  async (t) => {
    const back = (
      runId: string,
      marks: Partial<Marks>,
      before: { runId?: string; heartbeat: number; epoch?: number; isNew?: boolean },
    ) => cameBackWithLess(server('dt-1', runId, 5, marks), { runId: undefined, epoch: 0, ...before })
    const at = (heartbeat: number): Partial<Marks> => {
      return { ...marked('dt-1'), owner: { ...owned('dt').owner!, heartbeat } }
    }
    t.notOk(back('two', at(17), { runId: 'one', heartbeat: 17 }))
    t.notOk(back('two', at(18), { runId: 'one', heartbeat: 17 }))
    t.ok(back('two', at(16), { runId: 'one', heartbeat: 17 }), 'an older data set')
    t.ok(back('two', {}, { runId: 'one', heartbeat: 17 }), 'nothing')
    t.ok(back('two', owned('dt'), { runId: 'one', heartbeat: 0 }), 'only what a handshake that broke has written')
    t.notOk(
      back('two', {}, { runId: 'one', heartbeat: 0, isNew: true }),
      'what was never told of the ring has nothing to lose',
    )
    t.notOk(back('one', {}, { runId: 'one', heartbeat: 17 }), 'the same process has lost nothing')
    t.notOk(back('any', at(3), { heartbeat: 0 }), 'nor has the one of which its marker speaks')
    t.ok(back('two', {}, { heartbeat: 0 }))
    t.ok(back('any', at(16), { runId: 'any', heartbeat: 17 }), 'the same process, on a machine that was set back')
    t.ok(back('any', at(17), { runId: 'any', heartbeat: 17, epoch: 2 }), 'nor has it the view that it had')
    t.notOk(back('any', at(17), { runId: 'any', heartbeat: 17, epoch: 1 }))
    t.notOk(
      back('any', marked('dt-1'), { runId: 'any', heartbeat: 17 }),
      'a mark that somebody has removed says nothing',
    )
  },
)
