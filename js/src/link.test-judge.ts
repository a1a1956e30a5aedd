/**
 * Says what a link holds, and writes links, for tests of other languages and places: a module for a page, and with
 * `--answer` a program under Node that answers a question a line.
 */

import { isLockError } from "./errors.ts";
import { decodeLink } from "./link.ts";
import { encodeLink, type WriteOptions } from "./link-writer.ts";

interface Question {
  /** To be read. */
  readonly link?: string;
  readonly runtimeLock?: string | null;
  /** To be written: a lock's text. */
  readonly lock?: string;
  readonly options?: WriteOptions;
}

/** What is said of a link, as `tests/core/link_vectors.py` says it, but for the lock, which is text; or a link. */
export async function answer({ link, runtimeLock, lock, options }: Question): Promise<unknown> {
  try {
    if (lock !== undefined) {
      return await encodeLink(lock, options);
    }
    const found = await decodeLink(link ?? "", { runtimeLock: () => runtimeLock ?? null });
    switch (found.form) {
      case "full":
        return { form: "full", id: found.id, lock: found.text, ...(found.base === null ? {} : { base: found.base }) };
      case "reference":
        return found;
      case "short":
        return {
          form: "short",
          id: found.id,
          entries: found.entries.map((one) => [one.name, one.version, one.file, one.index, one.digest.length > 0]),
        };
    }
  } catch (error) {
    return isLockError(error) ? { code: error.code } : { bug: String(error) };
  }
}

if (globalThis.process?.argv.includes("--answer")) {
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
  }
}
