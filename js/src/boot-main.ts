/** What pages import from `micropip_lock/data/boot.js`. */

export { bootFromLock } from "./boot.ts";
export { BootError, type BootEvent, type BootOptions, type Stage } from "./boot-options.ts";
export type { BootedPyodide } from "./boot-place.ts";
export { isLockError, LockError } from "./errors.ts";
export { fetchLock } from "./fetch-lock.ts";
export { resolveShort } from "./link-resolve.ts";
export type { WheelCache } from "./fetch-wheels.ts";
export type { RangeReader } from "./range-reader.ts";
export { openStore, type StoreOptions, type WheelStore } from "./store.ts";
