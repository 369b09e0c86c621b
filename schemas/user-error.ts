/**
 * A mistake that the user can mend: one plain sentence that names the place and the remedy.
 * The command line prints it without a stack trace and exits with code 1.
 */
export class UserError extends Error {
  override name = 'UserError'
}
