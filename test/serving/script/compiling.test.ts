import t, { type Test } from 'tap'
import { startScriptedRing } from '../../helpers/scripted-ring.js'
import { bulk, type Script } from '../../helpers/scripted-server.js'

const SOURCE = 'return 1'
const BUSY = '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n'

/** Servers that take what the client sends, and say this of it when it is wrapped. */
async function ofWrapped(t: Test, said: string): Promise<string> {
  const script: Script = ([command, word, source]) => {
    if (`${command} ${word}`.toUpperCase() !== 'SCRIPT LOAD') return undefined
    return source === SOURCE ? bulk('0'.repeat(40)) : said
  }
  const ring = await startScriptedRing(t, script)
  return ring.ask('EVAL', SOURCE, '0')
}

t.test('a server that has become busy while a script is compiled says so, and nothing of the script', async (t) => {
  t.equal(await ofWrapped(t, BUSY), BUSY)
})

t.test(
  'a script that is too much in its wrapped form is refused with the reason, and nothing was applied',
  async (t) => {
    t.match(
      await ofWrapped(t, '-ERR Error compiling script (new function): user_script:1: too many\r\n'),
      /^-ERR this proxy runs scripts as functions .* more than this one allows; nothing was applied: ERR Error compiling/,
    )
  },
)
