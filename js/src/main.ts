/** What the bundle is: the engine, ready for use. Python gets it as the value of the bundle's text. */

import { Kernel } from "./kernel.ts";

export const engine = new Kernel();
