// All load on the first key: one account's grain serves it. RATE (200 a second), DURATION (1m). Beside chat.js with many keys it shows what
// one hot account costs.
import { arrivals, chat, keyAt, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

export const options = {
  scenarios: { hot: arrivals(200, '1m') },
  thresholds: { ...thresholds, http_req_duration: ['p(99)<2000'], dropped_iterations: ['count==0'] },
  summaryTrendStats,
};

export default function () {
  chat(keyAt(0));
}
