import { explained } from '../../pipeline/system-error.ts'
import { UserError } from '../../schemas/user-error.ts'

/** What `using` throws where putting away fails after an error, in so many places, as TypeScript writes it for Node 20. */
function putAway(suppressed: Error, places: number): Error {
  if (places === 0) return suppressed
  const error = Object.assign(new Error('EMFILE: too many open files, open'), {
    code: 'EMFILE',
    path: 'lock',
  })
  const both = Object.assign(new Error('An error was suppressed during disposal.'), { error, suppressed })
  both.name = 'SuppressedError'
  return putAway(both, places - 1)
}

test.each([1, 2])('an error is told, and not that putting away failed after it, in %i places', (places) => {
  const files = Object.assign(new Error('EMFILE: too many open files, read'), { code: 'EMFILE' })
  const sentence = expect.stringMatching(/^Too many files are open \(EMFILE\)/) as string
  expect(explained(putAway(files, places))).toMatchObject({ message: sentence })
  const [mistake, fault] = [new UserError('Give another name.'), new TypeError('x is not a function')]
  expect(explained(putAway(mistake, places))).toBe(mistake)
  expect(explained(putAway(fault, places))).toBe(fault)
})

test('an error that the system did not cause is told as it is', () => {
  const fault = new TypeError('x is not a function')
  expect(explained(fault)).toBe(fault)
})
