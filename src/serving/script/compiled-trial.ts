import { askAny } from '../../order/ask-any.js'
import type { AnyMember } from '../../order/router.js'
import { isError } from '../../resp/encode.js'
import { Over } from '../several/gather/whole-values.js'
import { type Script, wrap } from './script.js'
import { notWrapped } from './script-call.js'

/** The form of a script that is tried, which one of these has compiled. @throws Over when there is none */
export async function compiledTrial(script: Script, members: AnyMember): Promise<Script> {
  if (script.trial !== undefined) return script.trial()
  const trial = wrap(script.source, script.effectsBytes, script, true)
  const said = await askAny(members, (link) => link.call(['SCRIPT', 'LOAD', trial.wrapped]))?.catch(() => undefined)
  if (said === undefined) throw new Over('wait')
  if (!isError(said)) return trial
  throw new Over({ reply: notWrapped(said, 'scripts on keys of several servers') })
}
