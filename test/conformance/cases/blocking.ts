import type { Cases } from '../script.js'

/** What they answer when they need not wait, or in vain; who gets what when several wait is in waiting.test. */
export const blockingCases: Cases = {
  blmove: `
    RPUSH a{t} 1 2 3
    BLMOVE a{t} b{t} LEFT RIGHT 0
    BLMOVE a{t} b{t} right left 1.5
    BLMOVE a{t} a{t} LEFT RIGHT 0
    BLMOVE missing{t} b{t} LEFT LEFT 0.01
    BLMOVE a{t} b{t} LEFT UP x
    BLMOVE a{t} b{t} LEFT LEFT x
    BLMOVE a{t} b{t} LEFT LEFT -1
    SET s{t} v
    BLMOVE s{t} b{t} LEFT LEFT 0
    BLMOVE a{t} s{t} LEFT LEFT 0
    LRANGE a{t} 0 -1
    LRANGE b{t} 0 -1
    MULTI
    BLMOVE a{t} b{t} LEFT RIGHT 0
    BLMOVE missing{t} b{t} LEFT RIGHT 0
    BLMOVE a{t} b{t} LEFT RIGHT nan
    EXEC
  `,
  blmpop: `
    RPUSH a{t} 1 2 3
    RPUSH b{t} 4 5 6
    BLMPOP 0 2 missing{t} a{t} LEFT
    BLMPOP 0 1 b{t} right COUNT 2
    BLMPOP 0.01 1 missing{t} LEFT
    BLMPOP 0 2 a{t} b{t} LEFT COUNT 10
    BLMPOP 0 0 a{t} LEFT
    BLMPOP 0 x a{t} LEFT
    BLMPOP 0 1 a{t} UP
    BLMPOP 0 1 a{t} LEFT COUNT 0
    BLMPOP 0 1 a{t} LEFT COUNT 1 COUNT 2
    BLMPOP 0 2 a{t} LEFT
    BLMPOP x 1 a{t} LEFT
    BLMPOP -1 1 a{t} LEFT
    BLMPOP x 0 a{t} LEFT
    BLMPOP x 3 a{t} LEFT
    BLMPOP x 1 a{t} UP
    BLMPOP -1 1 a{t} LEFT COUNT
    BLMPOP -1 1 a{t} LEFT COUNT 0
    BLMPOP -1 1 a{t} LEFT COUNT 1 more
    BLMPOP -1 1 a{t} LEFT COUNT 1
    SET s{t} v
    BLMPOP 0 2 s{t} b{t} LEFT
    MULTI
    BLMPOP 0 1 b{t} LEFT
    BLMPOP 0 1 a{t} LEFT
    EXEC
  `,
  blpop: `
    RPUSH a{t} 1 2 3
    RPUSH b{t} 4 5 6
    BLPOP a{t} 0
    BLPOP missing{t} b{t} a{t} 0
    BLPOP missing{t} 0.01
    BLPOP missing{t} missing{t} 1e-2
    BLPOP a{t} inf
    BLPOP a{t} -inf
    BLPOP a{t} nan
    BLPOP a{t} 1e20
    BLPOP a{t} 9223372036854776
    BLPOP a{t} -0.5
    BLPOP a{t} ""
    BLPOP a{t} " 1"
    BLPOP a{t} "1 "
    BLPOP a{t} 1_0
    BLPOP a{t} abc
    BLPOP a{t} 0x1
    BLPOP a{t}
    SET s{t} v
    BLPOP missing{t} s{t} b{t} 0
    BLPOP b{t} s{t} 0
    MULTI
    BLPOP b{t} 0
    BLPOP b{t} 0
    BLPOP b{t} -1
    EXEC
  `,
  brpop: `
    RPUSH a{t} 1 2 3
    BRPOP a{t} 0
    BRPOP missing{t} a{t} 0
    BRPOP missing{t} 0.01
    BRPOP a{t} x
    SET s{t} v
    BRPOP s{t} 0
    MULTI
    BRPOP a{t} 0
    BRPOP a{t} 0
    EXEC
  `,
  brpoplpush: `
    RPUSH a{t} 1 2 3
    BRPOPLPUSH a{t} b{t} 0
    BRPOPLPUSH a{t} a{t} 0
    BRPOPLPUSH missing{t} b{t} 0.01
    BRPOPLPUSH a{t} b{t} x
    SET s{t} v
    BRPOPLPUSH s{t} b{t} 0
    BRPOPLPUSH a{t} s{t} 0
    LRANGE a{t} 0 -1
    LRANGE b{t} 0 -1
    MULTI
    BRPOPLPUSH a{t} b{t} 0
    BRPOPLPUSH missing{t} b{t} 0
    EXEC
  `,
  bzmpop: `
    ZADD a{t} 1 x 2 y 3.5 z
    ZADD b{t} 1 x 2 y 3 z
    BZMPOP 0 2 missing{t} a{t} MIN
    BZMPOP 0 1 b{t} max COUNT 2
    BZMPOP 0.01 1 missing{t} MIN
    BZMPOP 0 1 a{t} UP
    BZMPOP 0 1 a{t} MIN COUNT 0
    BZMPOP x 0 a{t} MIN
    BZMPOP x 1 a{t} LEFT
    BZMPOP -1 1 a{t} MAX COUNT x
    BZMPOP -1 1 a{t} max count 2
    BZMPOP x 1 a{t} MIN
    SET s{t} v
    BZMPOP 0 2 s{t} b{t} MIN
    MULTI
    BZMPOP 0 1 a{t} MIN
    BZMPOP 0 1 missing{t} MIN
    EXEC
  `,
  bzpopmax: `
    ZADD a{t} 1 x 2 y 3.5 z inf w
    BZPOPMAX a{t} 0
    BZPOPMAX missing{t} a{t} 0
    BZPOPMAX missing{t} 0.01
    BZPOPMAX a{t} x
    RPUSH l{t} v
    BZPOPMAX l{t} a{t} 0
    MULTI
    BZPOPMAX a{t} 0
    BZPOPMAX missing{t} 0
    EXEC
  `,
  bzpopmin: `
    ZADD a{t} 1 x 2.25 y 3.5 z
    BZPOPMIN a{t} 0
    BZPOPMIN missing{t} a{t} 0
    BZPOPMIN missing{t} 0.01
    BZPOPMIN a{t} -1
    RPUSH l{t} v
    BZPOPMIN a{t} l{t} 0
    BZPOPMIN a{t} l{t} 0
    MULTI
    BZPOPMIN a{t} 0
    EXEC
  `,
}
