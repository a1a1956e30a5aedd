/** What pages import from `micropip_lock/data/boot.js`. */

export { BootError, type BootEvent, type BootOptions, bootFromLock } from "./boot.ts";
export type { BootedPyodide } from "./boot-place.ts";
export { isLockError, LockError } from "./errors.ts";
export type { WheelCache } from "./fetch-wheels.ts";
export { openStore, type StoreOptions, type WheelStore } from "./store.ts";
