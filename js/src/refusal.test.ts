import { describe, expect, it } from "vitest";
import { Witness } from "./refusal.ts";

const URL_ = "https://files.example/six.whl";

/** A page: an event target with an origin, a location and a navigator. */
class Page extends EventTarget {
  location = {};
  origin = "https://page.example";
  navigator = { onLine: true };
}

/** A `fetch` that fails or answers by the mode, and keeps what was asked. */
function network(answers: { cors?: boolean; "no-cors"?: boolean } = {}) {
  const asked: string[] = [];
  const ask = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    asked.push(`${init?.method} ${init?.mode} ${init?.credentials} ${url}`);
    if (!answers[init?.mode as "cors" | "no-cors"]) throw new TypeError("Failed to fetch");
    return new Response();
  };
  return { asked, ask: ask as typeof fetch };
}

const violation = (blockedURI: string, disposition = "enforce") =>
  Object.assign(new Event("securitypolicyviolation"), { blockedURI, disposition });

describe("the reason of a request without an answer", () => {
  it("is not asked for outside of a page", async () => {
    const { asked, ask } = network({ "no-cors": true });

    expect([await new Witness(URL_, {}).reason(ask, false), asked]).toEqual([undefined, []]);
  });

  it.each([
    [URL_, "offline"],
    ["http://127.0.0.1:1/x", undefined],
    ["http://localhost/x", undefined],
  ])("for %s is %s while the platform says that it is offline", async (url, reason) => {
    const page = Object.assign(new Page(), { navigator: { onLine: false } });

    expect(await new Witness(url, page).reason(network().ask, false)).toBe(reason);
  });

  it.each([
    ["http://files.example/x", "https://page.example", "mixed-content"],
    ["http://files.example/x", "http://page.example", undefined],
    ["https://files.example/x", "https://page.example", undefined],
    ["http://127.0.0.1/x", "https://page.example", undefined],
    ["http://[::1]/x", "https://page.example", undefined],
    ["file:///x", "https://page.example", undefined],
    ["no address", "https://page.example", undefined],
  ])("for %s from %s is %s", async (url, origin, reason) => {
    const page = Object.assign(new Page(), { origin });

    expect(await new Witness(url, page).reason(network().ask, false)).toBe(reason);
  });

  it.each([
    [URL_, "enforce", "csp"],
    ["https://files.example", "enforce", "csp"],
    ["https://other.example/", "enforce", undefined],
    [URL_, "report", undefined],
    ["inline", "enforce", undefined],
  ])("is what a violation of %s with disposition %s says: %s", async (blocked, disposition, reason) => {
    const page = new Page();
    const witness = new Witness(URL_, page);
    const answer = witness.reason(network().ask, false);
    page.dispatchEvent(violation(blocked, disposition));

    expect(await answer).toBe(reason);
  });

  it("hears violations at the document of a page, and nothing after it was closed", async () => {
    const document = new EventTarget();
    const page = Object.assign(new Page(), { document });
    const [open, closed] = [new Witness(URL_, page), new Witness(URL_, page)];
    closed.close();
    document.dispatchEvent(violation(URL_));

    expect([await open.reason(network().ask, false), await closed.reason(network().ask, false)]).toEqual([
      "csp",
      undefined,
    ]);
  });

  it.each([
    [{ "no-cors": true }, false, "cors", ["no-cors", "cors"]],
    [{ "no-cors": true, cors: true }, false, undefined, ["no-cors", "cors"]],
    [{}, false, undefined, ["no-cors"]],
    [{ "no-cors": true }, true, undefined, []],
  ])("with %o and a server known: %s is %s", async (answers, known, reason, modes) => {
    const { asked, ask } = network(answers);

    expect(await new Witness(URL_, new Page()).reason(ask, known)).toBe(reason);
    expect(asked).toEqual(modes.map((mode) => `HEAD ${mode} omit ${URL_}`));
  });

  it("is looked for no longer when the download is stopped", async () => {
    const controller = new AbortController();
    const asked: (string | undefined)[] = [];
    const ask = (_: unknown, init?: RequestInit) =>
      new Promise<Response>((_, reject) => {
        asked.push(init?.mode);
        init?.signal?.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      });
    const answer = new Witness(URL_, new Page()).reason(ask as typeof fetch, false, controller.signal);
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();

    expect([await answer, asked]).toEqual([undefined, ["no-cors"]]);
    expect(await new Witness(URL_, new Page()).reason(ask as typeof fetch, false, controller.signal)).toBe(undefined);
    expect(asked).toEqual(["no-cors"]);
  });

  it("is no missing permission at the page's own origin", async () => {
    const page = Object.assign(new Page(), { origin: "https://files.example" });
    const { asked, ask } = network({ "no-cors": true });

    expect([await new Witness(URL_, page).reason(ask, false), asked]).toEqual([undefined, []]);
  });
});
