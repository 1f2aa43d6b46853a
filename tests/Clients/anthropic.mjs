// Anthropic's own package.
import { assert, errorOf, hello, key, load, model, parameters, url, usage, weather } from './common.mjs';

const { default: Anthropic } = await load('@anthropic-ai/sdk');
const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const ask = content => ({ model, max_tokens: 1000, system: 'Be brief.', messages: [{ role: 'user', content }] });
const tools = [{ name: 'get_weather', description: 'The weather.', input_schema: parameters }];

export const cases = {
  async whole() {
    const answer = await client.messages.create(ask('hello'));
    assert.deepEqual(answer.content.map(block => block.text), [hello]);
    assert.deepEqual([answer.stop_reason, answer.model, answer.role], ['end_turn', model, 'assistant']);
    assert.equal(answer.usage.input_tokens, usage.input - usage.cached);
    assert.equal(answer.usage.cache_read_input_tokens, usage.cached);
    assert.equal(answer.usage.output_tokens, usage.output);
  },
  async streamed() {
    const answer = await client.messages.stream(ask('hello')).finalMessage();
    assert.equal(answer.content[0].text, hello);
    assert.deepEqual([answer.stop_reason, answer.model, answer.usage.output_tokens], ['end_turn', model, usage.output]);
  },
  async tool_round_trip() {
    const first = await client.messages.create({ ...ask('weather?'), tools });
    const call = first.content.find(block => block.type === 'tool_use');
    assert.deepEqual([first.stop_reason, call.name, call.input], ['tool_use', 'get_weather', { city: 'Paris' }]);
    const second = await client.messages.create({
      model,
      max_tokens: 1000,
      tools,
      messages: [
        ...ask('weather?').messages,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }] },
      ],
    });
    assert.equal(second.content[0].text, weather);
  },
  async parallel_tools_streamed() {
    const answer = await client.messages.stream({ ...ask('weather twice?'), tools, tool_choice: { type: 'auto' } }).finalMessage();
    const calls = answer.content.filter(block => block.type === 'tool_use');
    assert.deepEqual(calls.map(call => call.input.city), ['Paris', 'Rome']);
    const second = await client.messages.create({
      model,
      max_tokens: 1000,
      tools,
      messages: [
        ...ask('weather twice?').messages,
        { role: 'assistant', content: answer.content },
        { role: 'user', content: calls.map(call => ({ type: 'tool_result', tool_use_id: call.id, content: 'sunny' })) },
      ],
    });
    assert.equal(second.content[0].text, weather);
  },
  async thinking() {
    const answer = await client.messages.stream({ ...ask('think'), max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } }).finalMessage();
    assert.equal(answer.content.find(block => block.type === 'thinking').thinking, 'Two and two.');
    assert.equal(answer.content.find(block => block.type === 'text').text, 'It is four.');
  },
  async image() {
    const answer = await client.messages.create(ask([
      { type: 'text', text: 'hello' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==' } },
    ]));
    assert.equal(answer.content[0].text, hello);
  },
  async bad_request() {
    const error = await errorOf(() => client.messages.create(ask('fail with 400')));
    assert.deepEqual([error.constructor.name, error.status, error.error.error.type], ['BadRequestError', 400, 'invalid_request_error']);
  },
  async provider_down() {
    const error = await errorOf(() => client.messages.create(ask('fail with 500')));
    assert.ok(error.status >= 500);
  },
  async unknown_model() {
    const error = await errorOf(() => client.messages.create({ ...ask('hello'), model: 'none' }));
    assert.deepEqual([error.constructor.name, error.error.error.type], ['NotFoundError', 'not_found_error']);
  },
  async wrong_key() {
    const other = new Anthropic({ baseURL: url, apiKey: 'sk-og-wrong', maxRetries: 0 });
    const error = await errorOf(() => other.messages.create(ask('hello')));
    assert.deepEqual([error.constructor.name, error.error.error.type], ['AuthenticationError', 'authentication_error']);
  },
  async aborted() {
    const stream = client.messages.stream(ask('fall silent'));
    let text = '';
    stream.on('text', piece => {
      text += piece;
      if (text === 'Once upon a time') {
        stream.abort();
      }
    });
    assert.equal((await errorOf(() => stream.finalMessage())).constructor.name, 'APIUserAbortError');
    assert.equal(text, 'Once upon a time');
  },
  async broken_off() {
    await errorOf(() => client.messages.stream(ask('break off')).finalMessage());
  },
  async count_tokens() {
    const { max_tokens, ...rest } = ask('hello');
    const count = await client.messages.countTokens(rest);
    assert.ok(count.input_tokens > 0);
  },
  async models() {
    const names = [];
    for await (const one of client.models.list({ limit: 1000 })) {
      names.push(one.id);
    }
    assert.ok(names.includes(model));
  },
};
