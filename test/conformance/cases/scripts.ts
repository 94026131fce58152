import type { Cases } from '../script.js'

/** Scripts; scripts.test.ts has what they say, do, and how they fail. */
export const scriptCases: Cases = {
  eval: `
    EVAL "return redis.call('incr',KEYS[1])" 1 k
    EVAL "return redis.call('incr',KEYS[1])" 1 k
    EVAL "return {KEYS,ARGV}" 2 {t}a {t}b c d
    EVAL "return 1" 0
    EVAL "return 1" 1
    EVAL "return 1" -1
    EVAL "return 1" x
    EVAL "return 1" 1.5
    EVAL "return"
    EVAL "a b" 0
    EVAL "return redis.call('get','k')" 0
    EVAL "redis.call('set','k','v') return redis.call('get','k')" 0
    EVAL "redis.call('lpush',KEYS[1],1) redis.call('incr',KEYS[1])" 1 l
    LRANGE l 0 -1
    MULTI
    EXEC
    SELECT 3
    EVAL "redis.call('set',KEYS[1],'three')" 1 k
    GET k
    SELECT 0
    GET k
  `,
  eval_ro: `
    SET k v
    EVAL_RO "return redis.call('get',KEYS[1])" 1 k
    EVAL_RO "return redis.call('set',KEYS[1],'w')" 1 k
    EVAL_RO "return redis.call('get','k')" 0
    EVAL_RO "return redis.pcall('del',KEYS[1])" 1 k
    EVAL_RO "return 1" 1
    EVAL_RO "a b" 0
    EVAL_RO "#!lua\nreturn 1" 1 k
    EVAL_RO "#!lua\nreturn 1" 2 k l
    EVAL_RO "#!lua flags=no-writes\nreturn 1" 2 k l
    EVAL_RO "#!lua\nreturn 1" 3 k l
    GET k
  `,
  evalsha: `
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    SCRIPT LOAD "return 1"
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db x
    EVALSHA 00e1f9fabfc9d4800c877a703b823ac0578ff8db x
    EVALSHA 00e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    EVALSHA abc 7
    EVALSHA abc
    EVAL "return redis.call('incr',KEYS[1])" 1 k
    EVALSHA 2bab3b661081db58bd2341920e0ba7cf5dc77b25 1 k
    SCRIPT FLUSH
    EVALSHA 2bab3b661081db58bd2341920e0ba7cf5dc77b25 1 k
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
  `,
  evalsha_ro: `
    SCRIPT LOAD "return redis.call('incr',KEYS[1])"
    EVALSHA_RO 2bab3b661081db58bd2341920e0ba7cf5dc77b25 1 k
    EXISTS k
    SCRIPT LOAD "return 1"
    EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 k
    EVALSHA_RO 00e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    SCRIPT FLUSH
  `,
  'script|load': `
    SCRIPT LOAD "return 1"
    SCRIPT LOAD "return 1"
    SCRIPT LOAD ""
    SCRIPT LOAD "a b"
    SCRIPT LOAD "\\n\\nreturn 1 1"
    SCRIPT LOAD "#!lua flags=nosuch\\nreturn 1"
    SCRIPT LOAD "#!python\\nreturn 1"
    SCRIPT LOAD "#!lua"
    SCRIPT LOAD "#!lua flags=no-writes,allow-oom\\nreturn 1"
    SCRIPT LOAD
    SCRIPT LOAD a b
    SCRIPT FLUSH
  `,
  'script|exists': `
    SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
    SCRIPT LOAD "return 1"
    SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc E0E1F9FABFC9D4800C877A703B823AC0578FF8DB
    EVAL "return 2" 0
    SCRIPT EXISTS 7f923f79fe76194c868d7e1d0820de36700eb649
    SCRIPT EXISTS
    SCRIPT FLUSH ASYNC
    SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
  `,
  'script|flush': `
    SCRIPT LOAD "return 1"
    SCRIPT FLUSH
    SCRIPT FLUSH SYNC
    SCRIPT FLUSH async
    SCRIPT FLUSH x
    SCRIPT FLUSH ASYNC x
  `,
  'script|kill': `
    SCRIPT KILL
    SCRIPT KILL now
  `,
}
