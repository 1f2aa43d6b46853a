// Vercel's AI SDK with each of its providers; OG_PACKAGE=previous takes the major version before of all of them.
import { z } from 'zod';
import { assert, errorOf, hello, key, model, url, usage, weather } from './common.mjs';

const take = (name, previous) => import(process.env.OG_PACKAGE === 'previous' ? previous : name);
const { createAnthropic } = await take('@ai-sdk/anthropic', 'ai-anthropic-previous');
const { createGoogleGenerativeAI } = await take('@ai-sdk/google', 'ai-google-previous');
const { createOpenAI } = await take('@ai-sdk/openai', 'ai-openai-previous');
const { createOpenAICompatible } = await take('@ai-sdk/openai-compatible', 'ai-openai-compatible-previous');
const { generateText, stepCountIs, streamText, tool } = await take('ai', 'ai-previous');

const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
const models = {
  responses: openai(model),
  chat: openai.chat(model),
  compatible: createOpenAICompatible({ name: 'gateway', baseURL: `${url}/v1`, apiKey: key, includeUsage: true })(model),
  anthropic: createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model),
  google: createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key })(model),
};
const tools = { get_weather: tool({ description: 'The weather.', inputSchema: z.object({ city: z.string() }), execute: () => 'sunny' }) };

export const cases = {};
for (const [name, provider] of Object.entries(models)) {
  const of = prompt => ({ model: provider, system: 'Be brief.', prompt, maxRetries: 0 });
  cases[`${name} whole`] = async () => {
    const answer = await generateText(of('hello'));
    assert.deepEqual([answer.text, answer.finishReason], [hello, 'stop']);
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [usage.input, usage.output]);
  };
  cases[`${name} streamed`] = async () => {
    const answer = streamText(of('hello'));
    assert.equal(await answer.text, hello);
    assert.equal((await answer.usage).outputTokens, usage.output);
  };
  cases[`${name} tool loop`] = async () => {
    const answer = await generateText({ ...of('weather?'), tools, stopWhen: stepCountIs(3) });
    assert.equal(answer.text, weather);
  };
  cases[`${name} tool loop streamed`] = async () => {
    const answer = streamText({ ...of('weather twice?'), tools, stopWhen: stepCountIs(3) });
    assert.equal(await answer.text, weather);
    assert.equal((await answer.steps)[0].toolCalls.length, 2);
  };
  cases[`${name} aborted`] = async () => {
    const controller = new AbortController();
    let text = '';
    for await (const part of streamText({ ...of('fall silent'), abortSignal: controller.signal }).fullStream) {
      text += part.type === 'text-delta' ? part.text : '';
      if (text === 'Once upon a time') {
        controller.abort();
      }
    }
    assert.equal(text, 'Once upon a time');
  };
  cases[`${name} bad request`] = async () => {
    const error = await errorOf(() => generateText(of('fail with 400')));
    assert.equal(error.statusCode, 400);
  };
}
