// Google's own package.
import { assert, errorOf, hello, key, load, model, parameters, url, usage, weather } from './common.mjs';

const { GoogleGenAI } = await load('@google/genai');
const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
const tools = [{ functionDeclarations: [{ name: 'get_weather', description: 'The weather.', parametersJsonSchema: parameters }] }];
const user = text => ({ role: 'user', parts: [{ text }] });

export const cases = {
  async whole() {
    const answer = await client.models.generateContent({ model, contents: 'hello', config: { systemInstruction: 'Be brief.' } });
    assert.equal(answer.text, hello);
    assert.deepEqual([answer.candidates[0].finishReason, answer.modelVersion], ['STOP', model]);
    assert.equal(answer.usageMetadata.promptTokenCount, usage.input);
    assert.equal(answer.usageMetadata.cachedContentTokenCount, usage.cached);
    assert.equal(answer.usageMetadata.candidatesTokenCount, usage.output);
  },
  async streamed() {
    let [text, last] = ['', null];
    for await (const chunk of await client.models.generateContentStream({ model, contents: 'hello' })) {
      text += chunk.text ?? '';
      last = chunk;
    }
    assert.deepEqual([text, last.candidates[0].finishReason, last.usageMetadata.totalTokenCount], [hello, 'STOP', usage.input + usage.output]);
  },
  async tool_round_trip() {
    const first = await client.models.generateContent({ model, contents: [user('weather?')], config: { tools } });
    const call = first.functionCalls[0];
    assert.deepEqual([call.name, call.args], ['get_weather', { city: 'Paris' }]);
    const second = await client.models.generateContent({
      model,
      contents: [
        user('weather?'),
        first.candidates[0].content,
        { role: 'user', parts: [{ functionResponse: { id: call.id, name: call.name, response: { output: 'sunny' } } }] },
      ],
      config: { tools },
    });
    assert.equal(second.text, weather);
  },
  async parallel_tools_streamed() {
    const calls = [];
    for await (const chunk of await client.models.generateContentStream({ model, contents: [user('weather twice?')], config: { tools } })) {
      calls.push(...(chunk.functionCalls ?? []));
    }
    assert.deepEqual(calls.map(call => call.args.city), ['Paris', 'Rome']);
  },
  async thoughts() {
    const answer = await client.models.generateContent({ model, contents: 'think', config: { thinkingConfig: { includeThoughts: true } } });
    assert.equal(answer.text, 'It is four.');
    assert.equal(answer.candidates[0].content.parts.find(part => part.thought).text, 'Two and two.');
  },
  async json_schema() {
    const answer = await client.models.generateContent({
      model,
      contents: 'weather as json',
      config: { responseMimeType: 'application/json', responseJsonSchema: { type: 'object', properties: { city: { type: 'string' }, sky: { type: 'string' } } } },
    });
    assert.deepEqual(JSON.parse(answer.text), { city: 'Paris', sky: 'sunny' });
  },
  async bad_request() {
    const error = await errorOf(() => client.models.generateContent({ model, contents: 'fail with 400' }));
    assert.deepEqual([error.constructor.name, error.status], ['ApiError', 400]);
  },
  async aborted() {
    const controller = new AbortController();
    let text = '';
    await errorOf(async () => {
      for await (const chunk of await client.models.generateContentStream({ model, contents: 'fall silent', config: { abortSignal: controller.signal } })) {
        text += chunk.text ?? '';
        if (text === 'Once upon a time') {
          controller.abort();
        }
      }
    });
    assert.equal(text, 'Once upon a time');
  },
  async broken_off() {
    const error = await errorOf(async () => {
      for await (const chunk of await client.models.generateContentStream({ model, contents: 'break off' })) {
        assert.notEqual(chunk.candidates?.[0]?.finishReason, 'STOP');
      }
    });
    assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), error);
  },
  async unknown_model() {
    const error = await errorOf(() => client.models.generateContent({ model: 'none', contents: 'hello' }));
    assert.equal(error.status, 404);
  },
  async wrong_key() {
    const other = new GoogleGenAI({ apiKey: 'sk-og-wrong', httpOptions: { baseUrl: url } });
    const error = await errorOf(() => other.models.generateContent({ model, contents: 'hello' }));
    assert.equal(error.status, 400);
    assert.match(error.message, /API_KEY_INVALID/);
  },
  async count_tokens() {
    assert.ok((await client.models.countTokens({ model, contents: 'hello' })).totalTokens > 0);
  },
  async models() {
    const names = [];
    for await (const one of await client.models.list({ config: { pageSize: 50 } })) {
      names.push(one.name);
    }
    assert.ok(names.includes(`models/${model}`));
    assert.equal((await client.models.get({ model })).name, `models/${model}`);
  },
};
