// One request of each kind, some seconds long: whether a gateway serves at all.
import { check } from 'k6';
import { chat, generate, messages, nextKey, summaryTrendStats, thresholds } from './gateway.js';

export { handleSummary } from './gateway.js';

export const options = { vus: 1, iterations: 3, thresholds, summaryTrendStats };

export default function () {
  const key = nextKey();
  const answers = [chat(key), chat(key, { stream: true }), messages(key), generate(key)];
  check(answers, { 'all are answered': (all) => all.every((answer) => answer.status === 200) });
  check(chat('sk-og-wrong', { expected: [401] }), { 'a wrong key is refused': (answer) => answer.status === 401 && answer.json('error.code') === 'invalid_api_key' });
}
