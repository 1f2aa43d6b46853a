// What the scripts share: where the gateway is, keys, requests in the three protocols with their checks, and the summary.
import http from 'k6/http';
import { check } from 'k6';
import { SharedArray } from 'k6/data';
import { Counter, Trend } from 'k6/metrics';

/** Where clients reach the gateway. */
export const url = __ENV.URL || 'http://127.0.0.1:8080';

/** The models of the three protocols. Each protocol serves each; these are the simulated provider's. */
export const models = {
  openai: __ENV.MODEL || 'sim-mini',
  anthropic: __ENV.ANTHROPIC_MODEL || __ENV.MODEL || 'sim-claude',
  gemini: __ENV.GEMINI_MODEL || __ENV.MODEL || 'sim-gemini',
};

/** The customers' keys: the lines of the file KEYS, or KEY alone. VUs share one copy. */
export const keys = new SharedArray('keys', () =>
  __ENV.KEYS ? open(__ENV.KEYS).split('\n').filter((line) => line.startsWith('sk-og-')) : __ENV.KEY ? [__ENV.KEY] : []);

/** Answers with 429: the limits of the key or the account, or the provider's. */
export const limited = new Counter('limited');

/** From the request's last byte to the answer's first, ms; of streams alone. */
export const firstByte = new Trend('time_to_first_byte', true);

/**
 * A number of the environment.
 * @param {string} name
 * @param {number} otherwise
 */
export function number(name, otherwise) {
  const value = __ENV[name] === undefined ? otherwise : Number(__ENV[name]);
  if (!(value >= 0)) {
    throw new Error(`${name} is '${__ENV[name]}'; it must be a number`);
  }
  return value;
}

/** Of trends, what the summary shows. */
export const summaryTrendStats = ['min', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'];

/** What holds of every run: nothing fails, and each answer is what its protocol says. @type {Record<string, string[]>} */
export const thresholds = { http_req_failed: ['rate<0.001'], checks: ['rate==1'] };

/**
 * A scenario that starts requests at a rate, whether or not earlier ones have ended: a slow gateway does not slow the load down.
 * @param {number} rate requests a second, unless RATE says another
 * @param {string} duration unless DURATION says another
 * @returns {import('k6/options').Scenario}
 */
export function arrivals(rate, duration) {
  const perSecond = number('RATE', rate);
  return {
    executor: 'constant-arrival-rate',
    rate: perSecond,
    timeUnit: '1s',
    duration: __ENV.DURATION || duration,
    preAllocatedVUs: number('VUS', Math.max(10, perSecond)),
    maxVUs: number('MAX_VUS', Math.max(100, perSecond * 10)),
  };
}

/** The key of that number, counted from 0; after the last comes the first. @param {number} index */
export function keyAt(index) {
  if (keys.length === 0) {
    throw new Error('no key: set KEY, or KEYS to a file with one a line (load-tests/README.md)');
  }
  return keys[index % keys.length];
}

/** The keys in turn, each VU beginning at another. */
export function nextKey() {
  return keyAt(__VU * 7919 + __ITER);
}

/**
 * A Chat Completions request.
 * @param {string} key
 * @param {{ stream?: boolean, prompt?: string, outputTokens?: number, more?: object, timeout?: string, expected?: number[] }} options
 *   timeout: the client hangs up then; expected: the statuses that are no failure
 */
export function chat(key, options = {}) {
  const body = {
    model: models.openai,
    messages: [{ role: 'user', content: options.prompt || 'Why is the sea salt?' }],
    max_tokens: options.outputTokens || 64,
    stream: options.stream || false,
    ...options.more,
  };
  const response = post('/v1/chat/completions', body, { authorization: `Bearer ${key}` }, 'openai', options);
  if (response.status === 200 && options.stream) {
    firstByte.add(response.timings.waiting);
    check(response, { 'the stream ends as it should': (answer) => text(answer).endsWith('data: [DONE]\n\n') });
  } else if (response.status === 200) {
    check(response, { 'the answer has text and usage': (answer) => answer.json('usage.completion_tokens') !== undefined && !!answer.json('choices.0.message.content') });
  }
  return response;
}

/**
 * An Anthropic Messages request.
 * @param {string} key
 * @param {{ prompt?: string, timeout?: string, expected?: number[] }} options
 */
export function messages(key, options = {}) {
  const body = { model: models.anthropic, max_tokens: 64, messages: [{ role: 'user', content: options.prompt || 'Why is the sea salt?' }] };
  const response = post('/v1/messages', body, { 'x-api-key': key, 'anthropic-version': '2023-06-01' }, 'anthropic', options);
  if (response.status === 200) {
    check(response, { 'the message has text and usage': (answer) => answer.json('usage.output_tokens') !== undefined && !!answer.json('content.0.text') });
  }
  return response;
}

/**
 * A Gemini generateContent request.
 * @param {string} key
 * @param {{ prompt?: string, timeout?: string, expected?: number[] }} options
 */
export function generate(key, options = {}) {
  const body = { contents: [{ role: 'user', parts: [{ text: options.prompt || 'Why is the sea salt?' }] }], generationConfig: { maxOutputTokens: 64 } };
  const response = post(`/v1beta/models/${models.gemini}:generateContent`, body, { 'x-goog-api-key': key }, 'gemini', options);
  if (response.status === 200) {
    check(response, { 'the candidate has text and usage': (answer) => answer.json('usageMetadata.promptTokenCount') !== undefined && !!answer.json('candidates.0.content.parts.0.text') });
  }
  return response;
}

/**
 * @param {string} path
 * @param {object} body
 * @param {Record<string, string>} headers
 * @param {string} protocol
 * @param {{ timeout?: string, expected?: number[] }} options
 */
function post(path, body, headers, protocol, options) {
  const response = http.post(url + path, JSON.stringify(body), {
    headers: { ...headers, 'content-type': 'application/json' },
    tags: { protocol, name: path },
    timeout: options.timeout || '120s',
    responseCallback: http.expectedStatuses(...(options.expected || [200])),
  });
  judge(response);
  return response;
}

/**
 * Counts what was limited, and checks that it says for how long.
 * @param {import('k6/http').Response} response
 */
export function judge(response) {
  if (response.status === 429) {
    limited.add(1);
    check(response, { 'a 429 says when to come back': (answer) => Number(answer.headers['Retry-After']) >= 1 });
  }
}

/** @param {import('k6/http').Response} response */
export function text(response) {
  return typeof response.body === 'string' ? response.body : '';
}

/**
 * What k6 calls at the end: the figures as text, and all of them as JSON in the file SUMMARY.
 * @param {{ metrics: Record<string, { type: string, contains: string, values: Record<string, number>, thresholds?: Record<string, { ok: boolean }> }> }} data
 */
export function handleSummary(data) {
  const lines = Object.entries(data.metrics).sort(([a], [b]) => a.localeCompare(b)).map(([name, metric]) => {
    const values = Object.entries(metric.values).map(([statistic, value]) => `${statistic}=${Math.round(value * 1000) / 1000}`).join('  ');
    const broken = Object.entries(metric.thresholds || {}).filter(([, threshold]) => !threshold.ok).map(([condition]) => condition);
    return `${broken.length === 0 ? ' ' : '✗'} ${name.padEnd(36)} ${values}${broken.length === 0 ? '' : `   broken: ${broken.join(', ')}`}`;
  });
  /** @type {Record<string, string>} */
  const written = { stdout: `\n${lines.join('\n')}\n` };
  if (__ENV.SUMMARY) {
    written[__ENV.SUMMARY] = JSON.stringify(data, null, 2);
  }
  return written;
}
