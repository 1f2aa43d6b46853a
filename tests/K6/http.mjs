// Requests by curl, since those of k6 return their answer.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { state } from './state.mjs';

const seconds = (text) => text.endsWith('ms') ? Number(text.slice(0, -2)) / 1000 : Number(text.slice(0, -1));

function batch(requests) {
  const folder = mkdtempSync(join(tmpdir(), 'og-k6-'));
  try {
    requests.forEach(({ body }, i) => writeFileSync(join(folder, `${i}.body`), body ?? ''));
    const commands = requests.map(({ method, url, params = {} }, i) => {
      const headers = Object.entries(params.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const words = ['curl', '-sS', '-N', '-X', method, url, ...headers, '--data-binary', `@${i}.body`, '-m', `${seconds(params.timeout ?? '60s')}`, '-D', `${i}.headers`, '-o', `${i}.answer`, '-w', '%{time_starttransfer}'];
      return `${words.map((word) => `'${word.replaceAll('\'', '\'\\\'\'')}'`).join(' ')} >${i}.time 2>/dev/null && touch ${i}.ended &`;
    });
    spawnSync('bash', ['-c', `${commands.join('\n')}\nwait`], { cwd: folder });
    return requests.map((request, i) => answer(request, existsSync(join(folder, `${i}.ended`)), (part) => existsSync(join(folder, `${i}.${part}`)) ? readFileSync(join(folder, `${i}.${part}`), 'utf8') : ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function answer({ params = {} }, hasEnded, read) {
  const [line, ...lines] = read('headers').trim().split('\r\n\r\n').at(-1).split('\r\n');
  const headers = Object.fromEntries(lines.map((header) => [header.slice(0, header.indexOf(':')).replace(/\b[a-z]/g, (letter) => letter.toUpperCase()), header.slice(header.indexOf(':') + 1).trim()]));
  const body = read('answer');
  const response = {
    // k6 knows no answers in part.
    status: hasEnded ? Number(line.split(' ')[1] ?? 0) : 0,
    headers,
    body,
    timings: { waiting: Number(read('time')) * 1000 },
    // As gjson, for paths of names and numbers.
    json: (path) => path.split('.').reduce((value, name) => value?.[name], JSON.parse(body)),
  };
  state.add('http_reqs', 1);
  if (params.responseCallback && !params.responseCallback(response.status)) {
    state.failed.push(`status ${response.status} of ${JSON.stringify(params.tags)}: ${body.slice(0, 600)}`);
  }
  return response;
}

export default {
  batch,
  post: (url, body, params) => batch([{ method: 'POST', url, body, params }])[0],
  expectedStatuses: (...statuses) => (status) => statuses.includes(status),
};
