import type { Cases } from '../script.js'

/** What Redis 7.0 gives for DUMP of the string `hello`. */
const DUMPED_STRING = String.raw`"\x00\x05hello\n\x00cr\xdfve4 \n"`

const RESTORES = `
  RESTORE k 0 ${DUMPED_STRING}
  GET k
  TTL k
  RESTORE k 0 ${DUMPED_STRING}
  RESTORE k 100000 ${DUMPED_STRING} REPLACE
  RESTORE k 100000 ${DUMPED_STRING} REPLACE IDLETIME
  RESTORE k 100000 ${DUMPED_STRING} FREQ
  RESTORE k 100000 ${DUMPED_STRING} IDLETIME 5 REPLACE
  ~ttl PTTL k
  RESTORE k 4102444800123 ${DUMPED_STRING} REPLACE ABSTTL
  PEXPIRETIME k
  RESTORE k 0 ${DUMPED_STRING} REPLACE IDLETIME 100
  RESTORE k 50000 ${DUMPED_STRING} IDLETIME 100 replace
  ~ttl PTTL k
  RESTORE k 0 ${DUMPED_STRING} REPLACE FREQ 10
  RESTORE k 0 ${DUMPED_STRING} REPLACE FREQ 256
  RESTORE k 0 ${DUMPED_STRING} REPLACE IDLETIME -1
  RESTORE k -1 ${DUMPED_STRING} REPLACE
  RESTORE k x ${DUMPED_STRING} REPLACE
  RESTORE k 0 ${DUMPED_STRING} NOSUCH
  RESTORE k 100 ${DUMPED_STRING} REPLACE NOSUCH
  RESTORE k 0 garbage REPLACE
  RESTORE k 100 garbage REPLACE
  RESTORE k 1000 "" REPLACE
  RESTORE k 9223372036854775807 ${DUMPED_STRING} REPLACE
  RESTORE k 1 ${DUMPED_STRING} REPLACE ABSTTL
  EXISTS k
`

