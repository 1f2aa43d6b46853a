#!/usr/bin/env node
// Makes accounts with money and a key each, over the operators' gRPC, and prints the keys, one a line. Needs 'npm ci' in this folder.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `usage: node keys.mjs [--count N] [--credit USD] [--operator ADDRESS] [--token-file FILE] [--name NAME]
  --count       accounts (100)
  --credit      USD for each (10)
  --operator    unix:PATH or HOST:PORT without TLS (unix:.data/operator.sock of the repository)
  --token-file  the operators' token (.data/settings/Gateway__OperatorToken of the repository)
  --name        begins the names of the accounts; another one each time ('load-<time>')
`;
const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100' },
    credit: { type: 'string', default: '10' },
    operator: { type: 'string', default: `unix:${root}.data/operator.sock` },
    'token-file': { type: 'string', default: `${root}.data/settings/Gateway__OperatorToken` },
    name: { type: 'string', default: `load-${Date.now()}` },
    modules: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit();
}

const require = createRequire(`${values.modules}/package.json`);
const grpc = require('@grpc/grpc-js');
const contract = require('@grpc/proto-loader').loadSync('operator.proto', { includeDirs: [`${root}src/Operator.Contracts`], keepCase: true, longs: String });
const services = grpc.loadPackageDefinition(contract).orleansgateway.operator.v1;
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${readFileSync(values['token-file'], 'utf8').trim()}`);
const open = (service) => new services[service](values.operator, grpc.credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
const [accounts, keys] = [open('AccountService'), open('KeyService')];
const call = (client, method, request) => new Promise((resolve, reject) => client[method](request, metadata, (error, answer) => error ? reject(error) : resolve(answer)));

const nanos = String(Math.round(Number(values.credit) * 1e9));
let next = 0;
const make = async () => {
  while (next < Number(values.count)) {
    const id = `${values.name}-${++next}`;
    const { account_id } = await call(accounts, 'CreateAccount', { request_id: `${id}-create`, name: id });
    await call(accounts, 'MoveMoney', { request_id: `${id}-credit`, account_id, kind: 'ENTRY_KIND_TOPUP', ref: id, amount_nanos: nanos });
    const { secret } = await call(keys, 'CreateKey', { request_id: `${id}-key`, account_id, settings: { name: 'load' } });
    process.stdout.write(`${secret}\n`);
  }
};
await Promise.all(Array.from({ length: 32 }, make));
accounts.close();
keys.close();
