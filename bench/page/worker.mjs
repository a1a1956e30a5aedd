// run.mjs in a module worker: each message is {id, name, argument}, each answer {id, value | error}.
import * as run from "./run.mjs";

self.onmessage = async ({ data: { id, name, argument } }) => {
  try {
    self.postMessage({ id, value: await run[name](argument) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message || error) });
  }
};
