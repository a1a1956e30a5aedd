// The same in a module worker: each message is {id, name, argument}, each answer {id, value | error}.
import * as place from "./place.mjs";

self.addEventListener("unhandledrejection", (event) => self.postMessage({ uncaught: String(event.reason) }));
self.onmessage = async ({ data: { id, name, argument } }) => {
  try {
    self.postMessage({ id, value: await place[name](argument) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
