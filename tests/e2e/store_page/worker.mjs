// The same in a module worker: each message is {id, name, given}, each answer {id, value | error}.
import * as calls from "./calls.mjs";

self.onmessage = async ({ data: { id, name, given } }) => {
  try {
    self.postMessage({ id, value: await calls[name](...given) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.stack ?? error) });
  }
};
