// Removes from package-lock.json, or from the lock that is named, what names an address: where a package came from and where to pay for it.

import { readFile, writeFile } from "node:fs/promises";

const path = process.argv[2] ?? new URL("package-lock.json", import.meta.url);
const lock = JSON.parse(await readFile(path, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved;
  delete entry.funding;
}
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
