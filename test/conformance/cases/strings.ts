import type { Cases } from '../script.js'

export const stringCases: Cases = {
  append: String.raw`
    APPEND k hello
    APPEND k " world"
    APPEND k ""
    APPEND new ""
    EXISTS new
    APPEND k "\x00\r\n\xff"
    GET k
    SET n 10
    APPEND n 5
    INCR n
    RPUSH l a
    APPEND l x
  `,
  decr: `
    DECR k
    DECR k
    SET k 10
    DECR k
    SET k -9223372036854775808
    DECR k
    SET k abc
    DECR k
    SET k " 1"
    DECR k
    RPUSH l a
    DECR l
  `,
  decrby: `
    DECRBY k 5
    DECRBY k -7
    DECRBY k 0
    DECRBY k x
    DECRBY k 1.5
    DECRBY k 9223372036854775807
    DECRBY k 9223372036854775807
    DECRBY k -9223372036854775808
    DECRBY k 9223372036854775808
    RPUSH l a
    DECRBY l 1
  `,
  get: String.raw`
    SET k v
    GET k
    GET missing
    SET "" empty-key
    GET ""
    SET "\x00\r\n\xc3\xa9" "\x00\r\n\xff"
    GET "\x00\r\n\xc3\xa9"
    SET __proto__ "$5\r\nhello\r\n"
    GET __proto__
    GET constructor
    SET e ""
    GET e
    HSET h f v
    GET h
  `,
  getdel: `
    SET k v
    GETDEL k
    GETDEL k
    EXISTS k
    RPUSH l a
    GETDEL l
  `,
  getex: `
    SET k v
    GETEX k EX 100
    ~ttl PTTL k
    GETEX k PX 100000
    ~ttl PTTL k
    GETEX k EXAT 4102444800
    PEXPIRETIME k
    GETEX k PXAT 4102444800123
    PEXPIRETIME k
    GETEX k
    PEXPIRETIME k
    GETEX k PERSIST
    TTL k
    GETEX k EX 0
    GETEX k EX -5
    GETEX k PX x
    GETEX k EX 9223372036854775807
    GETEX k EX 10 PX 10
    GETEX k EX 10 PERSIST
    GETEX k KEEPTTL
    GETEX k NX
    GETEX k EX
    GETEX missing EX 10
    GETEX missing EX x
    GETEX k PXAT 1
    EXISTS k
    RPUSH l a
    GETEX l EX 10
    GETEX l
    TTL l
  `,
  getrange: `
    SET k "This is a string"
    GETRANGE k 0 3
    GETRANGE k -3 -1
    GETRANGE k 0 -1
    GETRANGE k 10 100
    GETRANGE k 5 3
    GETRANGE k 100 200
    GETRANGE k -100 -200
    GETRANGE k x 1
    GETRANGE k 0 99999999999999999999
    SET n 12345
    GETRANGE n 1 2
    GETRANGE missing 0 -1
    RPUSH l a
    GETRANGE l 0 1
  `,
  getset: `
    GETSET k one
    GETSET k two
    SET e v EX 100
    GETSET e w
    TTL e
    RPUSH l a
    GETSET l x
  `,
  incr: `
    INCR k
    INCR k
    SET k 9223372036854775807
    INCR k
    SET k 1.5
    INCR k
    SET k ""
    INCR k
    SET k 0012
    INCR k
    RPUSH l a
    INCR l
  `,
  incrby: `
    INCRBY k 5
    INCRBY k -10
    INCRBY k x
    INCRBY k ""
    INCRBY k 9223372036854775807
    INCRBY k 9223372036854775807
    RPUSH l a
    INCRBY l 1
  `,
  incrbyfloat: `
    INCRBYFLOAT k 10.5
    INCRBYFLOAT k 0.1
    INCRBYFLOAT k -5
    INCRBYFLOAT k 5.0e3
    INCRBYFLOAT k 1e-7
    GET k
    INCRBYFLOAT k x
    INCRBYFLOAT k inf
    INCRBYFLOAT k nan
    INCRBYFLOAT k " 1"
    SET s abc
    INCRBYFLOAT s 1
    SET i 10
    INCRBYFLOAT i 1e400
    INCRBYFLOAT i 3
    RPUSH l a
    INCRBYFLOAT l 1
  `,
  lcs: `
    SET a{t} ohmytext
    SET b{t} mynewtext
    LCS a{t} b{t}
    LCS a{t} b{t} LEN
    LCS a{t} b{t} IDX
    LCS a{t} b{t} IDX MINMATCHLEN 4
    LCS a{t} b{t} IDX MINMATCHLEN 4 WITHMATCHLEN
    LCS a{t} b{t} IDX LEN
    LCS a{t} b{t} MINMATCHLEN
    LCS a{t} b{t} NOSUCH
    LCS a{t} missing{t}
    LCS missing{t} none{t} IDX
    RPUSH l{t} a
    LCS a{t} l{t}
  `,
  mget: String.raw`
    MSET a 1 b 2 c 3
    MGET a b c
    MGET a
    MGET a missing b a none c
    MGET missing
    RPUSH l x
    MGET a l b
    MGET a{t} b{t}
    MSET e "" bin "\x00\r\n$-1\r\n"
    MGET e bin e missing bin
    MGET k1 k2 k3 k4 k5 k6 k7 k8 k9 a b c
  `,
  mset: String.raw`
    MSET a 1 b 2 c 3 d 4 e 5
    MGET a b c d e
    MSET a x
    MSET a 1 a 2 a 3
    GET a
    MSET a
    MSET a 1 b
    RPUSH l x
    MSET l now b string
    TYPE l
    SET t v EX 100
    MSET t w
    TTL t
    MSET a{t} 1 b{t} 2
    MSET "" empty "\r\n" crlf
    MGET "" "\r\n"
  `,
  msetnx: `
    MSETNX a{t} 1 b{t} 2
    MSETNX b{t} 3 c{t} 4
    MGET a{t} b{t} c{t}
    MSETNX a{t}
    MSETNX a{t} 1 b{t}
    MSETNX x{t} 1 x{t} 2
    GET x{t}
    MSETNX single 1
    MSETNX a 1 b 2 c 3 d 4 e 5 f
    MSETNX a 1 b 2 c 3 d 4 e 5 f 6
    MGET a b c d e f
    MSETNX g 1 h 2 i 3 j 4 a 5
    EXISTS g h i j
    MSETNX g 1 h 2 i 3 j 4 g 5
    MGET g h i j
    RPUSH list 1
    MSETNX x 1 y 2 list 3
    EXISTS x y
    EXISTS a b c d e f
  `,
  psetex: `
    PSETEX k 100000 v
    ~ttl PTTL k
    GET k
    PSETEX k 0 v
    PSETEX k -1 v
    PSETEX k x v
    PSETEX k 1.5 v
    PSETEX k 9223372036854775807 v
    RPUSH l a
    PSETEX l 100000 v
    TYPE l
  `,
  set: `
    SET k v
    SET k v2 NX
    SET k v2 XX
    SET new v XX
    SET new v NX
    SET k v3 GET
    SET none v3 GET
    SET k v4 EX 100
    ~ttl PTTL k
    SET k v5 KEEPTTL
    ~ttl PTTL k
    SET k v6 PX 100000
    ~ttl PTTL k
    SET k v7 EXAT 4102444800
    PEXPIRETIME k
    SET k v8 PXAT 4102444800123
    PEXPIRETIME k
    SET k v9
    TTL k
    SET k v XX GET
    SET k w NX GET
    SET nothing w NX GET
    SET k v ex 100 get xx
    ~ttl PTTL k
    SET k v EX 100 EX 200
    ~ttl PTTL k
    SET k v EX 0
    SET k v EX -1
    SET k v PX x
    SET k v EX 1.5
    SET k v EX 9223372036854775807
    SET k v PX 9223372036854775807
    SET k v EX
    SET k v EX 10 PX 10
    SET k v EX 10 KEEPTTL
    SET k v KEEPTTL EX 10
    SET k v NX XX
    SET k v NOSUCH
    SET k v PERSIST
    SET k v PXAT 1
    EXISTS k
    RPUSH l a
    SET l v GET
    SET l v NX
    SET l v EX 100 GET
    SET l v EX 100
    ~ttl PTTL l
    TYPE l
    SET l ""
    GET l
  `,
  setex: `
    SETEX k 100 v
    ~ttl PTTL k
    GET k
    SETEX k 0 v
    SETEX k -5 v
    SETEX k x v
    SETEX k 9223372036854775807 v
    SETEX k 9223372036854775 v
    SETEX k 99999999999999999999 v
    RPUSH l a
    SETEX l 100 v
    TYPE l
  `,
  setnx: `
    SETNX k v
    SETNX k w
    GET k
    RPUSH l a
    SETNX l v
  `,
  setrange: `
    SET k "Hello World"
    SETRANGE k 6 Redis
    GET k
    SETRANGE new 5 x
    GET new
    SETRANGE none 5 ""
    EXISTS none
    SETRANGE k -1 x
    SETRANGE k x y
    SETRANGE k 536870911 xx
    SETRANGE k 9223372036854775807 x
    RPUSH l a
    SETRANGE l 0 x
  `,
  strlen: String.raw`
    SET k "\x00\r\n"
    STRLEN k
    SET n 12345
    STRLEN n
    STRLEN missing
    RPUSH l a
    STRLEN l
  `,
  substr: `
    SET k "This is a string"
    SUBSTR k 0 3
    SUBSTR k -3 -1
    SUBSTR k x 1
    SUBSTR missing 0 1
    RPUSH l a
    SUBSTR l 0 1
  `,
}
