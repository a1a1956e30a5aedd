/**
 * The lock link of a JupyterLab page: taken out of its address before the application looks at it.
 *
 * Rules this file keeps:
 *
 * 1. The application drops the fragment of its address; so the link is kept for this tab, and a reload has it again.
 * 2. Another link in the address takes its place. Nothing is decoded here, and nothing is asked.
 */

import { hasLink } from "./follow.ts";

const KEY = "micropip-lock.link";

/** What of a window is used. */
export interface TabView {
  readonly location: { readonly href: string };
  readonly sessionStorage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
}

/** The link of this tab. */
export class TabLink {
  readonly #view: TabView;
  #address: string | null;

  constructor(view: TabView = globalThis as unknown as TabView) {
    this.#view = view;
    const { href } = view.location;
    this.#address = hasLink(href) ? href : this.#stored((storage) => storage.getItem(KEY));
    if (hasLink(href)) {
      this.#stored((storage) => storage.setItem(KEY, href));
    }
  }

  /** The address that it came with, or `null`. */
  get address(): string | null {
    return this.#address;
  }

  /** Do without it from now on. */
  forget(): void {
    this.#address = null;
    this.#stored((storage) => storage.removeItem(KEY));
  }

  #stored<T>(use: (storage: NonNullable<TabView["sessionStorage"]>) => T): T | null {
    try {
      return this.#view.sessionStorage === null ? null : use(this.#view.sessionStorage);
    } catch {
      // A browser may refuse it; the link is then for this visit only.
      return null;
    }
  }
}
