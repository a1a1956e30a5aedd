// One sample under Node: the spec comes as the argument, the numbers go to standard output as the last line.
// With --describe it tells what the named contenders say of themselves.
import { readFileSync } from "node:fs";
import * as run from "./run.mjs";

const { log } = console;
console.log = console.info = console.debug = console.error;

function memory() {
  const fields = readFileSync("/proc/self/smaps_rollup", "utf8") + readFileSync("/proc/self/status", "utf8");
  const bytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(fields)?.[1] ?? 0);
  return { private: bytes("Private_Clean") + bytes("Private_Dirty"), peak: bytes("VmHWM") };
}

process.on("uncaughtException", (error) => {
  process.stderr.write(String(error?.message || error));
  process.exit(1);
});

if (process.argv[2] === "--describe") {
  log(JSON.stringify(await Promise.all(process.argv.slice(3).map(run.describe))));
} else {
  const spec = JSON.parse(process.argv[2]);
  await run.begin(spec);
  const sample = {};
  const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  const start = spent();
  for (const name of ["boot", "prepare", "install"]) {
    const before = spent();
    sample[name] = await run.phase(name);
    if (name === "install") sample.install_cpu = spent() - before;
  }
  const { private: installed } = memory();
  sample.counts = await (await fetch(`${spec.page}/_counts`)).json();
  sample.imports = await run.phase("imports");
  sample.total_cpu = spent() - start;
  const after = memory();
  await run.phase("settle");
  log(JSON.stringify({ ...sample, heap: run.heap(), installed, imported: after.private, peak: after.peak }));
  process.exit(0);
}
