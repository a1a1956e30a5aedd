/**
 * The errors of the TypeScript part: one tagged class and one guard.
 *
 * The facts are those of the Python tree (`micropip_lock/errors.py`): what, where, expected, got, hint, and a stable
 * kebab-case code. The guard asks for the tag, not for the class, because a page may hold two bundles.
 */

const TAG = "micropip-lock";

/** The facts beside code and message; absent ones are left out. */
export interface Facts {
  /** Dotted place in the input, or line and column of a text. */
  readonly where?: string;
  readonly expected?: string;
  readonly got?: string;
  /** What to do next. */
  readonly hint?: string;
}

export class LockError extends Error {
  override readonly name = "LockError";
  readonly tag = TAG;
  readonly code: string;
  // Declared only: a fact that is absent is no field at all.
  declare readonly where?: string;
  declare readonly expected?: string;
  declare readonly got?: string;
  declare readonly hint?: string;

  constructor(code: string, message: string, facts: Facts = {}) {
    super(message);
    this.code = code;
    Object.assign(this, facts);
  }
}

/** Whether `value` is an error of ours, from this bundle or from another copy of it. */
export function isLockError(value: unknown): value is LockError {
  return value instanceof Error && "tag" in value && value.tag === TAG;
}
