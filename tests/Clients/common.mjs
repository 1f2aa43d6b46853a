import assert from 'node:assert/strict';

export { assert };
export const url = process.env.OG_URL;
export const key = process.env.OG_KEY;
export const model = process.env.OG_MODEL;

/** What the scripted provider says. */
export const hello = 'Hello, wörld "你好".';
export const weather = 'It is sunny in Paris.';
export const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
export const usage = { input: 120, cached: 100, output: 57 };

/** The package of the version under test. */
export const load = name => import(process.env.OG_PACKAGE || name);

/** The error that a call ends with. */
export async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail('It did not fail.');
}
