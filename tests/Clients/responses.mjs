// OpenAI's own package: Responses.
import { assert, errorOf, hello, key, load, model, parameters, url, usage, weather } from './common.mjs';

const { default: OpenAI } = await load('openai');
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = input => ({ model, instructions: 'Be brief.', input, store: false });
const tools = [{ type: 'function', name: 'get_weather', description: 'The weather.', parameters, strict: true }];

export const cases = {
  async whole() {
    const answer = await client.responses.create(ask('hello'));
    assert.equal(answer.output_text, hello);
    assert.deepEqual([answer.status, answer.model], ['completed', model]);
    assert.equal(answer.usage.input_tokens, usage.input);
    assert.equal(answer.usage.input_tokens_details.cached_tokens, usage.cached);
    assert.equal(answer.usage.output_tokens, usage.output);
  },
  async streamed() {
    const stream = await client.responses.create({ ...ask('hello'), stream: true });
    let [text, types, number] = ['', [], -1];
    for await (const event of stream) {
      assert.equal(event.sequence_number, ++number);
      types.push(event.type);
      text += event.type === 'response.output_text.delta' ? event.delta : '';
      if (event.type === 'response.completed') {
        assert.equal(event.response.usage.total_tokens, usage.input + usage.output);
        assert.equal(event.response.model, model);
      }
    }
    assert.equal(text, hello);
    assert.deepEqual([types[0], types.at(-1)], ['response.created', 'response.completed']);
  },
  async streamed_with_helper() {
    const answer = await client.responses.stream(ask('hello')).finalResponse();
    assert.equal(answer.output_text, hello);
  },
  async tool_round_trip() {
    const input = [{ role: 'user', content: 'weather?' }];
    const first = await client.responses.create({ ...ask(input), tools });
    const call = first.output.find(item => item.type === 'function_call');
    assert.deepEqual([call.name, JSON.parse(call.arguments)], ['get_weather', { city: 'Paris' }]);
    const second = await client.responses.create({
      ...ask([...input, ...first.output, { type: 'function_call_output', call_id: call.call_id, output: 'sunny' }]),
      tools,
    });
    assert.equal(second.output_text, weather);
  },
  async parallel_tools_streamed() {
    const answer = await client.responses.stream({ ...ask('weather twice?'), tools }).finalResponse();
    const calls = answer.output.filter(item => item.type === 'function_call');
    assert.deepEqual(calls.map(call => JSON.parse(call.arguments).city), ['Paris', 'Rome']);
  },
  async json_schema() {
    const answer = await client.responses.create({
      ...ask('weather as json'),
      text: { format: { type: 'json_schema', name: 'weather', strict: true, schema: { type: 'object', properties: { city: { type: 'string' }, sky: { type: 'string' } }, required: ['city', 'sky'], additionalProperties: false } } },
    });
    assert.deepEqual(JSON.parse(answer.output_text), { city: 'Paris', sky: 'sunny' });
  },
  async bad_request() {
    const error = await errorOf(() => client.responses.create(ask('fail with 400')));
    assert.deepEqual([error.constructor.name, error.status], ['BadRequestError', 400]);
  },
  async unknown_model() {
    const error = await errorOf(() => client.responses.create({ ...ask('hello'), model: 'none' }));
    assert.equal(error.constructor.name, 'NotFoundError');
  },
  async kept() {
    const { store, ...rest } = ask('hello');
    const first = await client.responses.create(rest);
    assert.equal((await client.responses.retrieve(first.id)).output_text, hello);
    const items = [];
    for await (const item of client.responses.inputItems.list(first.id, { limit: 1 })) {
      items.push(item);
    }
    assert.deepEqual(items.map(item => [item.type, item.role, item.content[0].text]), [['message', 'user', 'hello']]);
    const second = await client.responses.create({ ...rest, input: 'hello', previous_response_id: first.id });
    assert.equal(second.output_text, hello);
    assert.equal((await errorOf(() => client.responses.cancel(first.id))).constructor.name, 'BadRequestError');
    await client.responses.delete(first.id);
    assert.equal((await errorOf(() => client.responses.retrieve(first.id))).constructor.name, 'NotFoundError');
    assert.equal((await errorOf(() => client.responses.create({ ...rest, previous_response_id: first.id }))).code, 'previous_response_not_found');
  },
  async count_tokens() {
    assert.ok((await client.responses.inputTokens.count({ model, input: 'hello' })).input_tokens > 0);
  },
  async aborted() {
    const stream = await client.responses.create({ ...ask('fall silent'), stream: true });
    let text = '';
    for await (const event of stream) {
      text += event.type === 'response.output_text.delta' ? event.delta : '';
      if (text === 'Once upon a time') {
        stream.controller.abort();
      }
    }
    assert.equal(text, 'Once upon a time');
  },
  async broken_off() {
    await errorOf(async () => {
      for await (const event of await client.responses.create({ ...ask('break off'), stream: true })) {
        if (event.type === 'response.failed') {
          throw new Error(event.response.error.message);
        }
      }
    });
  },
};
