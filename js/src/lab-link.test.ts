import { expect, it } from "vitest";
import { TabLink } from "./lab-link.ts";

function view(href: string, kept: Map<string, string> | null = new Map()) {
  const sessionStorage = kept && {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  return { location: { href }, sessionStorage };
}

it("keeps the link of an address for the reload, which has none", () => {
  const kept = new Map<string, string>();
  expect(new TabLink(view("https://site.example/lab#lock=1.x", kept)).address).toBe("https://site.example/lab#lock=1.x");
  expect(new TabLink(view("https://site.example/lab", kept)).address).toBe("https://site.example/lab#lock=1.x");
  expect(new TabLink(view("https://site.example/lab#lock=1.y", kept)).address).toBe("https://site.example/lab#lock=1.y");
});

it("forgets it when it is told to", () => {
  const kept = new Map<string, string>();
  const link = new TabLink(view("https://site.example/lab#lock=1.x", kept));
  link.forget();
  expect([link.address, new TabLink(view("https://site.example/lab", kept)).address]).toEqual([null, null]);
});

it("works for one visit where nothing can be kept", () => {
  expect(new TabLink(view("https://site.example/lab#lock=1.x", null)).address).toBe("https://site.example/lab#lock=1.x");
  const refuses = { location: { href: "https://site.example/lab#lock=1.x" }, get sessionStorage(): never { throw new Error("no"); } };
  expect(new TabLink(refuses).address).toBe("https://site.example/lab#lock=1.x");
});
