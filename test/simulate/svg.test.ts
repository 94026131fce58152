import t from 'tap'
import { axisTicks, svg, svgText } from '../../src/simulate/svg.js'

t.test('elements, attributes and texts are written as XML', async (t) => {
  t.equal(svg('line', { x1: 1.23456, class: 'a "b" <c>' }), '<line x1="1.23" class="a &quot;b&quot; &lt;c&gt;"/>')
  t.equal(svg('text', {}, svgText('a < b & c')), '<text>a &lt; b &amp; c</text>')
  t.equal(svg('g', {}, svg('a'), svg('b')), '<g>\n<a/>\n<b/>\n</g>')
})

t.test('the ticks of an axis are round numbers from 0 to the greatest value or just above it', async (t) => {
  t.strictSame(axisTicks(2600, 6), [0, 500, 1000, 1500, 2000, 2500, 3000])
  t.strictSame(axisTicks(1000, 5), [0, 200, 400, 600, 800, 1000])
  t.strictSame(axisTicks(1, 5), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
})
