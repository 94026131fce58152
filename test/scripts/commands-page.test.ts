import t from 'tap'
import { commandsPage } from '../../scripts/commands-page.js'
import { startRedis } from '../helpers/proxy.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'

t.test(
  'every command and subcommand that a Redis 7.0 lists has a line, with its group, and a reason where it needs one',
  async (t) => {
    const redis = await startRedis(t)
    const client = await redis.connect()
    const listed = itemsOf(readReply(await client.ask('COMMAND', 'LIST'))).map(textOf)
    const lines = new Map(
      commandsPage()
        .split('\n')
        .filter((line) => /^\| [A-Z]/.test(line))
        .map((line) => line.slice(2, -2).split(' | '))
        .map(([name, ...cells]) => [name, cells] as const),
    )
    const containers = new Set(listed.filter((name) => name.includes('|')).map((name) => name.split('|')[0]))
    t.ok(listed.length > 300)
    for (const name of listed) {
      const shown = name.toUpperCase().replace('|', ' ')
      if (containers.has(name) && name !== 'command') t.ok(lines.has(`${shown} …`), name)
      else {
        const [group = '', remark = ''] = lines.get(shown) ?? []
        t.match(group, /^(redis|differs|proxy|refused|not yet)$/, name)
        if (group === 'refused' || group === 'differs') t.match(remark.trim(), /.{6,}/, name)
      }
    }
  },
)
