import { Acl } from '../acl/acl.js'
import { createLogger } from '../base/log.js'
import { UsageError, UserError } from '../base/user-error.js'
import { type Config, loadConfig } from '../config/config.js'
import { type Exposed, isOpenToAll, monitoringExposed, OPEN_TO_ALL } from '../config/exposed.js'
import { environmentName, secretNames, settingNames } from '../config/settings.js'
import { Tls } from '../tls/tls.js'
import { parseWords } from './arguments.js'
import { type Output, styled, table } from './terminal.js'

/**
 * `dt config check` and `dt config show`: the settings as a proxy would start with them, without starting one. The certificates
 * and the file of users that they name are read as well.
 *
 * @throws UserError saying everything that is wrong; with --json that is printed
 */
export async function config(argv: string[], out: Output): Promise<number> {
  const options = { config: { type: 'string' }, json: { type: 'boolean' } } as const
  const { values, positionals } = parseWords(argv, options, ['check or show'], 1)
  const [what, named] = positionals
  if (what !== 'check' && what !== 'show') throw new UsageError(`'${what}' is neither check nor show`)
  if (named !== undefined && values.config !== undefined) throw new UsageError('the file is named twice')
  const file = named ?? values.config
  const isJson = values.json === true
  const read = () => loadConfig(file === undefined ? {} : { file })
  if (what === 'show') return show(read(), isJson, out)
  let exposed: readonly Exposed[]
  try {
    exposed = check(read())
  } catch (error) {
    if (!isJson || !(error instanceof UserError)) throw error
    out.write(`${JSON.stringify({ right: false, wrong: error.message.split('\n') })}\n`)
    return 1
  }
  if (isJson) out.write(`${JSON.stringify({ right: true, ...(exposed.length > 0 && { exposed }) })}\n`)
  else {
    out.write(`${styled(out, 'green', 'The settings are right.')}\n`)
    for (const { what, todo } of exposed) out.write(`${styled(out, 'yellow', 'But')} ${what}: ${todo}\n`)
  }
  return 0
}

/** What they open to strangers. */
function check(settings: Config): Exposed[] {
  new Tls(settings, createLogger({ level: 'warn', format: 'pretty' }))
  const { users } = new Acl(settings.acl, settings.auth.password)
  const monitoring = monitoringExposed(settings.admin, settings.admin.host)
  return [
    ...(isOpenToAll(settings.listen, users.default.hasNoPassword) ? [OPEN_TO_ALL] : []),
    ...(monitoring === undefined ? [] : [monitoring]),
  ]
}

/** Secrets are not shown, only that they are there. */
function show(settings: Config, json: boolean, out: Output): number {
  const shown = settingNames().map(([section, name]) => {
    const value = (settings[section as keyof Config] as Record<string, unknown>)[name] ?? null
    const isSecret = secretNames.has(name) && value !== null && !(Array.isArray(value) && value.length === 0)
    return { section, name, value: isSecret ? '(redacted)' : value }
  })
  if (json) {
    const sections = Object.keys(settings).map((section) => {
      const own = shown.filter((each) => each.section === section).map(({ name, value }) => [name, value])
      return [section, Object.fromEntries(own)]
    })
    out.write(`${JSON.stringify(Object.fromEntries(sections), null, 2)}\n`)
    return 0
  }
  const rows = shown.map(({ section, name, value }) => [
    ...[`${section}.${name}`, value === null ? '' : plain(value), environmentName(section, name)],
  ])
  out.write(table(out, [{ head: 'setting' }, { head: 'value' }, { head: 'variable' }], rows))
  return 0
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
