// The boot path with a start pack: what imports need is there first, the wheels arrive behind. In dedicated workers only.
import * as ours from "./ours-boot.mjs";

export const label = "micropip-lock, boot path, start pack";
export const places = ["worker"];
export { install, settle } from "./ours-boot.mjs";

export const boot = (stand) => ours.boot(stand, { stdLibURL: stand.stdlib, lock: stand.startLock });
