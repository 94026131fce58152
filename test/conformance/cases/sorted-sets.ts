import type { Cases } from '../script.js'

export const sortedSetCases: Cases = {
  zadd: `
    ZADD k 1 a
    ZADD k 2 b 3 c 1.5 a
    ZADD k NX 9 a 4 d
    ZADD k XX 9 a 5 e
    ZADD k GT 1 a
    ZADD k LT 1 a
    ZADD k CH 2 a 7 f
    ZADD k INCR 5 a
    ZADD k XX INCR 5 nosuch
    ZADD k NX INCR 5 a
    ZADD k GT CH 1 a 100 b
    ZADD k inf i -inf j +inf l
    ZADD k INCR -inf i
    ZADD k nan x
    ZADD k x y
    ZADD k 1
    ZADD k 1 a 2
    ZADD k NX XX 1 a
    ZADD k GT LT 1 a
    ZADD k NX GT 1 a
    ZADD k INCR 1 a 2 b
    ZADD k NOSUCH 1 a
    ZADD k 1e300 big 0.1 tenth 1e-7 small
    ZRANGE k 0 -1 WITHSCORES
    SET s v
    ZADD s 1 a
  `,
  zcard: `
    ZADD k 1 a 2 b
    ZCARD k
    ZCARD missing
    SET s v
    ZCARD s
  `,
  zcount: `
    ZADD k 1 a 2 b 3 c
    ZCOUNT k -inf +inf
    ZCOUNT k 1 2
    ZCOUNT k (1 2
    ZCOUNT k (1 (2
    ZCOUNT k 5 1
    ZCOUNT k x 1
    ZCOUNT k (x 1
    ZCOUNT missing 0 1
    SET s v
    ZCOUNT s 0 1
  `,
  zincrby: `
    ZINCRBY k 5 a
    ZINCRBY k -1.5 a
    ZINCRBY k inf a
    ZINCRBY k -inf a
    ZINCRBY k x a
    ZINCRBY k nan a
    ZSCORE k a
    SET s v
    ZINCRBY s 1 a
  `,
  zlexcount: `
    ZADD k 0 a 0 b 0 c
    ZLEXCOUNT k - +
    ZLEXCOUNT k [a (c
    ZLEXCOUNT k + -
    ZLEXCOUNT k a c
    ZLEXCOUNT missing - +
    SET s v
    ZLEXCOUNT s - +
  `,
  zmpop: `
    ZADD a{t} 1 a 2 b 3 c 4 d
    ZADD b{t} 5 e
    ZMPOP 1 a{t} MIN
    ZMPOP 2 missing{t} a{t} MAX COUNT 2
    ZMPOP 2 a{t} b{t} min count 10
    ZMPOP 2 a{t} b{t} MIN
    ZMPOP 2 a{t} b{t} MIN
    ZMPOP 0 a{t} MIN
    ZMPOP x a{t} MIN
    ZMPOP 3 a{t} MIN
    ZMPOP 1 a{t} MIDDLE
    ZMPOP 1 a{t} MIN COUNT 0
    ZMPOP 1 a{t} MIN COUNT x
    ZMPOP 1 a{t} MIN COUNT
    SET s{t} v
    ZMPOP 1 s{t} MIN
    ZADD b2345 1 a 2 b 3.5 c
    ZMPOP 2 a1 b2345 MIN
    ZMPOP 2 a1 b2345 max COUNT 10
    ZMPOP 2 a1 b2345 MIN
    ZMPOP 2 a1 b2345 MIDDLE
    ZMPOP 2 a1 b2345 MIN COUNT 0
    SET b2345 text
    ZMPOP 2 a1 b2345 MIN
    ZADD a1 1 x
    ZMPOP 2 a1 b2345 MIN
    ZMPOP 2 a1 b2345 MIN COUNT 0 more
  `,
  zmscore: `
    ZADD k 1 a 2.5 b
    ZMSCORE k a
    ZMSCORE k a nosuch b
    ZMSCORE missing a b
    SET s v
    ZMSCORE s a
  `,
  zpopmax: `
    ZADD k 1 a 2 b 3 c 4.5 d
    ZPOPMAX k
    ZPOPMAX k 2
    ZPOPMAX k 0
    ZPOPMAX k 10
    ZPOPMAX k
    ZPOPMAX missing 2
    ZPOPMAX k -1
    ZPOPMAX k x
    ZPOPMAX k 1 2
    SET s v
    ZPOPMAX s
  `,
  zpopmin: `
    ZADD k 1 a 2 b 3 c 4.5 d
    ZPOPMIN k
    ZPOPMIN k 2
    ZPOPMIN k 0
    ZPOPMIN k 10
    ZPOPMIN k
    ZPOPMIN missing 2
    ZPOPMIN k -1
    ZPOPMIN k x
    SET s v
    ZPOPMIN s
  `,
  zrandmember: `
    ZADD k 1.5 only
    ZRANDMEMBER k
    ZRANDMEMBER k 1
    ZRANDMEMBER k 5
    ZRANDMEMBER k -3
    ZRANDMEMBER k 1 WITHSCORES
    ZRANDMEMBER k -2 WITHSCORES
    ZRANDMEMBER k 0
    ZRANDMEMBER missing
    ZRANDMEMBER missing 1 WITHSCORES
    ZRANDMEMBER k x
    ZRANDMEMBER k 1 NOSUCH
    ZADD many 1 m1 2 m2 3 m3 4 m4
    ~numbers ZRANDMEMBER many
    ~numbers ZRANDMEMBER many 2 WITHSCORES
    ~numbers ZRANDMEMBER many -6 WITHSCORES
    SET s v
    ZRANDMEMBER s
  `,
  zrange: `
    ZADD k 1 a 2 b 3.25 c 4 d
    ZRANGE k 0 -1
    ZRANGE k 0 -1 WITHSCORES
    ZRANGE k 1 2 REV
    ZRANGE k 1 2 REV WITHSCORES
    ZRANGE k (1 +inf BYSCORE
    ZRANGE k (1 +inf BYSCORE LIMIT 1 2 WITHSCORES
    ZRANGE k +inf (1 BYSCORE REV LIMIT 0 -1
    ZRANGE k - + BYLEX
    ZRANGE k [b (d BYLEX LIMIT 0 1
    ZRANGE k + - BYLEX REV
    ZRANGE k 5 10
    ZRANGE k 2 1
    ZRANGE missing 0 -1
    ZRANGE missing 0 -1 WITHSCORES
    ZRANGE k x 1
    ZRANGE k 0 -1 LIMIT 0 1
    ZRANGE k x 1 BYSCORE
    ZRANGE k a b BYLEX
    ZRANGE k 0 -1 BYLEX WITHSCORES
    ZRANGE k 0 -1 NOSUCH
    ZRANGE k 0 1 BYSCORE LIMIT 0
    ZRANGE k 0 1 BYSCORE LIMIT x 1
    SET s v
    ZRANGE s 0 -1
  `,
  zrangebylex: `
    ZADD k 0 a 0 b 0 c 0 d
    ZRANGEBYLEX k - +
    ZRANGEBYLEX k [b (d
    ZRANGEBYLEX k - + LIMIT 1 2
    ZRANGEBYLEX k - + LIMIT 0 -1
    ZRANGEBYLEX k + -
    ZRANGEBYLEX k a b
    ZRANGEBYLEX k - + LIMIT 1
    ZRANGEBYLEX k - + WITHSCORES
    ZRANGEBYLEX missing - +
    SET s v
    ZRANGEBYLEX s - +
  `,
  zrangebyscore: `
    ZADD k 1 a 2 b 3 c 4.5 d
    ZRANGEBYSCORE k -inf +inf
    ZRANGEBYSCORE k (1 3 WITHSCORES
    ZRANGEBYSCORE k -inf +inf LIMIT 1 2
    ZRANGEBYSCORE k -inf +inf WITHSCORES LIMIT 1 1
    ZRANGEBYSCORE k 3 1
    ZRANGEBYSCORE k x 1
    ZRANGEBYSCORE k 0 1 LIMIT 1
    ZRANGEBYSCORE k 0 1 NOSUCH
    ZRANGEBYSCORE missing 0 1
    SET s v
    ZRANGEBYSCORE s 0 1
  `,
  zrank: `
    ZADD k 1 a 2 b
    ZRANK k a
    ZRANK k b
    ZRANK k nosuch
    ZRANK missing a
    ZRANK k a WITHSCORE
    SET s v
    ZRANK s a
  `,
  zrem: `
    ZADD k 1 a 2 b 3 c
    ZREM k a
    ZREM k a b nosuch
    ZREM k c
    EXISTS k
    ZREM missing a
    SET s v
    ZREM s a
  `,
  zremrangebylex: `
    ZADD k 0 a 0 b 0 c 0 d
    ZREMRANGEBYLEX k [b (d
    ZREMRANGEBYLEX k a b
    ZREMRANGEBYLEX k - +
    EXISTS k
    ZREMRANGEBYLEX missing - +
    SET s v
    ZREMRANGEBYLEX s - +
  `,
  zremrangebyrank: `
    ZADD k 1 a 2 b 3 c 4 d
    ZREMRANGEBYRANK k 1 2
    ZREMRANGEBYRANK k x 1
    ZREMRANGEBYRANK k 5 10
    ZREMRANGEBYRANK k 0 -1
    EXISTS k
    ZREMRANGEBYRANK missing 0 -1
    SET s v
    ZREMRANGEBYRANK s 0 -1
  `,
  zremrangebyscore: `
    ZADD k 1 a 2 b 3 c 4 d
    ZREMRANGEBYSCORE k (1 3
    ZREMRANGEBYSCORE k x 1
    ZREMRANGEBYSCORE k -inf +inf
    EXISTS k
    ZREMRANGEBYSCORE missing 0 1
    SET s v
    ZREMRANGEBYSCORE s 0 1
  `,
  zrevrange: `
    ZADD k 1 a 2 b 3.5 c
    ZREVRANGE k 0 -1
    ZREVRANGE k 0 -1 WITHSCORES
    ZREVRANGE k 0 1 NOSUCH
    ZREVRANGE k x 1
    ZREVRANGE missing 0 -1
    SET s v
    ZREVRANGE s 0 -1
  `,
  zrevrangebylex: `
    ZADD k 0 a 0 b 0 c
    ZREVRANGEBYLEX k + -
    ZREVRANGEBYLEX k (c [a LIMIT 0 1
    ZREVRANGEBYLEX k - +
    ZREVRANGEBYLEX k c a
    ZREVRANGEBYLEX missing + -
    SET s v
    ZREVRANGEBYLEX s + -
  `,
  zrevrangebyscore: `
    ZADD k 1 a 2 b 3.5 c
    ZREVRANGEBYSCORE k +inf -inf
    ZREVRANGEBYSCORE k (3.5 1 WITHSCORES
    ZREVRANGEBYSCORE k +inf -inf LIMIT 1 1 WITHSCORES
    ZREVRANGEBYSCORE k x 1
    ZREVRANGEBYSCORE missing 1 0
    SET s v
    ZREVRANGEBYSCORE s 1 0
  `,
  zrevrank: `
    ZADD k 1 a 2 b
    ZREVRANK k a
    ZREVRANK k nosuch
    ZREVRANK missing a
    SET s v
    ZREVRANK s a
  `,
  zscan: `
    ZADD k 1 a 2.5 b 3 c
    ZSCAN k 0
    ZSCAN k 0 MATCH [ab]
    ZSCAN missing 0
    ZSCAN k x
    ZSCAN k 0 COUNT 0
    SET s v
    ZSCAN s 0
    ZADD big 1 "a member that is longer than sixty-four bytes, so that the sorted set has a table" 2 m2 3 m3 4 m4 5 m5 6 m6
    ~scan ZSCAN big 0 COUNT 2
    ~scan ZSCAN big 0 MATCH m*
  `,
  zscore: `
    ZADD k 1 a 2.5 b inf c 1e300 d 0.1 e
    ZSCORE k a
    ZSCORE k b
    ZSCORE k c
    ZSCORE k d
    ZSCORE k e
    ZSCORE k nosuch
    ZSCORE missing a
    SET s v
    ZSCORE s a
  `,
}
