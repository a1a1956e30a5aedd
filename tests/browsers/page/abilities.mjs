// What this place can do of what the engine could use: name to true, false, or what it said when it was tried.

const trials = {
  // What every path needs.
  "fetch with a body that is read as it arrives": async () => (await fetch(import.meta.url)).body.getReader() !== null,
  "a fetch that is aborted": async () => {
    const controller = new AbortController();
    controller.abort();
    return fetch(import.meta.url, { signal: controller.signal }).then(() => false, (error) => error.name === "AbortError");
  },
  "SHA-256 (crypto.subtle)": async () => (await crypto.subtle.digest("SHA-256", new Uint8Array(3))).byteLength === 32,
  "WebAssembly exceptions": async () => WebAssembly.validate(bytes("0061736d0100000001040160000003020100" + "0a08010600064019" + "0b0b")),
  "WebAssembly, 64-bit numbers as BigInt": async () => typeof new WebAssembly.Global({ value: "i64" }, 1n).value === "bigint",
  "Cache Storage": async () => {
    const cache = await caches.open("abilities");
    await cache.put("https://abilities.invalid/one", new Response(new Uint8Array(2)));
    return (await (await cache.match("https://abilities.invalid/one")).arrayBuffer()).byteLength === 2;
  },
  "Web Locks": async () => navigator.locks.request("abilities", (lock) => lock !== null),
  "IndexedDB": async () => kept(new Uint8Array(9)),
  'DecompressionStream("deflate-raw")': async () => new DecompressionStream("deflate-raw") !== null,

  // What saves time where it is there.
  "origin-private file system": async () => (await folder()) !== null,
  "synchronous access handles": async () => {
    const handle = await (await file("sync")).createSyncAccessHandle();
    try {
      return handle.write(new Uint8Array(3), { at: 0 }) === 3 && handle.getSize() === 3;
    } finally {
      handle.close();
    }
  },
  "read-only handles, several at once": async () => {
    const shared = await file("shared");
    const one = await shared.createSyncAccessHandle({ mode: "read-only" });
    try {
      (await shared.createSyncAccessHandle({ mode: "read-only" })).close();
      return true;
    } finally {
      one.close();
    }
  },
  "files moved: move(folder, name)": async () => (await file("moved")).move(await folder(), "there").then(() => true),
  "files moved: move(name)": async () => (await file("renamed")).move("there too").then(() => true),
  "files written by createWritable": async () => {
    const handle = await file("written");
    const stream = await handle.createWritable();
    await stream.write(new Uint8Array(3));
    await stream.close();
    return (await handle.getFile()).size === 3;
  },
  "FileReaderSync": async () => new FileReaderSync().readAsArrayBuffer(new Blob(["ab"])).byteLength === 2,
  "Blob in IndexedDB": async () => kept(new Blob(["ab"])),
  "navigator.storage.estimate": async () => (await navigator.storage.estimate()).quota > 0,
  "requestIdleCallback": async () => typeof requestIdleCallback === "function",
  "scheduler.yield": async () => scheduler.yield().then(() => true),
  "for await over a ReadableStream": async () => Symbol.asyncIterator in ReadableStream.prototype,
  "BYOB readers": async () => new Response("a").body.getReader({ mode: "byob" }) !== null,
  "streams sent to a worker": async () => {
    const stream = new ReadableStream();
    structuredClone(stream, { transfer: [stream] });
    return true;
  },
  "WebAssembly of 9 MB compiled synchronously": async () => new WebAssembly.Module(large()) !== null,
  "using (Symbol.dispose)": async () => "dispose" in Symbol,
  "SharedArrayBuffer": async () => typeof SharedArrayBuffer === "function",
};

const bytes = (hex) => Uint8Array.from(hex.match(/../g), (two) => Number.parseInt(two, 16));
const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("abilities", { create: true });
const file = async (name) => (await folder()).getFileHandle(name, { create: true });

// A module with nothing in it but a custom section of 9 MB.
function large() {
  const size = 9 << 20;
  const module = new Uint8Array(8 + 5 + size);
  module.set([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0]);
  // LEB128 in four bytes.
  module.set([(size & 127) | 128, ((size >> 7) & 127) | 128, ((size >> 14) & 127) | 128, size >> 21], 9);
  return module;
}

function kept(value) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(`abilities-${Math.random()}`, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("one");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("one", "readwrite");
      transaction.objectStore("one").put(value, "key");
      transaction.oncomplete = () => resolve(true);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    };
  });
}

export async function abilities() {
  const found = {};
  for (const [name, trial] of Object.entries(trials)) {
    try {
      found[name] = await trial();
    } catch (error) {
      found[name] = String(error?.name ?? error);
    }
  }
  return found;
}
