/**
 * `file:` addresses under Node, answered in the form of a `Response` so that the engine treats them like any other.
 *
 * In a browser there is no such thing: `isFileUrl` is false there and fetch refuses the address.
 */

import type * as FileSystem from "node:fs/promises";

/** Whether to answer `url` from the disk: a `file:` address, and this is Node. */
export function isFileUrl(url: string): boolean {
  return /^file:/i.test(url) && globalThis.process?.versions?.node !== undefined;
}

/** Bytes read at a time. */
const PIECE = 256 * 1024;

/** Status codes that say the same as the operating system's error. */
const STATUS: Readonly<Record<string, number>> = { ENOENT: 404, ENOTDIR: 404, EISDIR: 404, EACCES: 403, EPERM: 403 };

/**
 * Open a file for reading.
 *
 * @returns 200, or 206 with the range asked for, or 403, 404 or 416 without a body.
 */
export async function openFile(
  url: string,
  range: { readonly first: number; readonly last?: number | null } | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const { open } = await fileSystem();
  let file: FileSystem.FileHandle;
  try {
    file = await open(new URL(url));
  } catch (error) {
    return refused(url, error);
  }
  const status = await file.stat();
  if (!status.isFile()) {
    await file.close();
    return at(url, new Response(null, { status: 404, statusText: "not a file" }));
  }
  const { size } = status;
  const from = range?.first ?? 0;
  const to = Math.min(size, (range?.last ?? size - 1) + 1);
  if (range !== undefined && from >= to) {
    await file.close();
    return at(url, new Response(null, { status: 416, statusText: "Range Not Satisfiable" }));
  }
  let position = from;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        signal.throwIfAborted();
        const piece = new Uint8Array(Math.min(PIECE, to - position));
        const { bytesRead } = await file.read(piece, 0, piece.length, position);
        position += bytesRead;
        if (bytesRead > 0) {
          controller.enqueue(piece.subarray(0, bytesRead));
        }
        if (bytesRead === 0 || position === to) {
          await file.close();
          controller.close();
        }
      } catch (error) {
        await file.close();
        controller.error(error);
      }
    },
    cancel: () => file.close(),
  });
  const headers = { "content-length": String(to - from) };
  return at(url, new Response(body, { status: range === undefined ? 200 : 206, headers }));
}

function refused(url: string, error: unknown): Response {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const status = STATUS[code];
  if (status === undefined) {
    throw error;
  }
  return at(url, new Response(null, { status, statusText: code }));
}

/** A constructed Response has no address of its own. */
function at(url: string, response: Response): Response {
  Object.defineProperty(response, "url", { value: url });
  return response;
}

/** `import` is not to be had in a text that was evaluated by an embedder that gave it no module loader. */
async function fileSystem(): Promise<typeof FileSystem> {
  return globalThis.process.getBuiltinModule?.("node:fs/promises") ?? (await import("node:fs/promises"));
}
