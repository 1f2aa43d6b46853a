// What the stand-in's modules share.
import { readFileSync } from 'node:fs';

export const state = {
  script: /** @type {URL} */ (/** @type {unknown} */ (undefined)),
  packages: '',
  passed: 0,
  failed: /** @type {string[]} */ ([]),
  metrics: new Map(),
  add(name, value) {
    state.metrics.set(name, [...(state.metrics.get(name) ?? []), value]);
  },
  // As k6 does, from the script's folder.
  open: (path) => readFileSync(new URL(path, state.script), 'utf8'),
};
