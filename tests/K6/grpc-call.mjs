import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { packages, folders, file, address, method, request, metadata } = JSON.parse(readFileSync(0, 'utf8'));
const require = createRequire(`${packages}/package.json`);
const grpc = require('@grpc/grpc-js');
// Answers as in JSON: camel case, 64-bit numbers as text. Requests have the names of the contract.
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const named = (value) => Array.isArray(value) ? value.map(named)
  : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([name, part]) => [camel(name), name === 'update_mask' ? { paths: part.split(',') } : named(part)]))
  : value;
const contract = require('@grpc/proto-loader').loadSync(file, { includeDirs: folders, longs: String, enums: String, defaults: true });
const [, service, name] = /^(.*)\/(.*)$/.exec(method);
const Service = service.split('.').reduce((scope, part) => scope[part], grpc.loadPackageDefinition(contract));
const client = new Service(address, grpc.credentials.createInsecure());
client[name](named(request), grpc.Metadata.fromHttp2Headers(metadata), (error, message) => {
  console.log(JSON.stringify({ status: error?.code ?? 0, message: message ?? null, error: error?.message }));
  client.close();
});
