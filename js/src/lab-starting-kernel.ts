/**
 * A kernel that is there at once, and starts behind: with a lock, or with what the site gives when that fails.
 *
 * Rules this file keeps:
 *
 * 1. The application gets it without a pause: it takes a kernel that comes late for one that died.
 * 2. Nothing is handed to a kernel before it is ready; what was disposed starts nothing more.
 */

import type { KernelOptions, LiteKernel, Signal } from "./lab-types.ts";

export class StartingKernel implements LiteKernel {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly ready: Promise<void>;
  readonly disposed: Signal<undefined>;
  readonly #slots = new Set<(sender: unknown, value: undefined) => void>();
  #kernel: LiteKernel | null = null;
  #isDisposed = false;

  /** @param start Tries one kernel after the other; each is given as it is made. */
  constructor({ id, name, location }: KernelOptions, start: (made: (kernel: LiteKernel) => void) => Promise<void>) {
    this.id = id;
    this.name = name;
    this.location = location;
    this.disposed = {
      connect: (slot) => {
        const isNew = !this.#slots.has(slot);
        this.#slots.add(slot);
        return isNew;
      },
    };
    this.ready = start((kernel) => {
      if (this.#isDisposed) {
        kernel.dispose();
        throw new Error("the kernel was shut down");
      }
      this.#kernel = kernel;
    });
    this.ready.catch(() => undefined);
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  async handleMessage(message: unknown): Promise<void> {
    await this.ready;
    await this.#kernel?.handleMessage(message);
  }

  dispose(): void {
    if (this.#isDisposed) {
      return;
    }
    this.#isDisposed = true;
    this.#kernel?.dispose();
    for (const slot of this.#slots) {
      slot(this, undefined);
    }
    this.#slots.clear();
  }
}
