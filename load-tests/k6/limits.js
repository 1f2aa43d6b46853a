// Limits hold exactly, and each 429 says when to come back. Before the simulated provider, with two keys made for it:
//   KEY              with --requests-per-minute, which RPM repeats (60)
//   CONCURRENT_KEY   with --concurrency, which CONCURRENCY repeats (5)
import http from 'k6/http';
import { check } from 'k6';
import { judge, keyAt, models, number, summaryTrendStats, url } from './gateway.js';

export { handleSummary } from './gateway.js';

const perMinute = number('RPM', 60);
const concurrency = number('CONCURRENCY', 5);

export const options = {
  scenarios: {
    rate: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'rate' },
    concurrent: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'concurrent' },
  },
  batch: 100,
  batchPerHost: 100,
  thresholds: { checks: ['rate==1'] },
  summaryTrendStats,
};

/** Three times the limit at once, of a key that was not used for a minute: a minute's requests pass, and what time has added meanwhile. */
export function rate() {
  const startedAt = Date.now();
  const passed = burst(keyAt(0), perMinute * 3, 0);
  const added = Math.floor(((Date.now() - startedAt) / 60_000) * perMinute) + 1;
  check(passed, {
    'all of a minute\'s requests pass': (count) => count >= perMinute,
    'no more than the limit passes': (count) => count <= perMinute + added,
  });
}

/** Three times the limit at once, each long enough that all of them overlap: exactly the limit passes. */
export function concurrent() {
  check(burst(__ENV.CONCURRENT_KEY, concurrency * 3, 3_000), { 'exactly the limit runs at once': (count) => count === concurrency });
}

/**
 * Sends requests at once, and counts those that passed.
 * @param {string} key
 * @param {number} count
 * @param {number} latencyMs of the simulated provider
 */
function burst(key, count, latencyMs) {
  const body = JSON.stringify({ model: models.openai, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16, sim: { latency_ms: latencyMs } });
  const params = {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    responseCallback: http.expectedStatuses(200, 429),
  };
  const answers = http.batch(Array.from({ length: count }, () => ({ method: 'POST', url: `${url}/v1/chat/completions`, body, params })));
  answers.forEach(judge);
  check(answers, { 'each passes or is limited': (all) => all.every(({ status }) => status === 200 || status === 429) });
  return answers.filter(({ status }) => status === 200).length;
}
