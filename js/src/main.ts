/** What the bundle is: the engine, ready for use. Python gets it as the value of the bundle's text. */

import { createEngine } from "./engine.ts";

export const engine = createEngine();
