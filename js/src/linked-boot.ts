/**
 * Boot a Pyodide with the lock of a link, after a person agreed.
 *
 * Rules this file keeps:
 *
 * 1. Nothing is asked of the network before the yes, neither for the lock nor for what boots it. Without an `ask` the answer
 *    is no.
 * 2. A link that names an address is asked about twice: before it is fetched, and with what is in it.
 * 3. What is refused is refused before anybody is asked.
 * 4. What is remembered of a yes names whom it lets be asked: the same lock from another place is asked about.
 *
 * Left to others: the boot (`boot.ts`), what a page does when its address changes (`follow.ts`).
 */

import type { BootOptions } from "./boot-options.ts";
import { type BootedPyodide, otherAbi } from "./boot-place.ts";
import { type Answer, Consent } from "./consent.ts";
import { LockError } from "./errors.ts";
import type { WheelCache } from "./fetch-wheels.ts";
import type { LinkedLock, ShortLink } from "./link.ts";
import type { Reference } from "./link-address.ts";
import { addressesOf, checkLockAddress, type OpenedLock, openText, pinOf } from "./linked-lock.ts";
import { type Here, type Preview, previewLock } from "./preview.ts";

/** What a person is asked: whether to install, or first whether a lock may be fetched to see what is in it. */
export type Question =
  | { readonly kind: "install"; readonly preview: Preview }
  | { readonly kind: "fetch"; readonly url: string; readonly host: string };

/** How a link is booted; what is not here is as in `BootOptions`. */
export interface LinkedBootOptions<P extends BootedPyodide> extends Omit<BootOptions<P>, "lock" | "store"> {
  /** A decoded link, or what `BootOptions` says. */
  readonly lock: LinkedLock | BootOptions<P>["lock"];
  /** Asks a person; without it nothing of a link is installed. The signal ends the question: another link was opened. */
  readonly ask?: (question: Question, signal: AbortSignal) => Answer | Promise<Answer>;
  /** What was answered before; default: what this site remembers. */
  readonly consent?: Consent;
  /** What is known of this place, for the preview. */
  readonly here?: Here;
  /** `true`: the origin's own (`openStore`). */
  readonly store?: boolean | WheelCache | Promise<WheelCache> | null;
}

/**
 * What a lock would do, for a person to decide about: nothing is asked of the network.
 *
 * @param lock A decoded link, or the text or value of a lock.
 * @throws LockError with the codes of `readLock`, and `too-many-hosts`, `insecure`, `private-address`, `no-preview`.
 */
export async function preview(lock: LinkedLock | string | object, here: Here = {}, base: string | undefined = pageAddress()): Promise<Preview> {
  if (isLinkedLock(lock)) {
    if (lock.form !== "full") {
      throw new LockError("no-preview", "what is in this lock is known once it is fetched");
    }
    return previewOf(await openText(lock.text, lock.base ?? base), here);
  }
  return previewOf(await openText(typeof lock === "string" ? lock : JSON.stringify(lock), base), here);
}

/**
 * Boot Pyodide with the environment of a lock; of a link after a person agreed.
 *
 * @throws As `bootFromLock` of `boot.js`, the codes of `preview` and `fetchLock`, and LockError with codes `declined`,
 *   `framed` and `running`.
 */
export async function bootFromLock<P extends BootedPyodide>(options: LinkedBootOptions<P>): Promise<P> {
  const { lock, ask: _, consent = new Consent(), here: __, store, ...rest } = options;
  const opened = isLinkedLock(lock) ? await admitted(lock, options, consent) : null;
  const part = await import("./boot-main.ts");
  options.signal?.throwIfAborted();
  const kept = store === true ? part.openStore() : store || null;
  const what = opened === null ? { lock: lock as BootOptions<P>["lock"] } : { lock: opened.text, ...(opened.base && { base: opened.base }) };
  const pyodide = await part.bootFromLock<P>({ ...rest, ...what, store: kept });
  options.signal?.throwIfAborted();
  if (opened !== null) {
    consent.installed(opened.id, opened.pin);
  }
  return pyodide;
}

