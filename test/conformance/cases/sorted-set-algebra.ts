import type { Cases } from '../script.js'

/** Commands on several sorted sets. */
export const sortedSetAlgebraCases: Cases = {
  zdiff: `
    ZADD a{t} 1 a 2 b 3 c
    ZADD b{t} 9 b
    ZDIFF 2 a{t} b{t}
    ZDIFF 2 a{t} b{t} WITHSCORES
    ZDIFF 1 a{t}
    ZDIFF 2 missing{t} a{t}
    ZDIFF 2 a{t} a{t} WITHSCORES
    ZDIFF 0 a{t}
    ZDIFF x a{t}
    ZDIFF 3 a{t} b{t}
    ZDIFF 2 a{t} b{t} NOSUCH
    SADD s{t} a
    ZDIFF 2 a{t} s{t}
    SET v{t} x
    ZDIFF 2 a{t} v{t}
    ZDIFF 2 a1 b2345
  `,
  zdiffstore: `
    ZADD a{t} 1 a 2 b 3 c
    ZADD b{t} 9 b
    ZDIFFSTORE d{t} 2 a{t} b{t}
    ZRANGE d{t} 0 -1 WITHSCORES
    ZDIFFSTORE d{t} 1 missing{t}
    EXISTS d{t}
    ZDIFFSTORE d{t} 0 a{t}
    ZDIFFSTORE d{t} 2 a{t}
    ZDIFFSTORE d{t} 1 a{t} WITHSCORES
    SET v{t} x
    ZDIFFSTORE d{t} 2 a{t} v{t}
    ZDIFFSTORE v{t} 1 a{t}
    ZDIFFSTORE a1 1 b2345
  `,
  zinter: `
    ZADD a{t} 1 a 2 b 3 c
    ZADD b{t} 10 b 20 c
    SADD s{t} c
    ZINTER 2 a{t} b{t}
    ZINTER 2 a{t} b{t} WITHSCORES
    ZINTER 2 a{t} b{t} WEIGHTS 2 3 WITHSCORES
    ZINTER 2 a{t} b{t} AGGREGATE MAX WITHSCORES
    ZINTER 2 a{t} b{t} AGGREGATE min WEIGHTS 1 -1 WITHSCORES
    ZINTER 3 a{t} b{t} s{t} WITHSCORES
    ZINTER 2 a{t} missing{t}
    ZINTER 1 a{t}
    ZINTER 0 a{t}
    ZINTER 3 a{t} b{t}
    ZINTER 2 a{t} b{t} WEIGHTS 1
    ZINTER 2 a{t} b{t} WEIGHTS 1 x
    ZINTER 2 a{t} b{t} AGGREGATE AVG
    ZINTER 2 a{t} b{t} NOSUCH
    SET v{t} x
    ZINTER 2 a{t} v{t}
    ZINTER 2 a1 b2345
  `,
  zintercard: `
    ZADD a{t} 1 a 2 b 3 c
    ZADD b{t} 10 b 20 c
    ZINTERCARD 2 a{t} b{t}
    ZINTERCARD 2 a{t} b{t} LIMIT 1
    ZINTERCARD 2 a{t} b{t} LIMIT 0
    ZINTERCARD 2 a{t} missing{t}
    ZINTERCARD 0 a{t}
    ZINTERCARD x a{t}
    ZINTERCARD 3 a{t} b{t}
    ZINTERCARD 2 a{t} b{t} LIMIT -1
    ZINTERCARD 2 a{t} b{t} LIMIT
    SET v{t} x
    ZINTERCARD 2 a{t} v{t}
    ZINTERCARD 2 a1 b2345
  `,
  zinterstore: `
    ZADD a{t} 1 a 2 b 3 c
    ZADD b{t} 10 b 20 c
    ZINTERSTORE d{t} 2 a{t} b{t}
    ZRANGE d{t} 0 -1 WITHSCORES
    ZINTERSTORE d{t} 2 a{t} b{t} WEIGHTS 2 3 AGGREGATE MAX
    ZRANGE d{t} 0 -1 WITHSCORES
    ZINTERSTORE d{t} 2 a{t} missing{t}
    EXISTS d{t}
    ZINTERSTORE d{t} 0 a{t}
    ZINTERSTORE d{t} 1 a{t} WITHSCORES
    ZINTERSTORE d{t} x a{t}
    SET v{t} x
    ZINTERSTORE d{t} 2 a{t} v{t}
    ZINTERSTORE v{t} 1 a{t}
    ZINTERSTORE a1 1 b2345
  `,
  zrangestore: `
    ZADD a{t} 1 a 2 b 3 c
    ZRANGESTORE d{t} a{t} 0 1
    ZRANGE d{t} 0 -1 WITHSCORES
    ZRANGESTORE d{t} a{t} (1 +inf BYSCORE LIMIT 0 1
    ZRANGESTORE d{t} a{t} - + BYLEX
    ZRANGESTORE d{t} a{t} 0 -1 REV
    ZRANGESTORE d{t} missing{t} 0 -1
    EXISTS d{t}
    ZRANGESTORE d{t} a{t} 0 -1 WITHSCORES
    ZRANGESTORE d{t} a{t} 0 -1 LIMIT 0 1
    ZRANGESTORE d{t} a{t} x 1
    SET s{t} v
    ZRANGESTORE d{t} s{t} 0 -1
    ZRANGESTORE s{t} a{t} 0 -1
    ZRANGESTORE a1 b2345 0 -1
  `,
  zunion: `
    ZADD a{t} 1 a 2 b
    ZADD b{t} 10 b 20 c
    SADD s{t} x
    ZUNION 2 a{t} b{t}
    ZUNION 2 a{t} b{t} WITHSCORES
    ZUNION 2 a{t} b{t} WEIGHTS 2 0.5 AGGREGATE MIN WITHSCORES
    ZUNION 3 a{t} s{t} missing{t} WITHSCORES
    ZUNION 1 missing{t}
    ZUNION 0 a{t}
    ZUNION x a{t}
    ZUNION 3 a{t} b{t}
    ZUNION 2 a{t} b{t} WEIGHTS 1
    ZUNION 2 a{t} b{t} NOSUCH
    SET v{t} x
    ZUNION 2 a{t} v{t}
    ZUNION 2 a1 b2345
  `,
  zunionstore: `
    ZADD a{t} 1 a 2 b
    ZADD b{t} 10 b 20 c
    ZUNIONSTORE d{t} 2 a{t} b{t}
    ZRANGE d{t} 0 -1 WITHSCORES
    ZUNIONSTORE d{t} 2 a{t} b{t} WEIGHTS 2 -1 AGGREGATE MIN
    ZRANGE d{t} 0 -1 WITHSCORES
    ZUNIONSTORE d{t} 1 missing{t}
    EXISTS d{t}
    ZUNIONSTORE d{t} 0 a{t}
    ZUNIONSTORE d{t} 1 a{t} WITHSCORES
    SET v{t} x
    ZUNIONSTORE d{t} 2 a{t} v{t}
    ZUNIONSTORE v{t} 1 a{t}
    ZUNIONSTORE a1 1 b2345
  `,
}
