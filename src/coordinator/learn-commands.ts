import { type Link, LinkLostError } from '../backend/link.js'
import { nameOfKind } from '../backend/server-kind.js'
import { noteFailure } from '../base/inner-failure.js'
import type { Logger } from '../base/log.js'
import { learnDocs } from '../command/introspection.js'
import { parseCommandReply } from '../command/parse-info.js'
import { learn, rowNamed } from '../command/table.js'
import { elementsOf, fieldOf, textOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'

type Names = ReadonlySet<string>

/** What kinds of servers, told apart by version and number of commands, know that the table does not. */
const asked = new Map<string, Promise<Names>>()
/** The same of the servers behind links. */
const known = new WeakMap<Link, Names>()

/** Whether a member has a command that the table has learnt; true as long as it has not been asked. */
export function knowsLearnt(link: Link, name: string): boolean {
  const names = known.get(link)
  return names === undefined || names.has(name) || names.has(name.split('|', 1)[0])
}

/**
 * Learns the commands of a server that the table does not know, those of a newer Redis or of its modules
 * [design §5 Command table]: from then on clients may use them. It asks for names first: to read what a server says of
 * all its commands takes 40 ms, in which a proxy that starts would do nothing else.
 *
 * @param moduleWrites the setting: commands, and modules, whose writes are served
 */
export async function learnCommands(link: Link, moduleWrites: readonly string[], log: Logger): Promise<void> {
  let kind = ''
  try {
    const count = await link.call(['COMMAND', 'COUNT'])
    kind = `${link.info === undefined ? '' : nameOfKind(link.info.kind)} ${String(count)}`
    if (isError(count)) return
    const before = asked.get(kind)
    const names = before ?? askFor(link, moduleWrites, log)
    asked.set(kind, names)
    known.set(link, await names)
  } catch (error) {
    // The link broke: its next handshake asks again, or that of another server of this kind.
    asked.delete(kind)
    if (!(error instanceof LinkLostError))
      noteFailure(log, error, { member: link.name, while: 'its commands were learnt' })
  }
}

async function askFor(link: Link, moduleWrites: readonly string[], log: Logger): Promise<Names> {
  const all = namesIn(await link.call(['COMMAND', 'LIST']))
  const writing = await writingCommands(link, moduleWrites, (name) => {
    if (!all.some((each) => each.toLowerCase() === name.toLowerCase())) warnOfUnknown(link, name, log)
  })
  // What is behind a bar is a subcommand, told with its container, unless that is an old one.
  const isOf = (name: string) => rowNamed(name.toLowerCase().split('|', 1)[0])
  const newer = all.filter(
    (name) => rowNamed(name.toLowerCase())?.learnt !== false && (!name.includes('|') || isOf(name)?.learnt === false),
  )
  const unknown = newer.filter((name) => rowNamed(name.toLowerCase()) === undefined)
  if (unknown.length > 0) {
    const reply = await link.call(['COMMAND', 'INFO', ...unknown])
    const infos = isError(reply) ? [] : parseCommandReply(reply)
    const modules = infos.some(({ flags }) => flags.includes('module')) ? await modulesOf(link) : new Map()
    learnDocs(await link.call(['COMMAND', 'DOCS', ...unknown]))
    const names = learn(
      infos.map((info) => ({ ...info, module: modules.get(info.name) })),
      writing,
    )
    if (names.length > 0)
      log.info(
        { event: 'commands-learnt', member: link.name, commands: names },
        'learnt commands that only the servers know',
      )
  }
  return new Set(newer.map((name) => name.toLowerCase()))
}

/** Of which module each command is that is of one, by its name in lower case. */
async function modulesOf(link: Link): Promise<Map<string, string>> {
  const list = elementsOf(await link.call(['MODULE', 'LIST'])) ?? []
  const names = list.flatMap((module) => textOf(fieldOf(module, 'name') ?? null) ?? [])
  const modules = new Map<string, string>()
  for (const module of names) {
    const commands = namesIn(await link.call(['COMMAND', 'LIST', 'FILTERBY', 'MODULE', module]))
    for (const name of commands) modules.set(name.toLowerCase(), module)
  }
  return modules
}

/** The commands that the setting names, and those of the modules that it names; `isNoModule` is told of other names. */
async function writingCommands(
  link: Link,
  moduleWrites: readonly string[],
  isNoModule: (name: string) => void,
): Promise<Set<string>> {
  const lists = await Promise.all(
    moduleWrites.map(async (name) => {
      const names = namesIn(await link.call(['COMMAND', 'LIST', 'FILTERBY', 'MODULE', name]))
      if (names.length === 0) isNoModule(name)
      return names
    }),
  )
  return new Set([...moduleWrites, ...lists.flat()].map((name) => name.toLowerCase()))
}

/** All servers are to have the modules whose writes are allowed. */
function warnOfUnknown({ name: member }: Link, name: string, log: Logger): void {
  log.warn(
    { event: 'module-write-unknown', member, name },
    `the setting commands.moduleWrites names ${name}, and ${member} has neither a command nor a module of that name`,
  )
}

function namesIn(reply: Reply): string[] {
  return (elementsOf(reply) ?? []).map((name) => textOf(name) ?? '')
}
