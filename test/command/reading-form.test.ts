import t from 'tap'
import { readingForm } from '../../src/command/reading-form.js'
import { readingRow, rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'

function read(command: string): string | undefined {
  const words = command.split(' ')
  const form = readingForm(rowNamed(words[0].toLowerCase())!, frameOf(words))
  return form === undefined ? undefined : parseRequest(form).join(' ')
}

t.test('a command that is flagged as a write and writes nothing is sent as what it is', async (t) => {
  const forms = {
    'SORT k': 'SORT_RO k',
    'sort k by STORE get store': 'SORT_RO k by STORE get store',
    'SORT k LIMIT STORE 2 ALPHA': 'SORT_RO k LIMIT STORE 2 ALPHA',
    'SORT k BY w_* GET # DESC': 'SORT_RO k BY w_* GET # DESC',
    'GEORADIUS k 1 2 3 km ASC COUNT 3 ANY': 'GEORADIUS_RO k 1 2 3 km ASC COUNT 3 ANY',
    'GEORADIUSBYMEMBER k m 3 km WITHDIST': 'GEORADIUSBYMEMBER_RO k m 3 km WITHDIST',
    'BITFIELD k GET u8 0 GET u8 8': 'BITFIELD_RO k GET u8 0 GET u8 8',
    'BITFIELD k': 'BITFIELD_RO k',
    'GETEX k': 'GET k',
  }
  for (const [command, form] of Object.entries(forms)) t.equal(read(command), form, command)
})

t.test('not when it may write, or nobody knows', async (t) => {
  for (const command of [
    'SORT k STORE d',
    'SORT k BY store sTore d',
    'SORT k STORE',
    'SORT k NEWER',
    'SORT_RO k',
    'GEORADIUS k 1 2 3 km STORE d',
    'GEORADIUS k 1 2 3 km COUNT 3 STOREDIST d',
    'GEORADIUSBYMEMBER k m 3 km storedist d',
    'GEORADIUSBYMEMBER k m 3 km NEWER',
    'BITFIELD k GET u8 0 SET u8 0 1',
    'BITFIELD k OVERFLOW FAIL INCRBY u8 0 1',
    'BITFIELD k GET u8 0 NEWER u8 0',
    'GETEX k PERSIST',
    'GETEX k EX 5',
    'GETEX k NEWER',
    'GET k',
    'SET k v',
  ]) {
    t.equal(read(command), undefined, command)
  }
})

t.test('its row is that of a read, under its own name', async (t) => {
  t.match(readingRow(rowNamed('sort')!), { name: 'sort', replicate: 'none', gather: 'sort', keyFinder: 'range' })
  t.match(readingRow(rowNamed('getex')!), { name: 'getex', replicate: 'none', options: undefined })
  t.equal(readingRow(rowNamed('set')!), undefined)
})
