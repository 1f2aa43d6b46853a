// OpenAI's own package: Chat Completions.
import { assert, errorOf, hello, key, load, model, parameters, url, usage, weather } from './common.mjs';

const { default: OpenAI } = await load('openai');
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = content => ({ model, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content }] });
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'The weather.', parameters } }];

export const cases = {
  async whole() {
    const answer = await client.chat.completions.create(ask('hello'));
    assert.equal(answer.choices[0].message.content, hello);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.model, model);
    assert.equal(answer.usage.prompt_tokens, usage.input);
    assert.equal(answer.usage.prompt_tokens_details.cached_tokens, usage.cached);
    assert.equal(answer.usage.completion_tokens, usage.output);
  },
  async streamed() {
    const stream = await client.chat.completions.create({ ...ask('hello'), stream: true, stream_options: { include_usage: true } });
    let [text, last, finish] = ['', null, null];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      last = chunk;
    }
    assert.deepEqual([text, finish, last.choices.length], [hello, 'stop', 0]);
    assert.equal(last.usage.total_tokens, usage.input + usage.output);
  },
  async streamed_with_helper() {
    const stream = client.chat.completions.stream(ask('hello'));
    const answer = await stream.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, hello);
  },
  async tool_round_trip() {
    const first = await client.chat.completions.create({ ...ask('weather?'), tools });
    const message = first.choices[0].message;
    assert.equal(first.choices[0].finish_reason, 'tool_calls');
    assert.equal(message.tool_calls[0].function.name, 'get_weather');
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' });
    const second = await client.chat.completions.create({
      model,
      tools,
      messages: [...ask('weather?').messages, message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'sunny' }],
    });
    assert.equal(second.choices[0].message.content, weather);
  },
  async parallel_tools_streamed() {
    const answer = await client.chat.completions.stream({ ...ask('weather twice?'), tools }).finalChatCompletion();
    const calls = answer.choices[0].message.tool_calls;
    assert.deepEqual(calls.map(call => JSON.parse(call.function.arguments).city), ['Paris', 'Rome']);
    assert.equal(new Set(calls.map(call => call.id)).size, 2);
    const second = await client.chat.completions.create({
      model,
      tools,
      messages: [
        ...ask('weather twice?').messages,
        answer.choices[0].message,
        ...calls.map(call => ({ role: 'tool', tool_call_id: call.id, content: 'sunny' })),
      ],
    });
    assert.equal(second.choices[0].message.content, weather);
  },
  async tool_streamed() {
    const answer = await client.chat.completions.stream({ ...ask('weather?'), tools, tool_choice: 'required' }).finalChatCompletion();
    assert.deepEqual(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });
  },
  async json_schema() {
    const answer = await client.chat.completions.create({
      ...ask('weather as json'),
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'weather', strict: true, schema: { type: 'object', properties: { city: { type: 'string' }, sky: { type: 'string' } }, required: ['city', 'sky'], additionalProperties: false } },
      },
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: 'Paris', sky: 'sunny' });
  },
  async image() {
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==' } }] }],
    });
    assert.equal(answer.choices[0].message.content, hello);
  },
  async reasoning() {
    const answer = await client.chat.completions.create({ ...ask('think'), reasoning_effort: 'low' });
    assert.equal(answer.choices[0].message.content, 'It is four.');
    assert.equal(answer.choices[0].message.reasoning_content, 'Two and two.');
  },
  async bad_request() {
    const error = await errorOf(() => client.chat.completions.create(ask('fail with 400')));
    assert.deepEqual([error.constructor.name, error.status], ['BadRequestError', 400]);
    assert.match(error.message, /Told to fail/);
  },
  async provider_down() {
    const error = await errorOf(() => client.chat.completions.create(ask('fail with 500')));
    assert.equal(error.constructor.name, 'InternalServerError');
  },
  async unknown_model() {
    const error = await errorOf(() => client.chat.completions.create({ ...ask('hello'), model: 'none' }));
    assert.deepEqual([error.constructor.name, error.code], ['NotFoundError', 'model_not_found']);
  },
  async wrong_key() {
    const other = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-og-wrong', maxRetries: 0 });
    const error = await errorOf(() => other.chat.completions.create(ask('hello')));
    assert.equal(error.constructor.name, 'AuthenticationError');
  },
  async broken_off() {
    const error = await errorOf(() => client.chat.completions.stream(ask('break off')).finalChatCompletion());
    assert.match(error.message, /broke off/);
  },
  async aborted() {
    const stream = await client.chat.completions.create({ ...ask('fall silent'), stream: true });
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      if (text === 'Once upon a time') {
        stream.controller.abort();
      }
    }
    assert.equal(text, 'Once upon a time');
  },
  async models() {
    const names = [];
    for await (const one of client.models.list()) {
      names.push(one.id);
    }
    assert.ok(names.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
};
