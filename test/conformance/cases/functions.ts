import type { Cases } from '../script.js'

const LIBRARY = `"#!lua name=lib\\nlocal n = 0\\nredis.register_function('put', function(keys, args) return redis.call('set', keys[1], args[1]) end)\\nredis.register_function{function_name='Peek', callback=function(keys, args) return redis.call('get', keys[1]) end, flags={'no-writes', 'allow-stale'}, description='looks'}\\nredis.register_function('fail', function(keys, args)\\n redis.call('incr', keys[1])\\n return redis.call('lpush', keys[1], 'x') end)\\nredis.register_function('count', function() n = n + 1 return n end)"`
const OTHER = `"#!lua name=other\\nredis.register_function('pop', function(keys, args) return {keys, args, redis.call('spop', keys[1])} end)"`

/** Functions; functions.test.ts has what they say, do, and how they fail. */
export const functionCases: Cases = {
  'function|load': `
    FUNCTION LOAD ${LIBRARY}
    FUNCTION LOAD ${LIBRARY}
    FUNCTION LOAD replace ${LIBRARY}
    FUNCTION LOAD REPLACE REPLACE ${OTHER}
    FUNCTION LOAD x ${OTHER}
    FUNCTION LOAD REPLACE
    FUNCTION LOAD x
    FUNCTION LOAD "#!"
    FUNCTION LOAD "#!lua\\n"
    FUNCTION LOAD "#!lua name=a name=b\\n"
    FUNCTION LOAD "#!lua name=a b=c\\n"
    FUNCTION LOAD "#!py name=a\\n"
    FUNCTION LOAD "#!lua name=a-b\\n"
    FUNCTION LOAD "#!lua name=\\n"
    FUNCTION LOAD "#!lua name=a\\n"
    FUNCTION LOAD "#!lua name=a\\nreturn 1"
    FUNCTION LOAD "#!lua name=a\\n\\na b"
    FUNCTION LOAD "#!lua name=a\\nredis.call('ping')"
    FUNCTION LOAD "#!lua name=a\\nerror('no')"
    FUNCTION LOAD "#!lua name=a\\nredis.register_function('a')"
    FUNCTION LOAD "#!lua name=a\\nredis.register_function('a-b', function() end)"
    FUNCTION LOAD "#!lua name=a\\nredis.register_function('PUT', function() end)"
    FUNCTION LOAD "#!lua name=lib\\nredis.register_function('pop', function() end)"
    FUNCTION LOAD REPLACE "#!lua name=lib\\nredis.register_function('pop', function() end)"
    FUNCTION LOAD REPLACE "#!lua name=lib\\nredis.register_function('put', function() return 7 end)"
    FCALL put 0
    FCALL peek 0
    FUNCTION LOAD "#!LUA NAME=upper\\nredis.register_function{function_name='u', callback=function() end, flags={'no-writes','allow-oom','allow-stale','no-cluster','allow-cross-slot-keys'}}"
    FUNCTION LIST LIBRARYNAME upper WITHCODE
    FUNCTION LOAD "#!lua name=a\\nredis.register_function{function_name='a', callback=function() end, flags={'x'}}"
    FUNCTION FLUSH
  `,
  'function|delete': `
    FUNCTION DELETE lib
    FUNCTION LOAD ${LIBRARY}
    FUNCTION DELETE LIB
    FUNCTION DELETE lib
    FCALL put 1 k v
    FUNCTION DELETE lib
    FUNCTION DELETE
    FUNCTION LOAD ${LIBRARY}
    FCALL count 0
    FUNCTION FLUSH SYNC
  `,
  'function|flush': `
    FUNCTION LOAD ${LIBRARY}
    FUNCTION FLUSH x
    FUNCTION FLUSH SYNC x
    FUNCTION FLUSH async
    FCALL put 1 k v
    FUNCTION LIST
    FUNCTION FLUSH SYNC
    FUNCTION FLUSH
  `,
  'function|list': `
    FUNCTION LIST
    FUNCTION LOAD ${OTHER}
    FUNCTION LIST
    FUNCTION LIST WITHCODE
    FUNCTION LIST LIBRARYNAME OTH* WITHCODE
    FUNCTION LIST LIBRARYNAME x*
    FUNCTION LIST LIBRARYNAME dt_*
    FUNCTION LIST LIBRARYNAME
    FUNCTION LIST WITHCODE WITHCODE
    FUNCTION LIST x
    FUNCTION FLUSH
  `,
  'function|dump': `
    FUNCTION DUMP
    FUNCTION LOAD "#!lua name=a\\nredis.register_function('a',print)"
    FUNCTION FLUSH
    FUNCTION DUMP x
  `,
  'function|restore': `
    FUNCTION RESTORE abc
    FUNCTION RESTORE abc x
    FUNCTION RESTORE abc FLUSH x
    FUNCTION RESTORE "\\x0a\\x00\\x5d\\x9b\\x5c\\x40\\x0f\\x7f\\xa2\\xda"
  `,
  'function|stats': `
    FUNCTION STATS
    FUNCTION LOAD ${LIBRARY}
    FUNCTION STATS
    FUNCTION LOAD ${OTHER}
    FUNCTION STATS
    FUNCTION FLUSH
    FUNCTION STATS
  `,
  'function|kill': `
    FUNCTION KILL
    FUNCTION KILL x
  `,
  'function|help': `
    FUNCTION HELP
    FUNCTION
    FUNCTION x
  `,
  fcall: `
    FCALL put 1 k v
    FUNCTION LOAD ${LIBRARY}
    FUNCTION LOAD ${OTHER}
    FCALL put 1 k v
    FCALL PUT 1 k w
    GET k
    FCALL put x k v
    FCALL put 2 {t}k {t}v
    FCALL put 3 k v
    FCALL put -1 k v
    FCALL nosuch x
    FCALL peek 1 k
    FCALL fail 1 k
    SET n 7
    FCALL fail 1 n
    GET n
    FCALL put 0 k v
    FCALL count 0
    FCALL count 0
    SADD {t}s one
    FCALL pop 2 {t}s {t}t a b
    EXISTS {t}s
    SELECT 2
    FCALL put 1 k two
    GET k
    SELECT 0
    FUNCTION DELETE lib
    FCALL put 1 k v
    FUNCTION FLUSH
  `,
  fcall_ro: `
    FUNCTION LOAD ${LIBRARY}
    SET k v
    FCALL_RO peek 1 k
    FCALL_RO PEEK 1 k
    FCALL_RO put 1 k w
    FCALL_RO nosuch 0
    FCALL_RO peek 2 k
    GET k
    FUNCTION FLUSH
  `,
}
