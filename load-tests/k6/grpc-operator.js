// The operators' gRPC: accounts made, credited, limited, listed and closed. OPERATOR (127.0.0.1:8082, where Gateway:OperatorGrpcUrls listens),
// OPERATOR_TOKEN, OPERATOR_TLS=1 for https. RATE (20 rounds a second), DURATION (1m).
import grpc from 'k6/net/grpc';
import { check } from 'k6';
import { arrivals, summaryTrendStats } from './gateway.js';

export { handleSummary } from './gateway.js';

const client = new grpc.Client();
client.load([__ENV.PROTO || '../../src/Operator.Contracts'], 'operator.proto');

export const options = {
  scenarios: { operator: arrivals(20, '1m') },
  thresholds: { checks: ['rate==1'], grpc_req_duration: ['p(99)<1000'] },
  summaryTrendStats,
};

let isConnected = false;

export default function () {
  if (!isConnected) {
    client.connect(__ENV.OPERATOR || '127.0.0.1:8082', { plaintext: !__ENV.OPERATOR_TLS });
    isConnected = true;
  }

  // A name of its own for each change: sent again it would be done once.
  const id = `k6-${Date.now()}-${__VU}-${__ITER}`;
  const account = call('AccountService/CreateAccount', { request_id: `${id}-create`, name: 'k6' });
  const accountId = account.accountId;
  const move = { account_id: accountId, kind: 'ENTRY_KIND_TOPUP', ref: id, amount_nanos: '1000000000' };
  call('AccountService/MoveMoney', { request_id: `${id}-credit`, ...move });
  call('AccountService/MoveMoney', { request_id: `${id}-credit`, ...move });
  call('AccountService/UpdateAccount', { request_id: `${id}-limit`, account_id: accountId, limits: { concurrency: '5' }, update_mask: 'limits.concurrency' });
  check(call('AccountService/GetAccount', { account_id: accountId }), {
    'a change that is sent twice is done once': (shown) => shown.balanceNanos === '1000000000',
    'the limit is set': (shown) => shown.limits.concurrency === '5',
  });
  call('AccountService/ListAccounts', { page_size: 10 });
  call('AccountService/SetAccountStatus', { request_id: `${id}-close`, account_id: accountId, status: 'ACCOUNT_STATUS_CLOSED' });
}

/**
 * @param {string} method
 * @param {object} request
 * @returns {any} the answer, its fields in camel case and 64-bit numbers as text
 */
function call(method, request) {
  const response = client.invoke(`orleansgateway.operator.v1.${method}`, request, { metadata: { authorization: `Bearer ${__ENV.OPERATOR_TOKEN}` }, tags: { method } });
  check(response, { 'the call is answered': (answer) => answer.status === grpc.StatusOK });
  return response.message;
}
