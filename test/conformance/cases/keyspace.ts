import type { Cases } from '../script.js'

/** Commands on the whole keyspace. */
export const keyspaceCases: Cases = {
  dbsize: `
    DBSIZE
    MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7
    DBSIZE
    DEL a b
    DBSIZE
    RPUSH l x y z
    SELECT 5
    DBSIZE
    SET only here
    DBSIZE
  `,
  flushall: `
    MSET a 1 b 2 c 3
    SELECT 3
    SET x y
    FLUSHALL
    DBSIZE
    SELECT 0
    DBSIZE
    SET a 1
    FLUSHALL ASYNC
    EXISTS a
    SET a 1
    FLUSHALL sync
    EXISTS a
    FLUSHALL NOSUCH
    FLUSHALL SYNC ASYNC
  `,
  flushdb: `
    MSET a 1 b 2 c 3
    SELECT 3
    SET x y
    FLUSHDB
    DBSIZE
    SELECT 0
    DBSIZE
    FLUSHDB ASYNC
    DBSIZE
    SET a 1
    FLUSHDB SYNC
    DBSIZE
    FLUSHDB NOSUCH
  `,
  keys: String.raw`
    MSET one 1 two 2 three 3 four 4 h?llo 5 "with\r\nlines" 6
    ~unordered KEYS *
    KEYS one
    ~unordered KEYS *o*
    ~unordered KEYS t*
    KEYS t[wx]o
    KEYS h\?llo
    KEYS [^a-z]*
    KEYS nosuch
    KEYS ""
    SELECT 1
    KEYS *
  `,
  randomkey: `
    RANDOMKEY
    SET only v
    RANDOMKEY
    MSET k1 v k2 v k3 v k4 v
    DEL only
    ~numbers RANDOMKEY
    SELECT 7
    RANDOMKEY
  `,
  scan: `
    SCAN 0
    MSET k1 v k2 v k3 v k4 v k5 v k6 v k7 v k8 v k9 v other v
    ~scan SCAN 0
    ~scan SCAN 0 COUNT 2
    ~scan SCAN 0 MATCH k*
    ~scan SCAN 0 COUNT 1000 MATCH k[1-3]
    RPUSH l x
    ~scan SCAN 0 TYPE list
    ~scan SCAN 0 TYPE string
    ~scan SCAN 0 TYPE nosuch
    ~scan SCAN 0 MATCH nosuch
    SCAN x
    SCAN " 0"
    SCAN 0x10
    SCAN 18446744073709551616
    SCAN 0 COUNT 0
    SCAN 0 COUNT -1
    SCAN 0 COUNT x
    SCAN 0 COUNT
    SCAN 0 MATCH
    SCAN 0 NOSUCH x
    ~scan SCAN ""
    SELECT 4
    SCAN 0
  `,
  swapdb: `
    SET a zero
    SELECT 1
    SET a one
    SWAPDB 0 1
    GET a
    SELECT 0
    GET a
    SWAPDB 0 0
    SWAPDB 0 16
    SWAPDB -1 0
    SWAPDB x 0
    SWAPDB 0 x
    SWAPDB 5 6
    DBSIZE
  `,
}
