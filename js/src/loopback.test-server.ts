/** A server on loopback for the engine's tests: one request listener a test, and what became of its connections. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export const BODY = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) % 251);
export const SHA256 = createHash("sha256").update(BODY).digest("hex");

export class Loopback {
  /** What to do with each request. */
  answer: RequestListener = (_, response) => void response.writeHead(500).end();
  readonly requests: IncomingMessage[] = [];
  /** Answers whose connection went away before they were finished. */
  cut = 0;
  readonly #server = createServer((request, response) => {
    this.requests.push(request);
    response.on("close", () => {
      this.cut += response.writableFinished ? 0 : 1;
    });
    this.answer(request, response);
  });

  static async open(): Promise<Loopback> {
    const loopback = new Loopback();
    loopback.#server.listen(0, "127.0.0.1");
    await once(loopback.#server, "listening");
    return loopback;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Send the body in so many pieces, chunked. */
export async function inPieces(response: ServerResponse, pieces: number): Promise<void> {
  const size = BODY.length / pieces;
  for (let at = 0; at < BODY.length; at += size) {
    response.write(BODY.subarray(at, at + size));
    await sleep(5);
  }
  response.end();
}

/** Wait until `claim` holds; the test's own time limit ends a vain wait. */
export async function until(claim: () => boolean): Promise<void> {
  while (!claim()) {
    await sleep(5);
  }
}
