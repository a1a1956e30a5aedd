import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Countdown } from "./countdown.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a countdown", () => {
  it("ends once, when its time is over", () => {
    let ends = 0;
    new Countdown().start(500, () => (ends += 1));
    vi.advanceTimersByTime(499);
    const before = ends;
    vi.advanceTimersByTime(5_000);

    expect([before, ends]).toEqual([0, 1]);
  });

  it("never ends after it was stopped, or without a limit, and begins anew when it is started again", () => {
    const ends: string[] = [];
    const [stopped, endless, again] = [new Countdown(), new Countdown(), new Countdown()];
    stopped.start(100, () => ends.push("stopped"));
    endless.start(null, () => ends.push("endless"));
    again.start(100, () => ends.push("first"));
    stopped.stop();
    vi.advanceTimersByTime(90);
    again.start(100, () => ends.push("second"));
    vi.advanceTimersByTime(90);
    const before = [...ends];
    vi.advanceTimersByTime(10);

    expect([before, ends]).toEqual([[], ["second"]]);
  });

  it("begins anew when its timer comes late, because nothing could be read meanwhile", () => {
    let ends = 0;
    new Countdown().start(500, () => (ends += 1));
    const real = performance.now.bind(performance);
    const blocked = vi.spyOn(performance, "now").mockImplementation(() => real() + 60_000);
    vi.advanceTimersByTime(500);
    blocked.mockRestore();
    const before = ends;
    vi.advanceTimersByTime(60_500);

    expect([before, ends]).toEqual([0, 1]);
  });
});
