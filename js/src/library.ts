/**
 * Lock links for any page that uses Pyodide: what pages import from `micropip-lock`.
 *
 * One file without dependencies, `micropip-lock.js`. What boots is in a second one beside it, `boot.js`, which is asked for
 * when something is to be booted, and not before a person agreed.
 *
 * Left to others: what follows when (`linked-boot.ts`, `follow.ts`).
 */

export type { BootError, BootEvent, BootOptions, Stage } from "./boot-options.ts";
export type { BootedPyodide } from "./boot-place.ts";
export { type Answer, Approvals, Consent, isFramedByOthers, type Memory } from "./consent.ts";
export { isLockError, LockError } from "./errors.ts";
export { type FollowOptions, followLinks, hasLink } from "./follow.ts";
export { decodeLink, type FullLink, type LinkedLock, type LinkOptions, type ShortLink } from "./link.ts";
export type { Reference } from "./link-address.ts";
export { bootFromLock, type LinkedBootOptions, preview, type Question } from "./linked-boot.ts";
export type { Here, Preview, PreviewedHost, PreviewedPackage, PreviewWarning } from "./preview.ts";
export { previewElement } from "./preview-element.ts";
export { previewLines } from "./preview-text.ts";
export type { StoreOptions, WheelStore } from "./store.ts";

/** The store of `boot.js`. */
export async function openStore(options?: import("./store.ts").StoreOptions): Promise<import("./store.ts").WheelStore> {
  const { openStore: open } = await import("./boot-main.ts");
  return await open(options);
}
