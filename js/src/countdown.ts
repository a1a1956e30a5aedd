/**
 * A time limit that is fair to a program that was not let run.
 *
 * While a page or a kernel computes, no timer fires and no byte is read; a timer that fires late says nothing about the
 * server. So a limit counts only when it ends on time; else it begins anew.
 */

/** How late a timer may be, in milliseconds, and still be believed. */
const LATE_MS = 1_000;

export class Countdown {
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Call `end` after so many milliseconds, unless it is stopped or started anew before; with no limit, never. */
  start(milliseconds: number | null | undefined, end: () => void): void {
    this.stop();
    if (milliseconds == null) {
      return;
    }
    const due = performance.now() + milliseconds;
    this.#timer = setTimeout(() => {
      if (performance.now() - due > LATE_MS) {
        this.start(milliseconds, end);
      } else {
        end();
      }
    }, milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
