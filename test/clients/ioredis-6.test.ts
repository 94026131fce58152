import { Redis } from 'ioredis6'
import t from 'tap'
import { tellOfIoredis } from './ioredis-story.js'

// It speaks RESP3 by default. Its types say the same as those of ioredis 5 in other words.
t.test('ioredis 6', (t) => tellOfIoredis(t, Redis as unknown as Parameters<typeof tellOfIoredis>[1]))
