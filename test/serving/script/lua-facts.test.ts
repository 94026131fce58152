import t from 'tap'
import { factsOf } from '../../../src/serving/script/lua-facts.js'
import { tokensOf } from '../../../src/serving/script/lua-tokens.js'
import { bracketed } from '../../../src/serving/script/script.js'

const facts = (source: string) => {
  return factsOf(source, (name) => {
    if (/^(get|set|incr)$/i.test(name)) return 'first'
    return /^(del|mget)$/.test(name) ? 'all' : undefined
  })
}

t.test('tokens: comments and strings of all kinds', async (t) => {
  const source = `local s = "a\\"b" .. 'c\\'d' -- redis.call
    --[[ redis.call
    ]] --[==[ ]] ]==] x = [[ "long ]] .. [=[ ]] ]=] y = 0x1F + 1e-5 + .5 a.b:c(...) ~= a..b`
  t.same(
    tokensOf(source).map(({ text }) => text),
    [
      ...['local', 's', '=', '"a\\"b"', '..', "'c\\'d'", 'x', '=', '[[ "long ]]', '..', '[=[ ]] ]=]', 'y', '=', '0x1F'],
      ...['+', '1e-5', '+', '.5', 'a', '.', 'b', ':', 'c', '(', '...', ')', '~=', 'a', '..', 'b'],
    ],
  )
  const texts = (source: string) => tokensOf(source).map(({ text }) => text)
  t.same(texts('-- a\rb = 0xe+c .. 1.5e-3+d'), ['b', '=', '0xe', '+', 'c', '..', '1.5e-3', '+', 'd'])
  t.same(texts('x=3.e+5-0x1E-y+.5E+1z'), ['x', '=', '3.e+5', '-', '0x1E', '-', 'y', '+', '.5E+1z'])
  t.same(tokensOf('"open'), [{ kind: 'string', text: '"open', start: 0, end: 5 }])
})

t.test('a long source takes time in proportion to its length', async (t) => {
  const sources = [
    'a(',
    'local f=redis.call return f(KEYS[1]) ',
    'x[KEYS[1],',
    'local k=KEYS[1] k(',
    '{}KEYS[1],',
    'k,',
    'a.',
  ]
  for (const source of sources) {
    const beganMs = performance.now()
    facts(`local k=KEYS[1] ${source.repeat(500_000 / source.length)}`)
    t.ok(performance.now() - beganMs < 10_000, source)
  }
})

t.test('where brackets are put in, one may stand within another', async (t) => {
  const source = "return redis.call('set', KEYS[1], (function() return redis.call('get', KEYS[1]) end)())"
  t.equal(
    bracketed(source, facts(source).brackets),
    "return ( redis.call('set', KEYS[1], (function() return ( redis.call('get', KEYS[1])) end)()))",
  )
})

const INSIDE = [
  "return redis.call('del', KEYS[1], KEYS[2])",
  "local a = KEYS[1]; return redis.call('mget', a, KEYS[2], a)",
  "return redis.call('incr', KEYS[1])",
  "return redis.call('GET', KEYS[#KEYS])",
  "for i = 1, #KEYS do redis.call('del', KEYS[i]) end",
  "local key = KEYS[1] if redis.call('get', key) == ARGV[1] then return redis.call('del', key) end",
  "local a, b = KEYS[1], KEYS[2] return redis.call('set', KEYS[1], b)",
  "local key = KEYS[1]; local n = redis.call('incr', key); return {n, key}",
  "local call = 1 return redis.pcall('set', KEYS[1], redis.call('get', KEYS[2]))",
  'return 1',
  "local f = function(n) return redis.call('set', KEYS[1], n) end return f(1)",
]

const OUTSIDE = [
  "return redis.call('del', KEYS[1], 'x')",
  "return redis.call('del', KEYS[1], unpack(KEYS))",
  "return redis.call('del')",
  "return redis.call('incr', ARGV[1])",
  "return redis.call('incr', KEYS[1] .. 'x')",
  "return redis.call('incr', 'KEYS[1]')",
  "return redis.call('mget', KEYS[1], 'x')",
  'return redis.call(ARGV[1], KEYS[1])',
  "return redis.call('nosuch', KEYS[1])",
  "local c = redis.call return c('incr', 'x')",
  "local r = redis return r.call('incr', 'x')",
  "return redis['call']('incr', 'x')",
  "return pcall(redis.call, 'incr', 'x')",
  "KEYS[1] = 'x' return redis.call('incr', KEYS[1])",
  "KEYS[1], ARGV[1] = 'x', 'y' return redis.call('incr', KEYS[1])",
  "local k = KEYS k[1] = 'x' return redis.call('incr', KEYS[1])",
  "table.insert(KEYS, 1, 'x') return redis.call('incr', KEYS[1])",
  "local key = KEYS[1] key = 'x' return redis.call('incr', key)",
  "local key = KEYS[1] .. 'x' return redis.call('incr', key)",
  "local key = KEYS[1] or 'x' return redis.call('incr', key)",
  "local key = KEYS[1] local key = 'x' return redis.call('incr', key)",
  "local key = KEYS[1] local function f(key) return redis.call('incr', key) end return f('x')",
  "local key = KEYS[1] for key in pairs({x = 1}) do redis.call('incr', key) end",
  "local key = KEYS[1] for key = 1, 2 do redis.call('incr', key) end",
  "local key = KEYS[1] local a, key = 1, 'x' return redis.call('incr', key)",
  "local key = KEYS[1] local function key() end return redis.call('incr', key)",
  "local key = KEYS[1] if true then key, a = 'x', 1 end return redis.call('incr', key)",
  "local key = KEYS[1] (function() key = 'x' end)() return redis.call('incr', key)",
  'return loadstring(\'return redis.call("incr", "x")\')()',
  "return _G.redis.call('incr', 'x')",
  "redis.call = print return redis.call('incr', KEYS[1])",
  "local redis = redis return redis.call('incr', KEYS[1])",
]

t.test('it is seen whether a script can leave its keys', async (t) => {
  for (const source of INSIDE) t.equal(facts(source).staysInside, true, source)
  for (const source of OUTSIDE) t.equal(facts(source).staysInside, false, source)
})

t.test('calls at the end of a function get brackets', async (t) => {
  const bracketed = (source: string) => {
    return facts(source).brackets.map(({ open, close }) => source.slice(open, close).trim())
  }
  t.same(bracketed("return redis.call('get', f(1))"), ["redis.call('get', f(1))"])
  t.same(bracketed("if x then return redis.pcall('a') else return redis.call('b'); end"), [
    "redis.pcall('a')",
    "redis.call('b')",
  ])
  t.same(bracketed("local call = redis.call return call('a')"), ["call('a')"])
  t.same(bracketed("local x = redis.call('a') return x('a')"), [])
  t.same(bracketed("return redis.call('a')[1]"), [])
  t.same(bracketed("return redis.call('a') + 1"), [])
  t.same(bracketed("return redis.call('a'), 2"), [])
  t.same(bracketed("return '-- redis.call()'"), [])
})
