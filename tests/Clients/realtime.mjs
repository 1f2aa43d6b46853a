// OpenAI's own package: sessions of Realtime.
import { assert, key, model, url } from './common.mjs';

const { default: OpenAI } = await import(process.env.OG_PACKAGE || 'openai');
const { OpenAIRealtimeWebSocket } = await import(`${process.env.OG_PACKAGE || 'openai'}/realtime/websocket`);

// The package connects with TLS only; the gateway under test has none. Node before its version 22 has no WebSocket of its own.
const Native = globalThis.WebSocket ?? (await import('ws')).WebSocket;
globalThis.WebSocket = class extends Native {
  constructor(address, protocols) {
    super(String(address).replace(/^wss:/, 'ws:'), protocols);
  }
};

/** Runs a session to the event that ends it, and answers all events. */
function session(apiKey, props, begin, until) {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, dangerouslyAllowBrowser: true });
  const socket = new OpenAIRealtimeWebSocket({ ...props, dangerouslyAllowBrowser: true }, client);
  const events = [];
  return new Promise((resolve, reject) => {
    let error = null;
    socket.on('error', told => (error = told));
    socket.on('event', event => {
      events.push(event);
      if (event.type === 'session.created') begin?.(socket);
      if (event.type === until) socket.close();
    });
    socket.socket.addEventListener('close', close => resolve({ events, error, code: close.code, protocol: socket.socket.protocol }));
    setTimeout(() => reject(new Error('The session did not end.')), 20000).unref();
  });
}

export const cases = {
  async text() {
    const { events, error, protocol } = await session(key, { model }, socket => {
      socket.send({ type: 'session.update', session: { type: 'realtime', model, output_modalities: ['text'], audio: { input: { turn_detection: null } } } });
      socket.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] } });
      socket.send({ type: 'response.create' });
    }, 'response.done');
    assert.equal(error, null);
    assert.equal(protocol, 'realtime');
    assert.equal(events[0].session.model, model);
    assert.ok(events.some(event => event.type === 'response.output_text.delta'));
    assert.ok(events.at(-1).response.usage.output_tokens > 0);
  },
  async speech() {
    const { events, error } = await session(key, { model }, socket => {
      socket.send({ type: 'input_audio_buffer.append', audio: Buffer.alloc(48000).toString('base64') });
    }, 'response.done');
    assert.equal(error, null);
    assert.ok(events.some(event => event.type === 'response.output_audio.delta'));
    assert.equal(events.at(-1).response.usage.input_token_details.audio_tokens, 10);
  },
  async client_secret() {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
    const secret = await client.realtime.clientSecrets.create({ session: { type: 'realtime', model, instructions: 'Be brief.' } });
    assert.match(secret.value, /^ek_/);
    const { events, error } = await session(secret.value, { model }, socket => socket.send({ type: 'response.create' }), 'response.done');
    assert.equal(error, null);
    assert.equal(events[0].session.instructions, 'Be brief.');
  },
  async wrong_key() {
    const { error, code } = await session('sk-og-wrong', { model });
    assert.equal(error.error.code, 'invalid_api_key');
    assert.equal(code, 3000);
  },
  async unknown_model() {
    const { error, code } = await session(key, { model: 'none' });
    assert.equal(error.error.code, 'model_not_found');
    assert.equal(code, 4004);
  },
  async refused_tool() {
    const { error } = await session(key, { model }, socket => {
      socket.send({ type: 'session.update', session: { type: 'realtime', tools: [{ type: 'mcp', server_label: 'x', server_url: 'https://example.com' }] } });
    }, 'error');
    assert.equal(error.error.code, 'unsupported_value');
  },
};
