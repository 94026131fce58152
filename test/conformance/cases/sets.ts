import type { Cases } from '../script.js'

/** Sets and HyperLogLogs. */
export const setCases: Cases = {
  sadd: String.raw`
    SADD k a
    SADD k a b c
    SADD k "" "\x00\r\n"
    SCARD k
    SADD n 1 2 3
    SADD n 9223372036854775807
    SET s v
    SADD s a
  `,
  scard: `
    SADD k a b
    SCARD k
    SCARD missing
    SET s v
    SCARD s
  `,
  sdiff: `
    SADD a{t} 1 2 3
    SADD b{t} 2 x
    SDIFF a{t} b{t}
    SDIFF a{t}
    SDIFF a{t} missing{t}
    SDIFF missing{t} a{t}
    SDIFF a{t} a{t}
    SADD w{t} one two three
    ~unordered SDIFF w{t} b{t}
    SET s{t} v
    SDIFF a{t} s{t}
    SDIFF s{t} a{t}
    SDIFF a1 b2345
  `,
  sdiffstore: `
    SADD a{t} 1 2 3
    SADD b{t} 2
    SDIFFSTORE d{t} a{t} b{t}
    SMEMBERS d{t}
    SDIFFSTORE d{t} missing{t}
    EXISTS d{t}
    SET s{t} v
    SDIFFSTORE d{t} s{t}
    SDIFFSTORE s{t} a{t}
    TYPE s{t}
    SDIFFSTORE a1 b2345
  `,
  sinter: `
    SADD a{t} 1 2 3
    SADD b{t} 2 3 4
    SINTER a{t} b{t}
    SINTER a{t}
    SINTER a{t} missing{t}
    SADD w{t} one two three
    SADD v{t} two three four
    ~unordered SINTER w{t} v{t}
    SET s{t} v
    SINTER a{t} s{t}
    SINTER missing{t} s{t}
    SINTER a1 b2345
  `,
  sintercard: `
    SADD a{t} 1 2 3
    SADD b{t} 2 3 4
    SINTERCARD 2 a{t} b{t}
    SINTERCARD 2 a{t} b{t} LIMIT 1
    SINTERCARD 2 a{t} b{t} LIMIT 0
    SINTERCARD 1 a{t}
    SINTERCARD 0 a{t}
    SINTERCARD -1 a{t}
    SINTERCARD x a{t}
    SINTERCARD 3 a{t} b{t}
    SINTERCARD 2 a{t} b{t} LIMIT -1
    SINTERCARD 2 a{t} b{t} LIMIT x
    SINTERCARD 2 a{t} b{t} LIMIT
    SINTERCARD 2 a{t} b{t} NOSUCH
    SET s{t} v
    SINTERCARD 2 a{t} s{t}
    SINTERCARD 2 a1 b2345
  `,
  sinterstore: `
    SADD a{t} 1 2 3
    SADD b{t} 2 3 4
    SINTERSTORE d{t} a{t} b{t}
    SMEMBERS d{t}
    SINTERSTORE d{t} a{t} missing{t}
    EXISTS d{t}
    SET s{t} v
    SINTERSTORE d{t} a{t} s{t}
    SINTERSTORE s{t} a{t}
    SINTERSTORE a1 b2345
  `,
  sismember: `
    SADD k a
    SISMEMBER k a
    SISMEMBER k b
    SISMEMBER missing a
    SET s v
    SISMEMBER s a
  `,
  smembers: `
    SADD k 3 1 2
    SMEMBERS k
    SMEMBERS missing
    SADD w one two three
    ~unordered SMEMBERS w
    SET s v
    SMEMBERS s
  `,
  smismember: `
    SADD k a b
    SMISMEMBER k a
    SMISMEMBER k a x b
    SMISMEMBER missing a b
    SET s v
    SMISMEMBER s a
  `,
  smove: `
    SADD a{t} 1 2
    SMOVE a{t} b{t} 1
    SMOVE a{t} b{t} nosuch
    SMOVE a{t} a{t} 2
    SMOVE a{t} b{t} 2
    EXISTS a{t}
    SMOVE missing{t} b{t} 1
    SMEMBERS b{t}
    SET s{t} v
    SMOVE b{t} s{t} 1
    SMOVE s{t} b{t} 1
    SADD a1 1 2
    SMOVE a1 b2345 1
    SMOVE a1 b2345 nosuch
    SADD b2345 2
    SMOVE a1 b2345 2
    SMOVE a1 b2345 2
    EXISTS a1
    ~unordered SMEMBERS b2345
    SET a1 text
    SMOVE b2345 a1 1
    SMOVE b2345 a1 nosuch
    SMOVE a1 b2345 1
    DEL b2345
    SMOVE b2345 a1 1
  `,
  spop: `
    SADD k only
    SPOP k
    SPOP k
    EXISTS k
    SADD k a b c
    ~unordered SPOP k 10
    SPOP k 3
    SADD k a b c
    SPOP k 0
    SPOP k -1
    SPOP k x
    SPOP k 1 2
    SPOP missing
    SPOP missing 3
    SADD chosen m1 m2 m3 m4 m5 m6 m7 m8
    ~numbers SPOP chosen
    ~numbers SPOP chosen 3
    ~numbers SPOP chosen 1
    SCARD chosen
    SADD chosen2 1 2 3 4 5 6 7 8
    ~numbers SPOP chosen2
    ~numbers SPOP chosen2 6
    SET s v
    SPOP s
    SPOP s 2
    SPOP s 0
  `,
  srandmember: `
    SADD k only
    SRANDMEMBER k
    SRANDMEMBER k 1
    SRANDMEMBER k 5
    SRANDMEMBER k -3
    SRANDMEMBER k 0
    SRANDMEMBER missing
    SRANDMEMBER missing 2
    SRANDMEMBER k x
    SRANDMEMBER k 1 2
    SRANDMEMBER k -9223372036854775808
    SADD many m1 m2 m3 m4
    ~numbers SRANDMEMBER many
    ~numbers SRANDMEMBER many 2
    ~numbers SRANDMEMBER many -7
    ~unordered SRANDMEMBER many 10
    SET s v
    SRANDMEMBER s
  `,
  srem: `
    SADD k a b c
    SREM k a
    SREM k a b nosuch
    SREM k c
    EXISTS k
    SREM missing a
    SET s v
    SREM s a
  `,
  sscan: `
    SADD k 1 2 3
    SSCAN k 0
    SSCAN k 0 MATCH [12]
    SSCAN missing 0
    SSCAN k x
    SSCAN k 0 COUNT -1
    SSCAN k 0 NOSUCH 1
    SADD w m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12
    ~scan SSCAN w 0 COUNT 2
    ~scan SSCAN w 0 MATCH m1*
    SET s v
    SSCAN s 0
  `,
  sunion: `
    SADD a{t} 1 2
    SADD b{t} 2 3
    ~unordered SUNION a{t} b{t}
    SUNION missing{t}
    ~unordered SUNION a{t} missing{t} b{t} a{t}
    SET s{t} v
    SUNION a{t} s{t}
    SUNION a1 b2345
  `,
  sunionstore: `
    SADD a{t} 1 2
    SADD b{t} 2 3
    SUNIONSTORE d{t} a{t} b{t}
    SMEMBERS d{t}
    SUNIONSTORE d{t} missing{t}
    EXISTS d{t}
    SUNIONSTORE a{t} a{t} b{t}
    SET s{t} v
    SUNIONSTORE d{t} a{t} s{t}
    SUNIONSTORE a1 b2345
  `,

  pfadd: `
    PFADD k a b c
    PFADD k a
    PFADD k
    PFADD empty
    PFADD empty
    TYPE k
    SET s v
    PFADD s a
    RPUSH l a
    PFADD l a
  `,
  pfcount: `
    PFADD a{t} a b c
    PFADD b{t} c d
    PFCOUNT a{t}
    PFCOUNT a{t} b{t}
    PFCOUNT a{t}
    PFCOUNT missing{t}
    PFCOUNT missing{t} a{t}
    GET a{t}
    SET s{t} v
    PFCOUNT s{t}
    PFCOUNT a{t} s{t}
    RPUSH l{t} a
    PFCOUNT l{t}
    PFCOUNT a1 b2345
  `,
  pfmerge: `
    PFADD a{t} a b c
    PFADD b{t} c d
    PFMERGE d{t} a{t} b{t}
    PFCOUNT d{t}
    PFMERGE d{t}
    PFMERGE new{t}
    PFMERGE d{t} missing{t}
    SET s{t} v
    PFMERGE d{t} s{t}
    PFMERGE s{t} a{t}
    PFMERGE a1 b2345
  `,
}
