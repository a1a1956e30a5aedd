// window.place has what place.mjs exports, in this page or, with ?in=worker, in a worker of it; window.errors is what
// went wrong in either place and nobody caught.
import * as here from "./place.mjs";

window.errors = [];
window.addEventListener("error", (event) => window.errors.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => window.errors.push(String(event.reason)));

if (new URLSearchParams(location.search).get("in") === "worker") {
  const worker = new Worker("./worker.mjs", { type: "module" });
  const waiting = new Map();
  let count = 0;
  worker.onmessage = ({ data: { id, value, error, uncaught } }) => {
    if (uncaught !== undefined) {
      window.errors.push(uncaught);
      return;
    }
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    error === undefined ? resolve(value) : reject(new Error(error));
  };
  worker.onerror = (event) => {
    window.errors.push(String(event.message));
    for (const { reject } of waiting.values()) reject(new Error(event.message));
  };
  const call = (name) => (argument) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ id: count, name, argument });
    });
  window.place = Object.fromEntries(Object.keys(here).map((name) => [name, call(name)]));
} else {
  window.place = here;
}
