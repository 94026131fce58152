import t from 'tap'
import { secretsIn } from '../../src/client/redaction.js'
import { lookupCommand, lookupSubcommand } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'

/** The command with its secrets as others see it. */
function shown(text: string): string {
  const words = text.split(' ')
  const frame = frameOf(words)
  const command = lookupCommand(frame.buf, frame.argStart[0], frame.argEnd[0])!
  const sub = command.subcommands && lookupSubcommand(command, frame.buf, frame.argStart[1], frame.argEnd[1])
  const secrets = secretsIn(sub ?? command, frame)
  return words.map((word, i) => (secrets.includes(i) ? '*' : word)).join(' ')
}

t.test('secrets are found by their places', async (t) => {
  const cases = [
    ['AUTH p', 'AUTH *'],
    ['auth u p', 'auth * *'],
    ['AUTH u p x', 'AUTH * * *'],
    ['HELLO 3 AUTH u p SETNAME n', 'HELLO 3 AUTH * * SETNAME n'],
    ['HELLO 3 SETNAME AUTH auth u p', 'HELLO 3 SETNAME AUTH auth * *'],
    ['HELLO 9 what AUTH u p', 'HELLO 9 what AUTH * *'],
    ['HELLO 3 AUTH u', 'HELLO 3 AUTH *'],
    ['CONFIG SET timeout 1 RequirePass p maxclients 2', 'CONFIG SET timeout 1 RequirePass * maxclients 2'],
    ['CONFIG SET masterauth p tls-key-file-pass q', 'CONFIG SET masterauth * tls-key-file-pass *'],
    ['CONFIG GET requirepass', 'CONFIG GET requirepass'],
    ['ACL SETUSER u on >p ~*', 'ACL SETUSER * * * *'],
    ['ACL GETUSER u', 'ACL GETUSER *'],
    ['ACL DELUSER u v', 'ACL DELUSER * *'],
    ['ACL WHOAMI', 'ACL WHOAMI'],
    ['MIGRATE h 1 k 0 9 COPY AUTH p', 'MIGRATE h 1 k 0 9 COPY AUTH *'],
    ['MIGRATE h 1 k 0 9 REPLACE AUTH2 u p KEYS AUTH b', 'MIGRATE h 1 k 0 9 REPLACE AUTH2 * * KEYS AUTH b'],
    ['MIGRATE h 1 AUTH 0 9', 'MIGRATE h 1 AUTH 0 9'],
    ['SET AUTH p', 'SET AUTH p'],
  ]
  for (const [sent, expected] of cases) t.equal(shown(sent), expected)
})
