// What a test asks of the store. Wheels are made here from a seed and a size, so that no bytes go through the driver.
import { exclusively, openStore } from "./store.js";

let store;
const sources = [];

export async function open() {
  store = await openStore();
  return store.kind;
}

function bytesOf(seed, size) {
  const words = new Uint32Array(size / 4);
  for (let at = 0, state = seed; at < words.length; at++) words[at] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return new Uint8Array(words.buffer);
}

const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function digestOf(bytes) {
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

export async function digest(seed, size) {
  return digestOf(bytesOf(seed, size));
}

export async function put(seed, size) {
  const bytes = bytesOf(seed, size);
  return store.put(await digestOf(bytes), bytes);
}

/** The digest of what is found, read through the source, which stays open; `null` when nothing is. */
export async function get(sha256) {
  const found = await store.get(sha256);
  if (found === null) return null;
  sources.push(found.source);
  return digestOf(found.source.read(0, found.source.size));
}

export async function putExtra(sha256, kind, text) {
  return store.putExtra(sha256, kind, new TextEncoder().encode(text));
}

export async function getExtra(sha256, kind) {
  const found = await store.getExtra(sha256, kind);
  return found === null ? null : new TextDecoder().decode(found);
}

export async function list() {
  return (await store.list()).map(({ sha256, size }) => [sha256, size]).sort();
}

export async function settle() {
  await store.settle();
}

/** Put wheels for ever, to be killed. */
export async function keepPutting(size) {
  for (let seed = 1; ; seed++) await put(seed, size);
}

/** What `work` of two tabs is to do: get, else "fetch" and put. */
export async function visit(seed, size) {
  const bytes = bytesOf(seed, size);
  const sha256 = await digestOf(bytes);
  return exclusively(sha256, async () => {
    const found = await store.get(sha256);
    if (found !== null) return "found";
    await new Promise((resolve) => setTimeout(resolve, 50));
    return store.put(sha256, bytes);
  });
}

/** Change one bit of a file of the store behind its back. */
export async function flip(sha256) {
  if (store.kind === "opfs") {
    const folder = await folderOf("wheels", sha256.slice(0, 2));
    const handle = await (await folder.getFileHandle(sha256)).createSyncAccessHandle();
    const byte = new Uint8Array(1);
    handle.read(byte, { at: 100 });
    byte[0] ^= 8;
    handle.write(byte, { at: 100 });
    handle.close();
    return;
  }
  const cache = await caches.open("micropip-lock");
  const request = (await cache.keys()).find(({ url }) => url.endsWith(sha256));
  const answer = await cache.match(request);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  bytes[100] ^= 8;
  await cache.put(request, new Response(bytes));
}

async function folderOf(...names) {
  let folder = await navigator.storage.getDirectory();
  for (const name of ["micropip-lock", ...names]) folder = await folder.getDirectoryHandle(name);
  return folder;
}

/** Every file and cache entry of the origin. */
export async function everything() {
  const names = [];
  const walk = async (folder, prefix) => {
    for await (const [name, entry] of folder.entries()) {
      entry.kind === "directory" ? await walk(entry, `${prefix}${name}/`) : names.push(prefix + name);
    }
  };
  // Not there, or refused, in some browsers.
  const root = await navigator.storage?.getDirectory?.().catch(() => undefined);
  if (root !== undefined) await walk(root, "");
  for (const name of await caches.keys()) {
    names.push(...(await (await caches.open(name)).keys()).map(({ url }) => url));
  }
  return names.sort();
}
