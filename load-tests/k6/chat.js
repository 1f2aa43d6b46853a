// Whole answers at a constant rate. RATE (100 a second), DURATION (1m), keys in turn.
import { arrivals, chat, nextKey, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

export const options = {
  scenarios: { chat: arrivals(100, '1m') },
  thresholds: { ...thresholds, http_req_duration: ['p(99)<2000'], dropped_iterations: ['count==0'] },
  summaryTrendStats,
};

export default function () {
  chat(nextKey());
}
