/**
 * A page that follows lock links: the one in its address, and those that come to stand there.
 *
 * Rules this file keeps:
 *
 * 1. One link at a time: another one ends the question, the downloads and the boot of the one before.
 * 2. The same link again, by a click, a reload from memory or the back button, changes nothing and asks nothing.
 * 3. An address without a link changes nothing either.
 *
 * Left to others: consent (`consent.ts`), the boot (`linked-boot.ts`), how anything looks.
 */

import type { BootedPyodide } from "./boot-place.ts";
import { Consent } from "./consent.ts";
import { isLockError, LockError } from "./errors.ts";
import { decodeLink } from "./link.ts";
import { bootFromLock, type LinkedBootOptions } from "./linked-boot.ts";

/** How links are followed; what is not here is as in `LinkedBootOptions`. */
export interface FollowOptions<P extends BootedPyodide> extends Omit<LinkedBootOptions<P>, "lock" | "signal"> {
  /** Given the Pyodide that has a link's environment, and the lock's identity. An earlier one is not used any more. */
  readonly onInstalled: (pyodide: P, id: string) => unknown;
  /** Told why a link was not installed: mostly a `LockError`, whose message and hint are for people. */
  readonly onRefused: (error: unknown) => unknown;
  /** The person said no; nothing was requested, and nothing is kept. */
  readonly onDeclined?: () => unknown;
  /**
   * The text of the `pyodide-lock.json` of the Pyodide that boots, for links that tell its packages by their names; asked only
   * for such a link. Default: what lies beside the runtime, when that is a part of this site.
   */
  readonly runtimeLock?: () => Promise<string | null> | string | null;
  /** The page is in a frame of another site: `address` is for a link to a tab of its own. Default: `onRefused`. */
  readonly onFramed?: (address: string) => unknown;
}

/** What of a window is used. */
export interface Followed {
  readonly location: { readonly href: string };
  addEventListener(type: "hashchange", listener: () => void): void;
  removeEventListener(type: "hashchange", listener: () => void): void;
}

/** Whether an address has something in it that is meant as a lock link. */
export function hasLink(address: string): boolean {
  return /[?#&]lock(?:-url)?=/.test(address);
}

/** It belongs to the page and not to the link: asking for it tells nobody anything. */
async function ownRuntimeLock({ indexURL, fetch: ask = fetch }: { indexURL?: string; fetch?: typeof fetch }, page: Followed): Promise<string | null> {
  const here = page.location.href;
  const address = new URL("pyodide-lock.json", new URL((indexURL ?? ".").replace(/\/?$/, "/"), here));
  if (indexURL === undefined || address.origin !== new URL(here).origin) {
    return null;
  }
  const answer = await ask(address.href);
  return answer.ok ? await answer.text() : null;
}

/**
 * Follow the links of a page, from now on.
 *
 * @returns Stops it, and what is under way.
 */
export function followLinks<P extends BootedPyodide>(options: FollowOptions<P>, page: Followed = globalThis as unknown as Followed): () => void {
  const { onInstalled, onRefused, onDeclined, onFramed, runtimeLock = () => ownRuntimeLock(options, page), ...boot } = options;
  const consent = options.consent ?? new Consent();
  const another = new LockError("cancelled", "another link was opened");
  /** What is being opened, and what is in place, behind which wheels may still arrive. */
  let opening = new AbortController();
  let placed = new AbortController();

  const open = async (): Promise<void> => {
    const address = page.location.href;
    opening.abort(another);
    const mine = new AbortController();
    opening = mine;
    const { signal } = mine;
    if (!hasLink(address)) {
      return;
    }
    try {
      const link = await decodeLink(address, { runtimeLock });
      signal.throwIfAborted();
      const pyodide = await bootFromLock<P>({ ...boot, lock: link, consent, signal });
      placed.abort(another);
      placed = mine;
      opening = new AbortController();
      onInstalled(pyodide, consent.running as string);
    } catch (error) {
      const code = isLockError(error) ? error.code : null;
      if (signal.aborted || code === "running") {
        return;
      }
      if (code === "declined" && onDeclined !== undefined) {
        onDeclined();
      } else if (code === "framed" && onFramed !== undefined) {
        onFramed(address);
      } else {
        onRefused(error);
      }
    }
  };

  const follow = (): void => void open();
  page.addEventListener("hashchange", follow);
  follow();
  return () => {
    page.removeEventListener("hashchange", follow);
    for (const one of [opening, placed]) {
      one.abort(new LockError("cancelled", "links are not followed any more"));
    }
  };
}
