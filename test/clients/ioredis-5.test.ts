import { Redis } from 'ioredis'
import t from 'tap'
import { tellOfIoredis } from './ioredis-story.js'

t.test('ioredis 5', (t) => tellOfIoredis(t, Redis))
