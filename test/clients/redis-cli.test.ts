import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { command } from '../helpers/raw-client.js'
import { run, Terminal } from '../helpers/run.js'

t.test('redis-cli', async (t) => {
  const proxy = await startProxy(t, { config: { auth: { password: 'secret' } } })
  const access = ['-p', String(proxy.port), '-a', 'secret', '--no-auth-warning']
  const cli = (...args: string[]) => run('redis-cli', [...access, ...args])
  const says = async (...args: string[]) => (await cli(...args)).stdout

  await t.test('one command', async (t) => {
    t.equal(await says('set', 'hello', 'world'), 'OK\n')
    t.equal(await says('get', 'hello'), 'world\n')
    t.equal(await says('-n', '3', 'get', 'hello'), '\n')
    t.equal(await says('--no-raw', 'get', 'hello'), '"world"\n')
    t.equal(await says('-r', '3', '-i', '0.01', 'incr', 'counter'), '1\n2\n3\n')
    t.equal(await says('--user', 'default', '--pass', 'secret', 'ping'), 'PONG\n')
    const piped = await run('redis-cli', [...access, '-x', 'set', 'from-stdin'], 'bytes \0 of any kind')
    t.equal(piped.stdout, 'OK\n')
    t.equal(await says('strlen', 'from-stdin'), '19\n')
    const script = await run('redis-cli', access, 'set a 1\nincr a\nget a\n')
    t.equal(script.stdout, 'OK\n2\n2\n')
  })

  await t.test('a wrong password, a wrong command', async (t) => {
    const { stdout } = await run('redis-cli', ['-p', String(proxy.port), 'get', 'hello'])
    t.match(stdout, 'NOAUTH Authentication required.')
    t.match(await says('lpush', 'hello', 'x'), 'WRONGTYPE Operation against a key holding the wrong kind of value')
    t.match(await says('shutdown'), "ERR 'shutdown' is refused by this proxy: ")
    t.match(await says('nonsense'), "ERR unknown command 'nonsense', with args beginning with: ")
  })

  await t.test('RESP3', async (t) => {
    await says('hset', 'hash', 'field', 'value')
    t.equal(await says('-3', '--no-raw', 'hgetall', 'hash'), '1# "field" => "value"\n')
    t.match(await says('-3', '--no-raw', 'dt', 'view'), /"replicas" => \(integer\) 2\n/)
    t.match(await says('--no-raw', 'dt', 'nodes'), /"name"\n.*"dt-1"/)
    t.equal(await says('-3', '--no-raw', 'zscore', 'nothing', 'x'), '(nil)\n')
  })

  await t.test('a session at the terminal, with hints and help', async (t) => {
    const terminal = Terminal.open(t, 'redis-cli', ...access)
    await terminal.sees(new RegExp(`127.0.0.1:${proxy.port}> `))
    terminal.type('getrange ')
    await terminal.sees(/getrange .*key start end/)
    terminal.type('hello 1 3\r')
    await terminal.sees(/"orl"/)
    terminal.type('help append\r')
    await terminal.sees(/APPEND key value\s+summary: Append a value to a key/)
    const monitor = Terminal.open(t, 'redis-cli', ...access, 'monitor')
    await monitor.sees(/OK\r?\n/)
    terminal.type('echo seen\r')
    await monitor.sees(/^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "echo" "seen"\r?$/m)
    // The proxy's own command is known only from what it answers to COMMAND DOCS.
    terminal.type('help dt\r')
    await terminal.sees(/DT \S.*\s+summary: /)
    terminal.type('select 5\r')
    await terminal.sees(/OK[\s\S]*\[5\]> /)
    terminal.type('lpu\t')
    await terminal.sees(/LPUSH/i)
    terminal.type(' list a b c\r')
    await terminal.sees(/\(integer\) 3/)
    terminal.type('lrange list 0 -1\r')
    await terminal.sees(/1\) "c"\s+2\) "b"\s+3\) "a"/)
    terminal.type('hello 3\r')
    await terminal.sees(/# "proto" => \(integer\) 3/)
    terminal.type('exit\r')
    t.equal(await terminal.end(), 0)
  })

  await t.test('--pipe inserts masses', async (t) => {
    const commands = Array.from({ length: 5000 }, (_, i) => command('SET', `mass:${i}`, `value ${i}`))
    const { stdout, code } = await run('redis-cli', [...access, '--pipe'], Buffer.concat(commands))
    t.match(stdout, 'errors: 0, replies: 5000')
    t.equal(code, 0)
    t.equal(await says('get', 'mass:4999'), 'value 4999\n')
    const wrong = Buffer.concat([command('SET', 'a', '1'), command('LPUSH', 'a', 'x'), command('SET', 'a', '2')])
    const withError = await run('redis-cli', [...access, '--pipe'], wrong)
    t.match(withError.stdout, 'errors: 1, replies: 3')
  })

  await t.test('--scan gives the keys that match, each of them', async (t) => {
    const lines = (await says('--scan', '--pattern', 'mass:199*')).trim().split('\n')
    t.same(lines.sort(), ['mass:199', ...Array.from({ length: 10 }, (_, i) => `mass:199${i}`)].sort())
    const all = (await says('--scan', '--pattern', 'mass:*')).trim().split('\n')
    t.equal(new Set(all).size, 5000)
    t.equal(all.length, 5000, 'each once, as nothing has changed meanwhile')
  })

  await t.test('--bigkeys and --memkeys look at every key', async (t) => {
    await run('redis-cli', [...access, '-x', 'set', 'big'], 'x'.repeat(100_000))
    const bigkeys = await cli('--bigkeys')
    t.equal(bigkeys.code, 0)
    const keys = Number(await says('dbsize'))
    t.match(bigkeys.stdout, `Sampled ${keys} keys in the keyspace!`)
    t.match(bigkeys.stdout, /Biggest string found '"big"' has 100000 bytes/)
    t.match(bigkeys.stdout, /Biggest +hash found '"hash"' has 1 fields/)
    const memkeys = await cli('--memkeys')
    t.equal(memkeys.code, 0)
    t.match(memkeys.stdout, /Biggest string found '"big"' has 1\d{5} bytes/)
  })

  await t.test('what no ring has is refused, and says so', async (t) => {
    const hotkeys = await cli('--hotkeys')
    t.match(hotkeys.stdout + hotkeys.stderr, /An LFU maxmemory policy is not selected/)
    const rdb = await cli('--rdb', '/dev/null')
    t.not(rdb.code, 0)
    t.match(rdb.stdout + rdb.stderr, /'p?sync' is refused/)
    for (const dump of [['--functions-rdb', '/dev/null'], ['--replica']]) {
      const refused = await cli(...dump)
      t.not(refused.code, 0)
      t.match(refused.stdout + refused.stderr, /ERR 'replconf' is refused by this proxy/)
    }
    const cluster = await run('redis-cli', [...access.slice(2), '--cluster', 'check', `127.0.0.1:${proxy.port}`])
    t.not(cluster.code, 0)
    t.match(cluster.stdout + cluster.stderr, /is not configured as a cluster node/)
  })

  await t.test('--latency and --stat', async (t) => {
    t.match(await says('--latency', '-i', '0.2'), /^\d+ \d+ [\d.]+ \d+\n$/)
    for (const kind of ['--latency-history', '--latency-dist']) {
      const latency = Terminal.open(t, 'redis-cli', ...access, kind, '-i', '0.2')
      await latency.sees(
        kind === '--latency-dist' ? /From 0 to 100%/ : /min: \d+, max: \d+, avg: [\d.]+ \(\d+ samples\) -- /,
      )
    }
    const stat = Terminal.open(t, 'redis-cli', ...access, '--stat', '-i', '0.05')
    await stat.sees(/keys +mem +clients +blocked +requests +connections/)
    const [, keys] = await stat.sees(/\n(\d+) +[\d.]+[KMG] +\d+ +0 +\d+ \(\+\d+\) +\d+/)
    t.equal(Number(keys), Number(await says('dbsize')) + Number(await says('-n', '5', 'dbsize')), 'of all databases')
    await stat.sees(/\n(\d+) +[\d.]+[KMG] +\d+ +0 +\d+ \(\+\d+\) +\d+/)
  })
})
