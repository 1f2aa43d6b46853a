// Hours of moderate load, streams and whole answers: memory, connections and latency must stay where they are. RATE (20 a second), DURATION (4h).
import { arrivals, chat, messages, nextKey, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

export const options = {
  scenarios: { soak: arrivals(20, '4h') },
  thresholds: { ...thresholds, http_req_duration: ['p(99)<5000'], dropped_iterations: ['count==0'] },
  summaryTrendStats,
};

export default function () {
  const key = nextKey();
  switch (__ITER % 3) {
    case 0:
      chat(key);
      break;
    case 1:
      chat(key, { stream: true });
      break;
    default:
      messages(key);
  }
}
