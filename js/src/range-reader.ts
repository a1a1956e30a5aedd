/**
 * A part of a file from its server, at once: a synchronous request, which a dedicated worker alone may send.
 *
 * Rules this file keeps: what comes is the range that was asked for (206), or the whole file (a server that knows no ranges),
 * so that it is asked for once; everything else is an error.
 *
 * Source: RFC 9110, section 14 (range requests); XMLHttpRequest (WHATWG), `responseType` of synchronous requests.
 */

import { notThere } from "./sparse-source.ts";

/** Bytes `from` up to, not including, `to` of the file of `size` bytes at an address, or all of it. */
export type RangeReader = (address: string, from: number, to: number, size: number) => Uint8Array;

declare const DedicatedWorkerGlobalScope: (new () => object) | undefined;

/** `null` where no request can be waited for. */
export function rangeReader(): RangeReader | null {
  const isWorker = typeof DedicatedWorkerGlobalScope === "function" && globalThis instanceof DedicatedWorkerGlobalScope;
  return isWorker && typeof XMLHttpRequest === "function" ? askNow : null;
}

const askNow: RangeReader = (address, from, to, size) => {
  const request = new XMLHttpRequest();
  try {
    request.open("GET", address, false);
    request.responseType = "arraybuffer";
    request.setRequestHeader("Range", `bytes=${from}-${to - 1}`);
    request.send();
  } catch (error) {
    throw notThere(String(error));
  }
  return partOf(request.status, new Uint8Array(request.response as ArrayBuffer), from, to, size);
};

/** The bytes that were asked for, out of an answer. */
export function partOf(status: number, bytes: Uint8Array, from: number, to: number, size: number): Uint8Array {
  if (status === 206 && bytes.length === to - from) {
    return bytes;
  }
  if (status === 200 && bytes.length === size) {
    return bytes;
  }
  throw notThere(`the server answered ${status} with ${bytes.length} bytes`);
}
