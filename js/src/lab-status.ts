/**
 * The item in the status bar: how many packages a kernel was started with, and whether they are as the lock names them.
 *
 * Left to others: comparing (`lab-python.ts`).
 */

import type { Started } from "./lab-kernels.ts";
import type { Verified } from "./lab-python.ts";
import type { Translation } from "./lab-types.ts";

/** What the item says. */
export function statusText(trans: Translation, started: Started | null, verified: Verified | null, arriving: readonly [number, number | null] | null): string {
  if (arriving !== null) {
    const [received, total] = arriving;
    return total === null || total === 0 ? trans.__("fetching packages…") : trans.__("fetching packages, %1 %", Math.floor((100 * received) / total));
  }
  const count = verified?.packages ?? started?.opened?.lock.wheels.length ?? null;
  if (count === null) {
    return trans.__("packages of this site");
  }
  const packages = trans._n("%1 package", "%1 packages", count, count);
  if (verified === null) {
    return packages;
  }
  if (verified.ok) {
    return `${packages} · ${trans.__("verified")}`;
  }
  return trans._n("%1 differs", "%1 differ", verified.differ, verified.differ);
}

/** A button that says it. */
export class StatusItem {
  readonly node: HTMLButtonElement;

  constructor(onClick: () => void, label: string, page: Document = document) {
    this.node = page.createElement("button");
    this.node.type = "button";
    this.node.className = "micropip-lock-status jp-StatusBar-TextItem";
    this.node.style.cssText = "background: none; border: none; color: inherit; font: inherit; cursor: pointer;";
    this.node.title = label;
    this.node.addEventListener("click", onClick);
  }

  say(text: string): void {
    if (this.node.textContent !== text) {
      this.node.textContent = text;
    }
  }
}
