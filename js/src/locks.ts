/**
 * Web Locks between the tabs of an origin, and what is done where there are none.
 *
 * Rule: a lock here saves work, it never guards the truth. What is stored is found by its digest and hashed when it is
 * read, so whoever gets no lock goes on without one.
 */

const PREFIX = "micropip-lock:";

/** How long to wait for another tab, in milliseconds: a frozen one never lets go. */
const PATIENCE_MS = 20_000;

/**
 * Run `work` while no other tab or worker of the origin runs work for the same wheel, so that it is fetched once.
 *
 * Do not call it again for the same wheel inside `work`: Web Locks wait for themselves.
 *
 * @param sha256 In lower-case hexadecimal.
 * @param patienceMs After so many milliseconds `work` runs anyway.
 */
export async function exclusively<T>(sha256: string, work: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), patienceMs);
  try {
    return await locked(sha256, work, { signal: patience.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Run `work` with a lock, or without one where none is to be had. */
export async function locked<T>(name: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  let begun = false;
  const once = () => {
    begun = true;
    return work();
  };
  try {
    // In TypeScript's view a lock's answer is awaited once more than it is.
    return (await (locks()?.request(PREFIX + name, options, once) ?? once())) as T;
  } catch (error) {
    // Refused (an opaque origin, a page on its way out) or waited for too long: the work itself has not begun.
    if (begun) {
      throw error;
    }
    return once();
  }
}

/** Run `work` unless somebody holds the lock; where there are no locks nobody does. */
export async function ifFree(name: string, work: () => Promise<void>): Promise<void> {
  const manager = locks();
  if (manager === undefined) {
    return work();
  }
  await manager.request(PREFIX + name, { ifAvailable: true }, async (lock) => {
    if (lock !== null) {
      await work();
    }
  });
}

function locks(): LockManager | undefined {
  return globalThis.navigator?.locks;
}