/** The lock of a link that a person let us install. */
async function admitted<P extends BootedPyodide>(link: LinkedLock, options: LinkedBootOptions<P>, consent: Consent): Promise<OpenedLock & { readonly pin: string }> {
  const { abi, here = {}, signal = new AbortController().signal, ask = () => false } = options;
  const page = options.base === undefined ? pageAddress() : new URL(options.base, pageAddress()).href;
  const agreed = async (id: string, question: Question): Promise<void> => {
    const answer = await ask(question, signal);
    signal.throwIfAborted();
    // What nobody has seen yet is not remembered.
    const told = question.kind === "install" || typeof answer !== "object" ? answer : { install: answer?.install };
    if (!consent.admits(id, told)) {
      throw new LockError("declined", "nothing was installed");
    }
  };
  let isFetched = false;
  let pin = "";
  let opened: OpenedLock;
  if (link.form === "full") {
    opened = await openText(link.text, link.base ?? page);
  } else {
    const addresses = addressesOf(link, page);
    const what = link.form === "short" ? link.id : link.sha256;
    stepOf(consent, what);
    pin = await pinOf(what, ...addresses.map(({ href }) => href));
    if (stepOf(consent, pin) === "ask") {
      isFetched = true;
      const hosts = new Set(addresses.map(({ hostname }) => hostname));
      const url = addresses.map(({ href }) => href).join(" ");
      await agreed(pin, { kind: "fetch", url, host: [...hosts].join(", ") });
    }
    opened = await fetched(link, page, options.fetch ?? fetch, signal);
  }
  if (abi !== undefined && abi !== opened.lock.abi.abiVersion) {
    throw otherAbi(opened.lock.abi, { ...opened.lock.abi, abiVersion: abi });
  }
  // Whoever was asked about the address is shown what was there, too.
  const { id, base } = opened;
  const key = base === page ? id : await pinOf(id, `${base}`);
  stepOf(consent, id);
  if (stepOf(consent, key) === "ask" || isFetched) {
    const isApproved = (): boolean => consent.approvals.has(key);
    const place = { running: consent.running, isApproved, ...(abi && { abi }), ...here };
    await agreed(key, { kind: "install", preview: previewOf(opened, place) });
    if (pin && isApproved()) {
      consent.approvals.remember(pin);
    }
  } else {
    previewOf(opened, here);
  }
  return { ...opened, pin };
}

/** @throws LockError with codes `framed`, `running`. */
function stepOf(consent: Consent, id: string): "install" | "ask" {
  const step = consent.step(id);
  if (step === "own-tab") {
    throw new LockError("framed", "a lock is not installed in a page that another site shows", { hint: "open the page in a tab of its own" });
  }
  if (step === "running") {
    throw new LockError("running", "this lock is in place already", { got: id });
  }
  return step;
}

async function fetched(link: Reference | ShortLink, page: string | undefined, ask: typeof fetch, signal: AbortSignal): Promise<OpenedLock> {
  const { fetchLock, resolveShort } = await import("./boot-main.ts");
  if (link.form === "reference") {
    const { href } = checkLockAddress(link, page);
    return await openText(await fetchLock(href, link.sha256, ask, signal), href);
  }
  const { text, base } = await resolveShort(link, (address, more) => ask(address, { ...more, signal }));
  signal.throwIfAborted();
  return await openText(text, base ?? page);
}

function isLinkedLock(value: unknown): value is LinkedLock {
  return typeof value === "object" && value !== null && "form" in value;
}

function previewOf({ lock, id, base }: OpenedLock, here: Here): Preview {
  const page = pageAddress();
  return previewLock(lock, id, base, { ...(page && { page }), ...here });
}

function pageAddress(): string | undefined {
  return globalThis.location?.href;
}
