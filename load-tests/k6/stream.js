// Streams at a constant rate. RATE (50 a second), DURATION (1m), TOKENS (256) asked for. k6 shows an answer once it is whole, so the time to its
// first byte is measured, and not that between events.
import { arrivals, chat, nextKey, number, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

const outputTokens = number('TOKENS', 256);

export const options = {
  scenarios: { stream: arrivals(50, '1m') },
  thresholds: { ...thresholds, time_to_first_byte: ['p(99)<2000'], dropped_iterations: ['count==0'] },
  summaryTrendStats,
};

export default function () {
  chat(nextKey(), { stream: true, outputTokens });
}
