// What customers do all together: three protocols, prompts of 1 KB to 1 MB, streams, requests that are refused, clients that hang up.
// RATE (50 a second), DURATION (2m).
import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { arrivals, chat, generate, messages, nextKey, summaryTrendStats } from './gateway.js';

export { handleSummary } from './gateway.js';

const hungUp = new Counter('hung_up');

export const options = {
  scenarios: { mixed: arrivals(50, '2m') },
  // Who hangs up gets no answer, which counts as a failed request.
  thresholds: { 'http_req_failed{kind:served}': ['rate<0.001'], checks: ['rate==1'] },
  summaryTrendStats,
};

/** @param {number} bytes */
const prompt = (bytes) => 'The sea is salt because '.repeat(bytes / 24);

/** @type {[number, () => void][]} weights, which add up to 100, and what is done */
const kinds = [
  [30, () => served(chat(nextKey(), { prompt: prompt(1_000) }))],
  [20, () => served(chat(nextKey(), { prompt: prompt(4_000), stream: true }))],
  [15, () => served(messages(nextKey(), { prompt: prompt(16_000) }))],
  [15, () => served(generate(nextKey(), { prompt: prompt(16_000) }))],
  [4, () => served(chat(nextKey(), { prompt: prompt(250_000) }))],
  [1, () => served(generate(nextKey(), { prompt: prompt(1_000_000) }))],
  [3, () => refused(chat('sk-og-wrong', { expected: [401] }), 401)],
  [3, () => refused(chat(nextKey(), { more: { model: 'no-such-model' }, expected: [404] }), 404)],
  [3, () => refused(chat(nextKey(), { more: { max_tokens: -1 }, expected: [400] }), 400)],
  [6, () => {
    // Of this one only the beginning is waited for.
    chat(nextKey(), { stream: true, outputTokens: 4_096, more: { sim: { token_rate: 20 } }, timeout: '300ms', expected: [0, 200] });
    hungUp.add(1);
  }],
];

export default function () {
  let drawn = Math.random() * 100;
  for (const [weight, act] of kinds) {
    drawn -= weight;
    if (drawn < 0) {
      act();
      return;
    }
  }
}

/** @param {import('k6/http').Response} answer */
function served(answer) {
  check(answer, { 'it is served': ({ status }) => status === 200 });
}

/**
 * @param {import('k6/http').Response} answer
 * @param {number} expected
 */
function refused(answer, expected) {
  check(answer, { 'it is refused in the protocol\'s words': ({ status }) => status === expected && !!answer.json('error.message') });
}
