import type { Cases } from '../script.js'

export const hashCases: Cases = {
  hdel: `
    HSET k a 1 b 2 c 3
    HDEL k a
    HDEL k a b nosuch
    HDEL k c c
    EXISTS k
    HDEL missing f
    SET s v
    HDEL s f
  `,
  hexists: `
    HSET k a 1
    HEXISTS k a
    HEXISTS k b
    HEXISTS missing a
    SET s v
    HEXISTS s a
  `,
  hget: String.raw`
    HSET k a 1 "" empty "\r\n" crlf __proto__ p
    HGET k a
    HGET k ""
    HGET k "\r\n"
    HGET k __proto__
    HGET k nosuch
    HGET missing a
    SET s v
    HGET s a
  `,
  hgetall: `
    HSET k a 1 b 2 c ""
    HGETALL k
    HGETALL missing
    HSET one f v
    HGETALL one
    SET s v
    HGETALL s
    HSET big f "a value that is longer than sixty-four bytes, so that the hash becomes a real hash table" g 1 h 2
    ~pairs HGETALL big
  `,
  hincrby: `
    HINCRBY k f 5
    HINCRBY k f -10
    HINCRBY k f x
    HINCRBY k f 1.5
    HSET k g abc m 9223372036854775807
    HINCRBY k g 1
    HINCRBY k m 1
    HINCRBY k m -1
    HGETALL k
    SET s v
    HINCRBY s f 1
  `,
  hincrbyfloat: `
    HINCRBYFLOAT k f 10.5
    HINCRBYFLOAT k f 0.1
    HINCRBYFLOAT k f -5e2
    HINCRBYFLOAT k f x
    HINCRBYFLOAT k f inf
    HINCRBYFLOAT k f nan
    HSET k g abc
    HINCRBYFLOAT k g 1
    HGETALL k
    SET s v
    HINCRBYFLOAT s f 1
  `,
  hkeys: `
    HSET k a 1 b 2 c 3
    HKEYS k
    HKEYS missing
    SET s v
    HKEYS s
    HSET big f "a value that is longer than sixty-four bytes, so that the hash becomes a real hash table" g 1 h 2
    ~unordered HKEYS big
  `,
  hlen: `
    HSET k a 1 b 2
    HLEN k
    HLEN missing
    SET s v
    HLEN s
  `,
  hmget: `
    HSET k a 1 b 2
    HMGET k a
    HMGET k b nosuch a a
    HMGET missing a b
    SET s v
    HMGET s a
  `,
  hmset: `
    HMSET k a 1
    HMSET k a 2 b 3
    HMSET k a
    HMSET k a 1 b
    HGETALL k
    SET s v
    HMSET s f v
  `,
  hrandfield: `
    HSET k f v
    HRANDFIELD k
    HRANDFIELD k 1
    HRANDFIELD k 5
    HRANDFIELD k -3
    HRANDFIELD k 1 WITHVALUES
    HRANDFIELD k -2 WITHVALUES
    HRANDFIELD k 0
    HRANDFIELD k 0 WITHVALUES
    HRANDFIELD missing
    HRANDFIELD missing 1
    HRANDFIELD missing 1 WITHVALUES
    HRANDFIELD k x
    HRANDFIELD k 1 NOSUCH
    HRANDFIELD k 1 WITHVALUES x
    HRANDFIELD k -9223372036854775808
    HRANDFIELD k 9223372036854775807 WITHVALUES
    HSET many f1 v1 f2 v2 f3 v3 f4 v4
    ~numbers HRANDFIELD many
    ~numbers HRANDFIELD many 2
    ~numbers HRANDFIELD many -7 WITHVALUES
    ~numbers HRANDFIELD many 2 WITHVALUES
    SET s v
    HRANDFIELD s
  `,
  hscan: `
    HSET k a 1 b 2 c 3
    HSCAN k 0
    HSCAN k 0 MATCH [ab]
    HSCAN k 0 COUNT 1
    HSCAN missing 0
    HSCAN k x
    HSCAN k 0 COUNT 0
    HSCAN k 0 COUNT x
    HSCAN k 0 NOSUCH 1
    HSCAN k 0 TYPE string
    HSCAN k 0 MATCH
    SET s v
    HSCAN s 0
    HSET big f "a value that is longer than sixty-four bytes, so that the hash becomes a real hash table" g1 1 g2 2 g3 3 g4 4 g5 5 g6 6
    ~scan HSCAN big 0 COUNT 2
    ~scan HSCAN big 0 MATCH g*
  `,
  hset: String.raw`
    HSET k a 1
    HSET k a 2 b 3
    HSET k a
    HSET k a 1 b
    HSET k "" "" "\x00" "\r\n"
    HGETALL k
    SET s v
    HSET s f v
  `,
  hsetnx: `
    HSETNX k a 1
    HSETNX k a 2
    HGET k a
    SET s v
    HSETNX s a 1
  `,
  hstrlen: `
    HSET k a hello b ""
    HSTRLEN k a
    HSTRLEN k b
    HSTRLEN k nosuch
    HSTRLEN missing a
    SET s v
    HSTRLEN s a
  `,
  hvals: `
    HSET k a 1 b 2
    HVALS k
    HVALS missing
    SET s v
    HVALS s
    HSET big f "a value that is longer than sixty-four bytes, so that the hash becomes a real hash table" g 1 h 2
    ~unordered HVALS big
  `,
}
