import type { Cases } from '../script.js'

export const listCases: Cases = {
  lindex: `
    RPUSH k a b c
    LINDEX k 0
    LINDEX k -1
    LINDEX k 3
    LINDEX k -4
    LINDEX k x
    LINDEX k 99999999999999999999
    LINDEX missing 0
    SET s v
    LINDEX s 0
  `,
  linsert: `
    RPUSH k a c
    LINSERT k BEFORE c b
    LINSERT k after c d
    LINSERT k BEFORE nosuch x
    LINSERT k BESIDE a x
    LINSERT missing BEFORE a x
    LRANGE k 0 -1
    SET s v
    LINSERT s BEFORE a b
  `,
  llen: `
    RPUSH k a b c
    LLEN k
    LLEN missing
    SET s v
    LLEN s
  `,
  lmove: `
    RPUSH a{t} 1 2 3
    LMOVE a{t} b{t} LEFT RIGHT
    LMOVE a{t} b{t} right left
    LMOVE a{t} a{t} LEFT LEFT
    LMOVE a{t} b{t} LEFT LEFT
    LMOVE a{t} b{t} LEFT LEFT
    LRANGE b{t} 0 -1
    EXISTS a{t}
    LMOVE b{t} b{t} LEFT RIGHT
    LMOVE b{t} a{t} UP DOWN
    LMOVE b{t} a{t} LEFT DOWN
    SET s{t} v
    LMOVE b{t} s{t} LEFT LEFT
    LMOVE s{t} b{t} LEFT LEFT
    LMOVE missing{t} s{t} LEFT LEFT
    RPUSH a1 1 2 3
    LMOVE a1 b2345 LEFT RIGHT
    LMOVE a1 b2345 right left
    LRANGE b2345 0 -1
    LRANGE a1 0 -1
    LMOVE a1 b2345 LEFT LEFT
    LMOVE a1 b2345 LEFT LEFT
    EXISTS a1 b2345
    LMOVE b2345 a1 UP DOWN
    LMOVE a1 b2345 LEFT DOWN
    SET a1 text
    LMOVE b2345 a1 LEFT LEFT
    LMOVE a1 b2345 LEFT LEFT
    LRANGE b2345 0 -1
    DEL b2345
    LMOVE b2345 a1 LEFT LEFT
    LMOVE b2345 a1 LEFT
    LMOVE b2345 a1 LEFT LEFT LEFT
    GET a1
  `,
  lmpop: `
    RPUSH a{t} 1 2 3 4
    RPUSH b{t} 5 6
    LMPOP 1 a{t} LEFT
    LMPOP 2 missing{t} a{t} RIGHT COUNT 2
    LMPOP 2 a{t} b{t} left count 10
    LMPOP 2 a{t} b{t} LEFT COUNT 10
    LMPOP 2 a{t} b{t} LEFT
    LMPOP 0 a{t} LEFT
    LMPOP -1 a{t} LEFT
    LMPOP x a{t} LEFT
    LMPOP 3 a{t} LEFT
    LMPOP 1 a{t} UP
    LMPOP 1 a{t} LEFT COUNT 0
    LMPOP 1 a{t} LEFT COUNT -1
    LMPOP 1 a{t} LEFT COUNT
    LMPOP 1 a{t} LEFT COUNT 1 COUNT 1
    LMPOP 1 a{t} LEFT NOSUCH
    SET s{t} v
    LMPOP 1 s{t} LEFT
    LMPOP 2 s{t} b{t} LEFT
    RPUSH b2345 1 2 3
    LMPOP 2 a1 b2345 LEFT
    LMPOP 3 a1 b2345 a1 right COUNT 10
    LMPOP 2 a1 b2345 LEFT
    LMPOP 2 a1 b2345 UP
    LMPOP 2 a1 b2345
    LMPOP 3 a1 b2345 LEFT
    LMPOP 2 a1 b2345 COUNT 1 LEFT
    LMPOP 2 a1 b2345 LEFT COUNT 0 more
    LMPOP 2 a1 b2345 LEFT COUNT 1 more
    LMPOP 2 a1 b2345 LEFT COUNT
    LMPOP 2 a1 b2345 LEFT COUNT 0
    LMPOP 2 a1 b2345 LEFT COUNT 9223372036854775808
    LMPOP 2 a1 b2345 LEFT COUNT
    LMPOP 2 a1 b2345 LEFT COUNT 1 COUNT 1
    RPUSH a1 x
    SET b2345 text
    LMPOP 2 a1 b2345 LEFT COUNT 9223372036854775807
    LMPOP 2 a1 b2345 LEFT
    LMPOP 2 b2345 a1 LEFT
    LMPOP 2 b2345 a1 LEFT COUNT x
  `,
  lpop: `
    RPUSH k a b c d e
    LPOP k
    LPOP k 2
    LPOP k 0
    LPOP k 100
    LPOP k
    LPOP k 2
    LPOP k 0
    LPOP missing
    LPOP missing 1
    LPOP missing 0
    RPUSH k a
    LPOP k -1
    LPOP k x
    LPOP k 99999999999999999999
    EXISTS k
    SET s v
    LPOP s
    LPOP s 1
    LPOP s 0
  `,
  lpos: `
    RPUSH k a b c 1 2 3 c c
    LPOS k c
    LPOS k c RANK 2
    LPOS k c RANK -1
    LPOS k c COUNT 2
    LPOS k c COUNT 0
    LPOS k c RANK -1 COUNT 2
    LPOS k c MAXLEN 3
    LPOS k c MAXLEN 2 COUNT 0
    LPOS k nosuch
    LPOS k nosuch COUNT 1
    LPOS missing a
    LPOS missing a COUNT 1
    LPOS k c RANK 0
    LPOS k c RANK -9223372036854775808
    LPOS k c COUNT -1
    LPOS k c MAXLEN -1
    LPOS k c RANK x
    LPOS k c RANK
    LPOS k c NOSUCH 1
    SET s v
    LPOS s a
  `,
  lpush: String.raw`
    LPUSH k a
    LPUSH k b c d
    LPUSH k "" "\x00\r\n"
    LRANGE k 0 -1
    SET s v
    LPUSH s a
  `,
  lpushx: `
    LPUSHX k a
    EXISTS k
    RPUSH k x
    LPUSHX k a b
    LRANGE k 0 -1
    SET s v
    LPUSHX s a
  `,
  lrange: `
    RPUSH k a b c d
    LRANGE k 0 -1
    LRANGE k 1 2
    LRANGE k -2 -1
    LRANGE k 2 1
    LRANGE k 10 20
    LRANGE k -100 100
    LRANGE k x 1
    LRANGE k 0 99999999999999999999
    LRANGE missing 0 -1
    SET s v
    LRANGE s 0 -1
  `,
  lrem: `
    RPUSH k a b a c a d a
    LREM k 1 a
    LREM k -1 a
    LREM k 0 a
    LREM k 0 nosuch
    LREM k x a
    LREM missing 0 a
    LRANGE k 0 -1
    SET s v
    LREM s 0 a
  `,
  lset: `
    RPUSH k a b c
    LSET k 0 x
    LSET k -1 z
    LSET k 3 y
    LSET k -4 y
    LSET k x y
    LSET missing 0 x
    LRANGE k 0 -1
    SET s v
    LSET s 0 x
  `,
  ltrim: `
    RPUSH k a b c d e
    LTRIM k 1 3
    LRANGE k 0 -1
    LTRIM k 0 -2
    LTRIM k x 1
    LTRIM k 5 10
    EXISTS k
    LTRIM missing 0 1
    SET s v
    LTRIM s 0 1
  `,
  rpop: `
    RPUSH k a b c d e
    RPOP k
    RPOP k 2
    RPOP k 0
    RPOP k 100
    RPOP k
    RPOP missing 1
    RPOP missing 0
    RPUSH k a
    RPOP k -1
    RPOP k x
    SET s v
    RPOP s
    RPOP s 0
  `,
  rpoplpush: `
    RPUSH a{t} 1 2
    RPOPLPUSH a{t} b{t}
    RPOPLPUSH a{t} a{t}
    RPOPLPUSH a{t} b{t}
    RPOPLPUSH a{t} b{t}
    LRANGE b{t} 0 -1
    SET s{t} v
    RPOPLPUSH b{t} s{t}
    RPOPLPUSH s{t} b{t}
    RPOPLPUSH missing{t} s{t}
    RPUSH a1 1 2
    RPOPLPUSH a1 b2345
    RPOPLPUSH a1 b2345
    RPOPLPUSH a1 b2345
    LRANGE b2345 0 -1
    SET a1 text
    RPOPLPUSH a1 b2345
    RPOPLPUSH b2345 a1
  `,
  rpush: `
    RPUSH k a
    RPUSH k b c d
    RPUSH k 1 -5 9223372036854775807 1.5
    LRANGE k 0 -1
    SET s v
    RPUSH s a
  `,
  rpushx: `
    RPUSHX k a
    RPUSH k x
    RPUSHX k a b
    LRANGE k 0 -1
    SET s v
    RPUSHX s a
  `,
}
