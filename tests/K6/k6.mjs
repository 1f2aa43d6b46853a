import { state } from './state.mjs';

export function check(value, conditions) {
  let holds = true;
  for (const [name, condition] of Object.entries(conditions)) {
    if (condition(value)) {
      state.passed++;
    } else {
      holds = false;
      state.failed.push(`${name}: ${JSON.stringify(value)?.slice(0, 600)}`);
    }
  }
  return holds;
}

export class SharedArray {
  constructor(name, make) {
    return make();
  }
}

class Metric {
  constructor(name) {
    this.name = name;
  }

  add(value) {
    state.add(this.name, value);
  }
}

export { Metric as Counter, Metric as Trend, Metric as Rate, Metric as Gauge };
