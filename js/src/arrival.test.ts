import { describe, expect, it } from "vitest";
import { Arrival, HEAD_BYTES } from "./arrival.ts";

const piece = (length: number, fill = 7) => new Uint8Array(length).fill(fill);

describe("Arrival", () => {
  it("gives back the pieces in their order", () => {
    const arrival = new Arrival(Number.POSITIVE_INFINITY);
    for (let fill = 0; fill < 5; fill += 1) {
      arrival.add(piece(50_000, fill));
    }

    expect(arrival.bytes()).toEqual(Uint8Array.from({ length: 250_000 }, (_, at) => Math.floor(at / 50_000)));
  });

  it("hands over the buffer itself when the announcement was true", () => {
    const arrival = new Arrival(1_000);
    arrival.expect(600);
    arrival.add(piece(600));

    expect(arrival.bytes().buffer.byteLength).toBe(600);
  });

  it.each([0, 10, 5_000, Number.NaN, -1])("is not misled by an announcement of %d bytes", (announced) => {
    const arrival = new Arrival(Number.POSITIVE_INFINITY);
    arrival.expect(announced);
    arrival.add(piece(700));
    arrival.add(piece(1));

    expect(arrival.bytes()).toEqual(piece(701));
  });

  it("takes the last byte that is allowed and refuses the next", () => {
    const arrival = new Arrival(100);
    const answers = [arrival.add(piece(99)), arrival.add(piece(1)), arrival.add(piece(1)), arrival.add(piece(0))];

    expect([answers, arrival.length]).toEqual([[true, true, false, true], 100]);
  });

  it("shows at most the first 512 bytes, one character each", () => {
    const arrival = new Arrival(Number.POSITIVE_INFINITY);
    arrival.add(Uint8Array.of(0x50, 0x4b, 0xff, 0x00));
    const early = [arrival.head(), arrival.hasHead];
    arrival.add(piece(HEAD_BYTES));

    expect([early, arrival.head().length, arrival.hasHead]).toEqual([["PK\u00ff\u0000", false], HEAD_BYTES, true]);
  });
});
