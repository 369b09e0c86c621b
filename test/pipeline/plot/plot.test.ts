import { brailleOf } from '../../../pipeline/plot/braille.ts'
import type { Plot } from '../../../pipeline/plot/plot.ts'
import { svgOf } from '../../../pipeline/plot/svg.ts'

const line: Plot = {
  mark: 'line',
  series: [
    [
      [0, 0],
      [1, 2],
    ],
  ],
  x: 'x',
  y: 'height',
}

test('a line in braille goes from corner to corner, with its range beside it', () => {
  // Four by four dots: (0, 3), (1, 2), (2, 1), (3, 0), which are dots 7, 6 and 5 − 3 − 1 of two characters.
  const [title, row, axis] = brailleOf(line, 2, 1).split('\n')
  expect(title).toBe('height')
  expect(row).toBe(`2 ┤${String.fromCodePoint(0x2800 + 0x40 + 0x20, 0x2800 + 0x02 + 0x08)}`)
  expect(axis.trimEnd()).toMatch(/^ {3}0.*1$/)
})

test('dots in braille are not joined', () => {
  const [, row] = brailleOf({ ...line, mark: 'dot' }, 2, 1).split('\n')
  expect(row).toBe(`2 ┤${String.fromCodePoint(0x2800 + 0x40, 0x2800 + 0x08)}`)
})

test('an SVG has the line from the lower left to the upper right corner of its axes', () => {
  const svg = svgOf(line)
  expect(svg).toContain('<path d="M44 22V166H350"')
  expect(svg).toContain('<path d="M44.0 166.0L350.0 22.0" fill="none"')
  expect(svg).toContain('>height</text>')
  expect(svg.trimEnd().endsWith('</svg>')).toBe(true)
})

test('a range below zero is shown, and a flat line has a range', () => {
  expect(
    brailleOf(
      {
        ...line,
        series: [
          [
            [0, -4],
            [1, 2],
          ],
        ],
      },
      2,
      2,
    ),
  ).toContain('-4 ┤')
  expect(
    brailleOf(
      {
        ...line,
        series: [
          [
            [0, 0],
            [1, 0],
          ],
        ],
      },
      2,
      2,
    ),
  ).toContain('1 ┤')
})
