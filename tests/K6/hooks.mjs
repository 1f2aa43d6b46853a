// Modules of k6 are those of the stand-in.
const modules = { k6: 'k6.mjs', 'k6/http': 'http.mjs', 'k6/data': 'k6.mjs', 'k6/metrics': 'k6.mjs', 'k6/net/grpc': 'grpc.mjs' };
let folder = '';

export function initialize(data) {
  folder = data;
}

export async function resolve(specifier, context, next) {
  return specifier in modules ? { url: new URL(modules[specifier], folder).href, shortCircuit: true } : next(specifier, context);
}
