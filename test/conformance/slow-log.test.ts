import t from 'tap'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'

/*
 * SLOWLOG: with a threshold of nothing all is slow. Each reply is the same as Redis's, but for ids, times, durations and ports. What is
 * another: EXEC is one command here, and calls inside scripts are none.
 */

const stories: Readonly<Record<string, string>> = {
  'entries are those of Redis': `
    a: CONFIG SET slowlog-max-len 50
    a: CONFIG SET slowlog-log-slower-than 0
    a: SLOWLOG RESET
    a: SLOWLOG GET
    a: CLIENT SETNAME me
    a: SET k v
    a: GET k
    a: get nosuch
    a: GET
    a: NOSUCH
    a: MGET a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E
    a: MGET a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F
    a: MGET a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G
    a: SET k ${'x'.repeat(128)}
    a: SET k ${'x'.repeat(129)}
    a: APPEND k ${'y'.repeat(5000)}
    a: ECHO ${'z'.repeat(3000)}
    a: LPUSH k x
    a: AUTH secret
    a: AUTH nobody secret
    a: HELLO 3 AUTH default secret SETNAME other
    a: HELLO 2
    a: CONFIG SET timeout 0
    a: CONFIG GET maxclients
    a: DBSIZE
    a: EVAL "return 1" 0
    a: PUBLISH c m
    a: BLPOP q 0.01
    a: LPUSH l 1
    a: BLPOP l 0
    a: CLIENT REPLY SKIP | SET k 1
    a: SLOWLOG LEN
    a: SLOWLOG GET 3
    a: SLOWLOG GET -1
    b: SLOWLOG GET 1
    a: SLOWLOG RESET
    a: SLOWLOG LEN
    a: SLOWLOG GET
    a: HELLO 3
    a: SLOWLOG GET 2
    a: CONFIG SET slowlog-max-len 2
    a: SLOWLOG LEN
    a: SLOWLOG GET
    a: CONFIG SET slowlog-max-len 0
    a: SLOWLOG LEN
    a: PING
    a: CONFIG SET slowlog-max-len 10
    a: SLOWLOG GET
    a: CONFIG SET slowlog-log-slower-than -1
    a: GET k
    a: SLOWLOG GET
    a: CONFIG SET slowlog-log-slower-than 1000000
    a: GET k
    a: SLOWLOG LEN
    a: MULTI | SLOWLOG LEN | SLOWLOG RESET | SLOWLOG GET | EXEC
  `,
}

const pair = await Pair.start(t, { nodes: 3 })

for (const [name, script] of Object.entries(stories)) {
  t.test(name, async (t) => {
    t.equal(await isSame(pair, script), '')
  })
}
