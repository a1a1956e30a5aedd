// Serves what the contenders fetch: two origins, every file kept in memory, requests counted.
//
// Started with the path of a JSON file: {"mounts": {"/prefix/": directory}, "files": {"/path": file}}. It prints one line,
// {"page": port, "wheels": port}, and ends when its standard input does. `page` has the page and the runtime, `wheels` what
// a lock names; both serve everything. GET /_counts on either gives {"requests", "bytes"} of `wheels` and starts anew.
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const { mounts, files } = JSON.parse(readFileSync(process.argv[2], "utf8"));

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const LASTING = "public, max-age=31536000, immutable";

const kept = new Map();
let counts = { requests: 0, bytes: 0 };

function fileOf(path) {
  if (Object.hasOwn(files, path)) return files[path];
  for (const [prefix, directory] of Object.entries(mounts)) {
    if (path.startsWith(prefix)) return join(directory, normalize(path.slice(prefix.length)).replace(/^(\.\.\/?)+/, ""));
  }
  return undefined;
}

function entryOf(path) {
  const known = kept.get(path);
  if (known !== undefined) return known;
  const file = fileOf(path);
  if (file === undefined || !statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  const index = path.startsWith("/simple/");
  const entry = {
    bytes: readFileSync(file),
    headers: {
      "Content-Type": index ? "application/vnd.pypi.simple.v1+json" : (TYPES[extname(path)] ?? "application/octet-stream"),
      "Cache-Control": /\.(whl|wasm|zip)$/.test(path) || path.startsWith("/runtime/") ? LASTING : "no-cache",
      "Accept-Ranges": "bytes",
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "*",
      "Access-Control-Expose-Headers": "*",
      "Cross-Origin-Resource-Policy": "cross-origin",
      "Timing-Allow-Origin": "*",
      ETag: `"${statSync(file).mtimeMs.toString(36)}"`,
    },
  };
  kept.set(path, entry);
  return entry;
}

// RFC 9110, 14.1.2: bytes=first-last, bytes=first-, bytes=-length; several ranges are answered whole.
function rangeOf(header, size) {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (found === null || (found[1] === "" && found[2] === "")) return undefined;
  const first = found[1] === "" ? Math.max(0, size - Number(found[2])) : Number(found[1]);
  const last = found[1] === "" || found[2] === "" ? size - 1 : Math.min(size - 1, Number(found[2]));
  return { first, last };
}

// Nothing that is measured waits for the disk.
for (const path of Object.keys(files)) entryOf(path);

function answer(request, response, counted) {
  const path = decodeURIComponent(request.url.split("?")[0]);
  if (path === "/_counts") {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.end(JSON.stringify(counts));
    counts = { requests: 0, bytes: 0 };
    return;
  }
  if (counted) counts.requests += 1;
  const entry = entryOf(path);
  if (entry === undefined) {
    response.writeHead(404, { "Access-Control-Allow-Origin": "*" }).end();
    return;
  }
  const { headers } = entry;
  // An index names files by absolute addresses; which link it is asked through, the request tells.
  const bytes = path.startsWith("/simple/")
    ? Buffer.from(entry.bytes.toString().replaceAll("{origin}", `http://${request.headers.host}`))
    : entry.bytes;
  if (request.method === "OPTIONS") {
    response.writeHead(204, { ...headers, "Access-Control-Allow-Methods": "GET, HEAD" }).end();
    return;
  }
  if (request.headers["if-none-match"] === headers.ETag) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = rangeOf(request.headers.range, bytes.length);
  if (range !== undefined && range.first > range.last) {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${bytes.length}` }).end();
    return;
  }
  const body = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    "Content-Length": body.length,
    ...(range === undefined ? {} : { "Content-Range": `bytes ${range.first}-${range.last}/${bytes.length}` }),
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  if (counted) counts.bytes += body.length;
  response.end(body);
}

function listen(counted) {
  const server = createServer({ keepAlive: true, noDelay: true }, (request, response) =>
    answer(request, response, counted),
  );
  server.keepAliveTimeout = 600_000;
  server.requestTimeout = 0;
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

console.log(JSON.stringify({ page: await listen(false), wheels: await listen(true) }));
process.stdin.resume().on("end", () => process.exit(0));
