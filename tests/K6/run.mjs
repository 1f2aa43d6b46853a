// A stand-in for k6, which neither Debian nor npm has: runs a script of load-tests/k6 as k6 would, but a few iterations of each scenario, in
// one process. It has what the scripts use of k6, and judges checks, not thresholds.
//   node run.mjs SCRIPT PACKAGES ITERATIONS       PACKAGES: a folder in which the packages of load-tests/k6 are installed
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { writeFileSync } from 'node:fs';
import { state } from './state.mjs';

const [, , script, packages, iterations] = process.argv;
Object.assign(state, { script: pathToFileURL(script), packages });
register('./hooks.mjs', import.meta.url, { data: new URL('./', import.meta.url).href });

Object.assign(globalThis, { __ENV: process.env, __VU: 1, __ITER: 0, open: state.open });
const loaded = await import(state.script.href);
const data = await loaded.setup?.();
const scenarios = Object.values(loaded.options.scenarios ?? { default: { exec: 'default', iterations: loaded.options.iterations } });
for (const scenario of scenarios) {
  const count = Math.min(Number(iterations), scenario.iterations ?? Infinity);
  for (globalThis.__ITER = 0; globalThis.__ITER < count; globalThis.__ITER++) {
    await loaded[scenario.exec ?? 'default'](data);
  }
}

await loaded.teardown?.(data);
const metrics = Object.fromEntries([...state.metrics].map(([name, values]) => [name, { type: 'trend', contains: 'default', values: { count: values.length, max: Math.max(...values) } }]));
for (const [path, text] of Object.entries(loaded.handleSummary({ metrics }))) {
  path === 'stdout' ? process.stdout.write(text) : writeFileSync(path, text);
}

console.log(`checks: ${state.passed} passed, ${state.failed.length} failed`);
for (const failure of state.failed) {
  console.log(`FAILED ${failure}`);
}
process.exitCode = state.failed.length === 0 && state.passed > 0 ? 0 : 1;