/** Keys of any type. */
export const keyCases: Cases = {
  copy: `
    SET a{t} v EX 1000
    COPY a{t} b{t}
    GET b{t}
    ~ttl PTTL b{t}
    SET a{t} w
    COPY a{t} b{t}
    COPY a{t} b{t} REPLACE
    GET b{t}
    COPY a{t} a{t}
    COPY a{t} b{t} DB 1
    COPY a{t} a{t} DB 1 REPLACE
    COPY missing{t} b{t}
    COPY a{t} b{t} DB 16
    COPY a{t} b{t} DB x
    COPY a{t} b{t} DB
    COPY a{t} b{t} NOSUCH
    COPY a{t} a{t} DB 0
    RPUSH l{t} a b c
    COPY l{t} a{t} REPLACE
    LRANGE a{t} 0 -1
    SELECT 1
    GET b{t}
    COPY a1 b2345
  `,
  del: `
    MSET a 1 b 2 c 3 d 4 e 5
    DEL a
    DEL a
    DEL b c missing d
    DEL e e
    RPUSH l x
    DEL l
    DEL missing
    MSET a{t} 1 b{t} 2
    DEL a{t} b{t} c{t}
    SET "" x
    DEL ""
  `,
  dump: `
    SET k hello
    DUMP k
    DUMP missing
    SET n 12345
    DUMP n
    RPUSH l a b c
    DUMP l
    HSET h f v g w
    DUMP h
    ZADD z 1 a 2 b
    DUMP z
    SADD s 1 2 3
    DUMP s
  `,
  exists: `
    MSET a 1 b 2 c 3
    EXISTS a
    EXISTS a a a
    EXISTS a b c d
    EXISTS missing
    EXISTS a{t} b{t}
  `,
  expire: `
    SET k v
    EXPIRE k 100
    ~ttl PTTL k
    EXPIRE k 200 NX
    EXPIRE k 200 XX
    EXPIRE k 100 GT
    EXPIRE k 300 gt
    EXPIRE k 400 LT
    EXPIRE k 50 LT
    ~ttl PTTL k
    EXPIRE k 100 NX XX
    EXPIRE k 100 GT LT
    EXPIRE k 100 NX GT
    EXPIRE k 100 XX GT
    EXPIRE k 100 NOSUCH
    EXPIRE k x
    EXPIRE k 1.5
    EXPIRE k 9223372036854775807
    EXPIRE k -9223372036854775808
    EXPIRE k 9223372036854775
    EXPIRE missing 100
    EXPIRE missing x
    SET p v
    EXPIRE p 100 GT
    EXPIRE p 100 XX
    EXPIRE p 100 LT
    ~ttl PTTL p
    EXPIRE k 0
    EXISTS k
    RPUSH l a
    EXPIRE l -1
    EXISTS l
  `,
  expireat: `
    SET k v
    EXPIREAT k 4102444800
    PEXPIRETIME k
    EXPIREAT k 4102444900 NX
    EXPIREAT k 4102444900 XX
    EXPIREAT k 4102444800 GT
    EXPIREAT k 4102444800 LT
    EXPIREAT k 4102444800 BAD
    EXPIREAT k x
    EXPIREAT k 9223372036854775807
    EXPIREAT missing 4102444800
    EXPIREAT k 1
    EXISTS k
  `,
  expiretime: `
    SET k v EXAT 4102444800
    EXPIRETIME k
    SET k v PXAT 4102444800999
    EXPIRETIME k
    SET k v
    EXPIRETIME k
    EXPIRETIME missing
  `,
  move: `
    SET k v
    MOVE k 1
    EXISTS k
    SET k again
    MOVE k 1
    MOVE k 0
    MOVE k 16
    MOVE k -1
    MOVE k x
    MOVE missing 1
    SELECT 1
    GET k
    MOVE k 2
    SELECT 2
    GET k
    RPUSH l a b
    EXPIREAT l 4102444800
    MOVE l 3
    SELECT 3
    LRANGE l 0 -1
    PEXPIRETIME l
  `,
  'object|encoding': `
    SET k 1
    OBJECT ENCODING k
    SET k short
    OBJECT ENCODING k
    SET k "a string that is longer than forty-four bytes, which makes it raw"
    OBJECT ENCODING k
    RPUSH l a
    OBJECT ENCODING l
    HSET h f v
    OBJECT ENCODING h
    SADD s 1 2
    OBJECT ENCODING s
    SADD s a
    OBJECT ENCODING s
    ZADD z 1 a
    OBJECT ENCODING z
    OBJECT ENCODING missing
    XADD x 1-1 f v
    OBJECT ENCODING x
  `,
  'object|freq': `
    SET k v
    OBJECT FREQ k
    OBJECT FREQ missing
  `,
  'object|help': 'OBJECT HELP',
  'object|idletime': `
    SET k v
    ~numbers OBJECT IDLETIME k
    OBJECT IDLETIME missing
  `,
  'object|refcount': `
    SET k v
    OBJECT REFCOUNT k
    SET n 5
    OBJECT REFCOUNT n
    OBJECT REFCOUNT missing
  `,
  persist: `
    SET k v EX 100
    PERSIST k
    PERSIST k
    TTL k
    PERSIST missing
  `,
  pexpire: `
    SET k v
    PEXPIRE k 100000
    ~ttl PTTL k
    PEXPIRE k 200000 NX
    PEXPIRE k 200000 XX
    PEXPIRE k 300000 GT
    PEXPIRE k 50000 LT
    ~ttl PTTL k
    PEXPIRE k 100000 NX LT
    PEXPIRE k x
    PEXPIRE k 9223372036854775807
    PEXPIRE k -9223372036854775808
    PEXPIRE missing 100
    PEXPIRE k -1
    EXISTS k
  `,
  pexpireat: `
    SET k v
    PEXPIREAT k 4102444800123
    PEXPIRETIME k
    PEXPIREAT k 4102444800124 NX
    PEXPIREAT k 4102444800124 GT
    PEXPIREAT k 4102444800000 LT
    PEXPIREAT k 4102444800000 XX NX
    PEXPIREAT k x
    PEXPIREAT missing 4102444800123
    PEXPIREAT k 5
    EXISTS k
  `,
  pexpiretime: `
    SET k v PXAT 4102444800123
    PEXPIRETIME k
    PERSIST k
    PEXPIRETIME k
    PEXPIRETIME missing
    SET k v EX 100
    ~ttl PEXPIRETIME k
  `,
  pttl: `
    SET k v PX 100000
    ~ttl PTTL k
    PERSIST k
    PTTL k
    PTTL missing
  `,
  rename: `
    SET a{t} v EX 1000
    RENAME a{t} b{t}
    GET b{t}
    ~ttl PTTL b{t}
    EXISTS a{t}
    RENAME a{t} b{t}
    RPUSH l{t} x
    RENAME l{t} b{t}
    TYPE b{t}
    TTL b{t}
    RENAME b{t} b{t}
    RENAME missing{t} missing{t}
    RENAME a1 b2345
    SET a1 v PX 100000000
    RENAME a1 b2345
    ~ttl PTTL b2345
    EXISTS a1
    RENAME a1 b2345
    RPUSH a1 x
    RENAME a1 b2345
    LRANGE b2345 0 -1
    TTL b2345
    RENAME b2345 c3
    RENAME c3 d4
    RENAME d4 e5
    LRANGE e5 0 -1
    EXISTS a1 b2345 c3 d4 e5
    XADD st1 1-1 f v
    XGROUP CREATE st1 g 0
    RENAME st1 st2
    XINFO GROUPS st2
  `,
  renamenx: `
    SET a{t} v
    RENAMENX a{t} b{t}
    SET a{t} w
    RENAMENX a{t} b{t}
    RENAMENX b{t} b{t}
    RENAMENX missing{t} b{t}
    GET b{t}
  `,
  restore: RESTORES,
  'restore-asking': RESTORES.replaceAll('RESTORE ', 'RESTORE-ASKING '),
  sort: `
    RPUSH k 3 1 2 10
    SORT k
    SORT k DESC
    SORT k ALPHA
    SORT k ALPHA DESC LIMIT 1 2
    SORT k LIMIT 0 2
    SORT k LIMIT 0
    SORT k LIMIT x 2
    SORT k NOSUCH
    RPUSH w b a c
    SORT w
    SORT w ALPHA
    SADD s 3 1 2
    SORT s
    ZADD z 5 1 4 2
    SORT z
    SORT missing
    RPUSH a{t} 3 1 2
    SORT a{t} STORE b{t}
    LRANGE b{t} 0 -1
    SORT missing{t} STORE b{t}
    EXISTS b{t}
    SET v x
    SORT v
    SORT k BY w_*
    SORT k GET o_*
    MSET w_1 30 w_2 20 w_3 10 o_1 one o_2 two o_10 ten w_10 x
    SORT k BY w_*
    DEL w_10
    SORT k BY w_*
    SORT k BY w_* DESC GET # GET o_* GET w_*
    SORT k BY w_* ALPHA LIMIT 1 2 GET o_*
    HSET h_1 f 3 g a
    HSET h_2 f 2 g b
    HSET h_3 f 1
    SORT k BY h_*->f
    SORT k BY h_*->f GET h_*->g GET #
    SORT k BY w_* GET h_*->
    SORT k BY w_* GET h_*->nosuch
    SORT k GET h_* GET w_*->f
    RPUSH l_1 a
    SORT k GET l_* GET o_*
    SORT k BY nosuch GET o_*
    SORT k BY w_* GET o_* STORE d
    LRANGE d 0 -1
    TTL d
    SORT k BY w_* STORE k2
    LRANGE k2 0 -1
    SORT k BY w_* GET
    SORT k BY w_* LIMIT 1
    SORT missing BY w_* GET o_*
    SORT missing BY w_* STORE d
    EXISTS d
    HSET hash f v
    SORT hash BY w_*
    SADD s2 1 2 3
    SORT s2 BY w_* GET o_*
    SORT s2 BY nosort GET o_* STORE s2
    TYPE s2
    ZADD z2 3 1 2 2 1 3
    SORT z2 BY nosort GET w_*
    SORT z2 BY nosort GET w_* DESC
    SORT k BY w_** GET o_*->*
    RPUSH e "" "a b" "*"
    MSET "w_" 3 "w_a b" 2 "w_*" 1
    SORT e BY w_* ALPHA GET # GET w_*
    SORT k BY nosort GET # STORE k2
    SORT a1 STORE b2345
    DEL k
    RPUSH k 3 1 2 1 4
    SORT k BY nosort GET w_* LIMIT 1 2
    SORT k BY nosort GET w_* GET # LIMIT 1 2 DESC
    SORT k DESC BY nosort LIMIT 0 9 GET w_* LIMIT 3 5
    SORT k BY w_* BY nosort BY w_* GET w_* LIMIT 0 2
    SORT k BY nosort GET w_* LIMIT -1 2
    SORT k BY nosort GET w_* LIMIT 3 -1
    SORT k BY nosort GET w_* LIMIT 9 2
    SORT k BY nosort GET w_* LIMIT 0 0
    SORT k BY nosort GET w_* LIMIT x 1
    SORT k BY nosort GET w_* LIMIT 1 99999999999
    SORT k BY nosort GET w_* LIMIT 99999999999 1
    SORT k BY w_* GET w_* LIMIT 1 2
    SORT k BY nosort GET w_* LIMIT 1 2 STORE b2345
    LRANGE b2345 0 -1
    SORT z2 BY nosort GET w_* LIMIT 1 1
    SORT z2 BY nosort GET w_* LIMIT 0 1 DESC
    SORT z2 BY nosort GET w_* LIMIT 2 5 DESC
    SORT s2 BY nosort GET o_* LIMIT 0 2
    SORT k GET w_* NOSUCH
    SORT k NOSUCH BY w_*
    SORT k BY w_* STORE b2345 NOSUCH
    SORT k BY w_* LIMIT x 2 NOSUCH
    SORT k GET w_* NOSUCH LIMIT x 2
    SADD s3 1 2 3 x y z
    ~unordered SORT s3 BY nosort
    ~unordered SORT s3 BY w_1 GET #
    ~unordered SORT s3 BY nosort ALPHA DESC
    ~unordered SORT s3 BY nosort GET o_* GET #
    ~numbers SORT s3 BY nosort LIMIT 2 0
    SORT s3 BY nosort NOSUCH
    SORT s3 BY nosort STORE k3
    LRANGE k3 0 -1
    SORT s3 BY nosort LIMIT 1 2 STORE k3
    LRANGE k3 0 -1
  `,
  sort_ro: `
    RPUSH k 3 1 2 10
    SORT_RO k
    SORT_RO k DESC LIMIT 0 2
    SORT_RO k ALPHA
    SORT_RO k STORE k
    SORT_RO k NOSUCH
    SORT_RO missing
    MSET w_1 3 w_2 2 w_3 1 w_10 0
    SORT_RO k BY w_*
    SORT_RO k BY w_* GET # GET w_*
    SORT_RO k BY w_* GET w_* STORE d
    EXISTS d
  `,
  touch: `
    MSET a 1 b 2 c 3
    TOUCH a
    TOUCH a b c d a
    TOUCH missing
  `,
  ttl: `
    SET k v EX 100
    TTL k
    SET k v EX 100 GET
    SET k v
    TTL k
    TTL missing
  `,
  type: `
    SET k v
    TYPE k
    RPUSH l a
    TYPE l
    SADD s a
    TYPE s
    ZADD z 1 a
    TYPE z
    HSET h f v
    TYPE h
    XADD x 1-1 f v
    TYPE x
    PFADD p a
    TYPE p
    TYPE missing
  `,
  unlink: `
    MSET a 1 b 2 c 3
    UNLINK a
    UNLINK a b c missing
    RPUSH l x
    UNLINK l
    EXISTS a b c l
  `,
  'memory|usage': `
    SET k v
    MEMORY USAGE k
    MEMORY USAGE missing
    MEMORY USAGE k SAMPLES 5
    MEMORY USAGE k SAMPLES 0
    MEMORY USAGE k SAMPLES -1
    MEMORY USAGE k SAMPLES x
    MEMORY USAGE k NOSUCH
    MEMORY USAGE k SAMPLES
  `,
}
