/**
 * Whether a lock that came with a link may be installed: what a person said, and what may be remembered of it.
 *
 * Rules this file keeps:
 *
 * 1. The default is no. A yes is for one lock, by its identity; another one is asked about anew, and so is the same one where
 *    others are asked for it.
 * 2. A yes is remembered for this site only when the person says so. What cannot be read back as it was written is no yes.
 * 3. In a frame of another site nobody is asked and nothing is installed, whatever is remembered: what a person sees there
 *    is for that site to say.
 * 4. A lock that is in place already is not asked about, and not installed again.
 *
 * Left to others: what is shown (`preview.ts`), links (`link.ts`), doing it (`library.ts`).
 */

/** What follows when a link is opened. */
export type Step = "own-tab" | "running" | "install" | "ask";

/** What a person answers. */
export type Answer = boolean | { readonly install: boolean; /** Do not ask again for this lock on this site. */ readonly remember?: boolean };

/** Where answers are remembered: `localStorage`, or anything like it. */
export type Memory = Pick<Storage, "getItem" | "setItem">;

const KEY = "micropip-lock.approved";
const ID = /^[0-9a-f]{64}$/;
const MOST = 200;

/** Locks that this site may install without asking. */
export class Approvals {
  readonly #memory: () => Memory | null;

  /** @param memory Asked each time; a browser may refuse it, and what it throws counts as nothing remembered. */
  constructor(memory: () => Memory | null = () => globalThis.localStorage ?? null) {
    this.#memory = memory;
  }

  /** The identities of the locks; none when anything about what is stored is odd. */
  list(): readonly string[] {
    try {
      const told: unknown = JSON.parse(this.#memory()?.getItem(KEY) ?? "[]");
      const isOurs = Array.isArray(told) && told.length <= MOST && told.every((one) => typeof one === "string" && ID.test(one));
      return isOurs ? (told as string[]) : [];
    } catch {
      return [];
    }
  }

  has(id: string): boolean {
    return this.list().includes(id);
  }

  /** Remember a yes; of more than 200 the oldest is forgotten. Does nothing where nothing can be stored. */
  remember(id: string): void {
    this.#write([...this.list().filter((one) => one !== id), id].slice(-MOST));
  }

  forget(id: string): void {
    this.#write(this.list().filter((one) => one !== id));
  }

  #write(ids: readonly string[]): void {
    try {
      this.#memory()?.setItem(KEY, JSON.stringify(ids));
    } catch {
      // It is asked again the next time.
    }
  }
}

/** What of a window is looked at. */
export interface View {
  readonly parent?: View;
  readonly location?: { readonly origin: string };
}

/** Whether a page is shown inside one of another origin, at any distance; what cannot be told counts as one. */
export function isFramedByOthers(view: View = globalThis as View): boolean {
  try {
    for (let at = view; at.parent !== undefined && at.parent !== at; at = at.parent) {
      if (at.parent.location?.origin !== view.location?.origin) {
        return true;
      }
    }
    return false;
  } catch {
    return true;
  }
}

/** What one page knows of consent. */
export class Consent {
  readonly approvals: Approvals;
  readonly #isFramed: () => boolean;
  #running: readonly string[] = [];

  constructor(approvals = new Approvals(), isFramed: () => boolean = isFramedByOthers) {
    this.approvals = approvals;
    this.#isFramed = isFramed;
  }

  /** The lock that is in place. */
  get running(): string | null {
    return this.#running[0] ?? null;
  }

  /** What follows when this lock is opened. */
  step(id: string): Step {
    if (this.#isFramed()) {
      return "own-tab";
    }
    if (this.#running.includes(id)) {
      return "running";
    }
    return this.approvals.has(id) ? "install" : "ask";
  }

  /** Whether an answer lets this lock be installed; what it asks to remember is remembered. */
  admits(id: string, answer: Answer): boolean {
    // Whatever an untyped page hands over: only what says yes is one.
    const { install, remember = false } = typeof answer === "object" && answer !== null ? answer : { install: answer };
    if (install !== true || this.#isFramed()) {
      return false;
    }
    if (remember === true) {
      this.approvals.remember(id);
    }
    return true;
  }

  /** This lock is in place now; `links`: what stands for it in the links that name it. */
  installed(id: string, ...links: readonly string[]): void {
    this.#running = [id, ...links];
  }
}
