import type { Cases } from '../script.js'

const STREAM = `
    XADD k 1-1 a 1
    XADD k 1-2 b 2
    XADD k 2-0 c 3 d 4
    XADD k 5-7 e ""`

const GROUP = `${STREAM}
    XGROUP CREATE k g 0`

export const streamCases: Cases = {
  xack: `${GROUP}
    XREADGROUP GROUP g c COUNT 3 STREAMS k >
    XACK k g 1-1
    XACK k g 1-1
    XACK k g 1-2 2-0 9-9
    XACK k nosuch 1-1
    XACK missing g 1-1
    XACK k g x
    XACK k g 1-1 1-x
    SET s v
    XACK s g 1-1
  `,
  xadd: `
    XADD k 1-1 f v
    XADD k 1-2 f v g w
    XADD k 1-* f v
    XADD k 7 f v
    XADD k 7-* f v
    XADD k 7-1 f v
    XADD k 1-1 f v
    XADD k 0-0 f v
    XADD k 0 f v
    XADD k x f v
    XADD k 1-x f v
    XADD k 99999999999999999999-1 f v
    XADD k 8-1 f
    XADD k 8-1 f v g
    XADD new NOMKSTREAM 1-1 f v
    EXISTS new
    XADD k MAXLEN 3 9-1 f v
    XADD k MAXLEN = 2 9-2 f v
    XADD k MAXLEN ~ 1 9-3 f v
    XADD k MAXLEN ~ 1 LIMIT 10 9-4 f v
    XADD k MINID 9-3 9-5 f v
    XADD k NOMKSTREAM MINID = 9-4 9-6 f v
    XADD k MAXLEN -1 9-7 f v
    XADD k MAXLEN x 9-7 f v
    XADD k MAXLEN 1 LIMIT 10 9-7 f v
    XADD k MAXLEN 1 MINID 1 9-7 f v
    XADD k LIMIT 10 9-7 f v
    XADD k MINID x 9-7 f v
    XADD k 18446744073709551615-18446744073709551615 f v
    XADD k 18446744073709551615-18446744073709551615 f v
    XRANGE k - +
    XADD k * f v
    ~numbers XADD chosen * f v
    ~numbers XADD chosen * f v g w
    ~numbers XADD chosen MAXLEN ~ 100 LIMIT 10 NOMKSTREAM * f v
    ~numbers XADD chosen MAXLEN = 2 * f v
    ~numbers XADD chosen MAXLEN 0 * f v
    XADD missing NOMKSTREAM * f v
    XADD k * f
    XLEN chosen
    SET s v
    XADD s * f v
    XADD s 1-1 f v
  `,
  xautoclaim: `${GROUP}
    XREADGROUP GROUP g c COUNT 3 STREAMS k >
    XAUTOCLAIM k g d 0 0
    XAUTOCLAIM k g e 0 0 COUNT 1
    XAUTOCLAIM k g e 0 1-2 COUNT 1 JUSTID
    XAUTOCLAIM k g e 100000 0
    XDEL k 1-2
    XAUTOCLAIM k g f 0 0
    XAUTOCLAIM k g f 0 9-9 JUSTID
    ~numbers XPENDING k g - + 10
    XAUTOCLAIM k nosuch d 0 0
    XAUTOCLAIM missing g d 0 0
    XAUTOCLAIM k g d x 0
    XAUTOCLAIM k g d 0 x
    XAUTOCLAIM k g d 0 0 COUNT 0
    XAUTOCLAIM k g d 0 0 COUNT x
    XAUTOCLAIM k g d 0 0 NOSUCH
    SET s v
    XAUTOCLAIM s g d 0 0
  `,
  xclaim: `${GROUP}
    XREADGROUP GROUP g c COUNT 3 STREAMS k >
    XCLAIM k g d 0 1-1
    XCLAIM k g d 0 1-1 1-2 9-9
    XCLAIM k g d 0 1-2 JUSTID
    XCLAIM k g e 100000 2-0
    XCLAIM k g e 0 2-0 IDLE 5000 RETRYCOUNT 7
    XCLAIM k g e 0 2-0 TIME 1000 RETRYCOUNT 3 LASTID 5-7
    XCLAIM k g e 0 5-7 FORCE
    XCLAIM k g e 0 9-9 FORCE JUSTID
    XDEL k 1-2
    XCLAIM k g f 0 1-1 1-2 2-0
    ~numbers XPENDING k g - + 10
    XCLAIM k nosuch d 0 1-1
    XCLAIM missing g d 0 1-1
    XCLAIM k g d x 1-1
    XCLAIM k g d 0 x
    XCLAIM k g d 0 1-1 IDLE x
    XCLAIM k g d 0 1-1 IDLE
    XCLAIM k g d 0 1-1 NOSUCH
    SET s v
    XCLAIM s g d 0 1-1
  `,
  xdel: `${STREAM}
    XDEL k 1-1
    XDEL k 1-1 1-2 9-9
    XDEL k x
    XDEL k 2-0 x
    XDEL missing 1-1
    XLEN k
    SET s v
    XDEL s 1-1
  `,
  'xgroup|create': `${STREAM}
    XGROUP CREATE k g 0
    XGROUP CREATE k g 0
    XGROUP CREATE k h $
    XGROUP CREATE k i 1-2 ENTRIESREAD 2
    XGROUP CREATE k j 0 ENTRIESREAD -1
    XGROUP CREATE k l 0 ENTRIESREAD x
    XGROUP CREATE k l 0 ENTRIESREAD -5
    XGROUP CREATE k l x
    XGROUP CREATE k l 0 NOSUCH
    XGROUP CREATE missing g 0
    XGROUP CREATE missing g 0 MKSTREAM
    XGROUP CREATE new g $ MKSTREAM
    XINFO GROUPS k
    SET s v
    XGROUP CREATE s g 0
    XGROUP NOSUCH k g
  `,
  'xgroup|createconsumer': `${GROUP}
    XGROUP CREATECONSUMER k g c
    XGROUP CREATECONSUMER k g c
    XGROUP CREATECONSUMER k nosuch c
    XGROUP CREATECONSUMER missing g c
    SET s v
    XGROUP CREATECONSUMER s g c
  `,
  'xgroup|delconsumer': `${GROUP}
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    XGROUP DELCONSUMER k g c
    XGROUP DELCONSUMER k g c
    XGROUP DELCONSUMER k nosuch c
    XGROUP DELCONSUMER missing g c
  `,
  'xgroup|destroy': `${GROUP}
    XGROUP DESTROY k g
    XGROUP DESTROY k g
    XGROUP DESTROY missing g
    SET s v
    XGROUP DESTROY s g
  `,
  'xgroup|help': 'XGROUP HELP',
  'xgroup|setid': `${GROUP}
    XGROUP SETID k g $
    XGROUP SETID k g 1-1
    XGROUP SETID k g 1-1 ENTRIESREAD 1
    XGROUP SETID k g x
    XGROUP SETID k g 0 NOSUCH 1
    XGROUP SETID k nosuch 0
    XGROUP SETID missing g 0
    XINFO GROUPS k
  `,
  'xinfo|consumers': `${GROUP}
    XINFO CONSUMERS k g
    XGROUP CREATECONSUMER k g d
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    ~numbers XINFO CONSUMERS k g
    XINFO CONSUMERS k nosuch
    XINFO CONSUMERS missing g
    SET s v
    XINFO CONSUMERS s g
  `,
  'xinfo|groups': `${GROUP}
    XGROUP CREATE k h $
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    XINFO GROUPS k
    XINFO GROUPS missing
    SET s v
    XINFO GROUPS s
  `,
  'xinfo|help': 'XINFO HELP',
  'xinfo|stream': `${GROUP}
    XINFO STREAM k
    XINFO STREAM k FULL
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    ~numbers XINFO STREAM k FULL
    ~numbers XINFO STREAM k FULL COUNT 1
    XINFO STREAM k FULL COUNT x
    XINFO STREAM k FULL COUNT
    XINFO STREAM k NOSUCH
    XINFO STREAM missing
    XGROUP CREATE e g $ MKSTREAM
    XINFO STREAM e
    XINFO STREAM e FULL
    SET s v
    XINFO STREAM s
  `,
  xlen: `${STREAM}
    XLEN k
    XLEN missing
    SET s v
    XLEN s
  `,
  xpending: `${GROUP}
    XPENDING k g
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    XREADGROUP GROUP g d COUNT 1 STREAMS k >
    XPENDING k g
    ~numbers XPENDING k g - + 10
    ~numbers XPENDING k g - + 10 c
    XPENDING k g - + 10 nosuch
    ~numbers XPENDING k g IDLE 0 1-2 2-0 10
    XPENDING k g IDLE 100000 - + 10
    XPENDING k g + - 10
    XPENDING k g - + 0
    XPENDING k g - + x
    XPENDING k g x + 10
    XPENDING k g -
    XPENDING k nosuch
    XPENDING missing g
    XPENDING missing g - + 10
    SET s v
    XPENDING s g
  `,
  xrange: `${STREAM}
    XRANGE k - +
    XRANGE k 1 1
    XRANGE k 1-2 5
    XRANGE k (1-1 +
    XRANGE k - + COUNT 2
    XRANGE k - + COUNT 0
    XRANGE k - + COUNT -1
    XRANGE k - + COUNT x
    XRANGE k - + COUNT
    XRANGE k - + NOSUCH 1
    XRANGE k x +
    XRANGE k (- +
    XRANGE k 5 1
    XRANGE missing - +
    XRANGE missing - + COUNT 0
    SET s v
    XRANGE s - +
  `,
  xread: `${STREAM}
    XREAD STREAMS k 0
    XREAD COUNT 1 STREAMS k 1-1
    XREAD STREAMS k $
    XREAD STREAMS k 5-7
    XREAD COUNT -1 STREAMS k 5-6
    XREAD STREAMS missing 0
    XADD a{t} 1-1 f v
    XADD b{t} 1-1 f v
    XREAD STREAMS a{t} b{t} 0 0
    XREAD STREAMS a{t} b{t} c{t} 0 1-1 0
    XREAD STREAMS a{t} b{t} 0
    XREAD STREAMS k x
    XREAD STREAMS k >
    XREAD COUNT x STREAMS k 0
    XREAD COUNT 1
    XREAD NOSUCH STREAMS k 0
    XREAD GROUP g c STREAMS k 0
    XREAD NOACK STREAMS k 0
    XREAD STREAMS k
    SET s v
    XREAD STREAMS s 0
    XREAD BLOCK 1 STREAMS k 0
    XREAD COUNT x BLOCK x STREAMS k 0
    XREAD BLOCK x COUNT x STREAMS k 0
    XREAD GROUP g c BLOCK x STREAMS k 0
    XREAD NOACK BLOCK -1 STREAMS k 0
    XREAD more BLOCK -1 STREAMS k 0
    XREAD COUNT 1 BLOCK -1 STREAMS k 0
    XREAD BLOCK 1 STREAMS a1 b2345 0 0
    XADD a1 1-1 f v
    XADD a1 1-2 f w
    XADD b2345 2-1 g v
    XADD c77 3-1 h ""
    XREAD STREAMS a1 b2345 0 0
    XREAD STREAMS c77 b2345 a1 0 0 0
    XREAD COUNT 1 STREAMS c77 b2345 a1 0 0 1-1
    XREAD STREAMS a1 b2345 c77 1-2 0 3-1
    XREAD STREAMS a1 b2345 c77 $ $ $
    XREAD STREAMS a1 missing b2345 $ 0 0
    XREAD STREAMS missing gone none 0 0 $
    XREAD STREAMS a1 b2345 a1 0 0 1-1
    XREAD STREAMS a1 b2345 a1 1-2 0 0
    XREAD STREAMS a1 s b2345 0 0 0
    XREAD STREAMS a1 s b2345 x 0 0
    XREAD STREAMS s a1 b2345 0 x 0
    XREAD STREAMS a1 b2345 0 x
    XREAD STREAMS a1 b2345 0 >
    XREAD STREAMS a1 b2345 007 " 2"
    XREAD COUNT x STREAMS a1 b2345 0 0
    XREAD COUNT 0 STREAMS a1 b2345 0 0
    XREAD GROUP g c STREAMS a1 b2345 0 0
    XREAD NOACK STREAMS a1 b2345 0 0
    XREAD NOSUCH STREAMS a1 b2345 0 0
    XREAD STREAMS a1 b2345 0
    SELECT 1
    XADD b2345 9-9 other db
    XREAD STREAMS a1 b2345 0 0
  `,
  xreadgroup: `${GROUP}
    XREADGROUP GROUP g c COUNT 2 STREAMS k >
    XREADGROUP GROUP g c STREAMS k 0
    XREADGROUP GROUP g d COUNT 1 NOACK STREAMS k >
    XREADGROUP GROUP g d STREAMS k >
    XREADGROUP GROUP g d STREAMS k >
    XREADGROUP GROUP g nosuch STREAMS k 0
    XDEL k 1-1
    XREADGROUP GROUP g c STREAMS k 0
    XREADGROUP GROUP nosuch c STREAMS k >
    XREADGROUP GROUP g c STREAMS missing >
    XREADGROUP GROUP g c STREAMS k $
    XREADGROUP GROUP g c STREAMS k x
    XREADGROUP GROUP g c COUNT x STREAMS k >
    XREADGROUP GROUP g c STREAMS k
    XREADGROUP GROUP g c NOSUCH 1 STREAMS k >
    XREADGROUP COUNT 1 COUNT 1 STREAMS k >
    SET s v
    XREADGROUP GROUP g c STREAMS s >
    XREADGROUP GROUP g c BLOCK 1 STREAMS k >
    XREADGROUP GROUP g c COUNT x BLOCK x STREAMS k >
    XREADGROUP GROUP g c NOACK COUNT 1 BLOCK x STREAMS k >
    XREADGROUP GROUP g c BLOCK 1 STREAMS a1 b2345 > >
    XADD a1 1-1 f v
    XADD a1 1-2 f w
    XADD b2345 2-1 g v
    XADD c77 3-1 h ""
    XGROUP CREATE a1 g 0
    XGROUP CREATE b2345 g 0
    XREADGROUP GROUP g c STREAMS a1 b2345 c77 > > >
    XPENDING a1 g
    XINFO GROUPS a1
    XREADGROUP GROUP g c STREAMS missing a1 > >
    XREADGROUP GROUP g c STREAMS a1 s b2345 > > >
    XREADGROUP GROUP g c STREAMS a1 b2345 > $
    XREADGROUP GROUP g c STREAMS a1 b2345 > x
    XREADGROUP GROUP g c STREAMS a1 b2345 x $
    XREADGROUP GROUP g c STREAMS a1 c77 x >
    XREADGROUP GROUP g c COUNT x STREAMS a1 b2345 > >
    XREADGROUP GROUP g c NOSUCH STREAMS a1 b2345 > >
    XREADGROUP GROUP g STREAMS a1 b2345 > >
    XREADGROUP NOACK STREAMS a1 b2345 > >
    XREADGROUP GROUP g c STREAMS a1 b2345 >
    XINFO GROUPS a1
    XINFO GROUPS b2345
    XGROUP CREATE c77 g $
    XREADGROUP GROUP g c STREAMS c77 b2345 a1 > 007 0
    XREADGROUP GROUP g c COUNT 1 STREAMS c77 b2345 a1 > > >
    XREADGROUP GROUP g c STREAMS a1 b2345 0 >
    XINFO GROUPS c77
    XREADGROUP GROUP g d NOACK COUNT -5 STREAMS a1 b2345 > >
    XREADGROUP GROUP g d STREAMS a1 b2345 > >
    XADD a1 1-3 f x
    XREADGROUP GROUP g c STREAMS a1 b2345 a1 > 99999999999999999999 0
    XREADGROUP GROUP g c STREAMS a1 b2345 a1 > > 0
    XDEL a1 1-1
    XREADGROUP GROUP g c STREAMS b2345 a1 0 0
    XPENDING a1 g
    XPENDING b2345 g
    ~unordered XINFO GROUPS a1
    XREADGROUP GROUP "no\nsuch" c STREAMS a1 b2345 > >
    XREADGROUP GROUP g "" STREAMS a1 b2345 > >
  `,
  xrevrange: `${STREAM}
    XREVRANGE k + -
    XREVRANGE k 5 1-2
    XREVRANGE k + - COUNT 1
    XREVRANGE k + - COUNT 0
    XREVRANGE k + (5-7
    XREVRANGE k x -
    XREVRANGE missing + -
    SET s v
    XREVRANGE s + -
  `,
  xsetid: `${STREAM}
    XSETID k 9-0
    XSETID k 1-0
    XSETID k 10-0 ENTRIESADDED 100 MAXDELETEDID 2-0
    XSETID k 10-0 ENTRIESADDED 1 MAXDELETEDID 2-0
    XSETID k 10-0 ENTRIESADDED -1 MAXDELETEDID 2-0
    XSETID k 10-0 ENTRIESADDED 100 MAXDELETEDID 20-0
    XSETID k 10-0 ENTRIESADDED x MAXDELETEDID 2-0
    XSETID k 10-0 ENTRIESADDED 100
    XSETID k x
    XSETID missing 1-0
    XINFO STREAM k
    SET s v
    XSETID s 1-0
  `,
  xtrim: `${STREAM}
    XTRIM k MAXLEN 3
    XTRIM k MAXLEN ~ 1
    XTRIM k MAXLEN ~ 1 LIMIT 10
    XTRIM k MINID 2-0
    XTRIM k MINID = 3
    XTRIM k MAXLEN -1
    XTRIM k MAXLEN x
    XTRIM k MAXLEN 1 LIMIT 10
    XTRIM k MINID x
    XTRIM k NOSUCH 1
    XTRIM k MAXLEN
    XTRIM missing MAXLEN 1
    XRANGE k - +
    SET s v
    XTRIM s MAXLEN 1
  `,
}
