// Requests of many accounts, the n-th of them with a probability of about 1/n, as customers are: a few are hot, most are seldom in memory.
// KEYS: a file with a key of each, such as 100,000 (keys.mjs makes it). RATE (200 a second), DURATION (5m).
import { arrivals, chat, keyAt, keys, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

export const options = {
  scenarios: { many: arrivals(200, '5m') },
  thresholds: { ...thresholds, http_req_duration: ['p(99)<2000'], dropped_iterations: ['count==0'] },
  summaryTrendStats,
};

export default function () {
  // A rank r with a probability of ln((r + 1) / r) / ln(n + 1).
  const rank = Math.floor(Math.exp(Math.random() * Math.log(keys.length + 1)));
  chat(keyAt(rank - 1));
}
