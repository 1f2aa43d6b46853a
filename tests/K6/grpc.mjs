// A call is a process of its own, since those of k6 return their answer.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { state } from './state.mjs';

class Client {
  load(folders, file) {
    this.contract = { folders: folders.map((folder) => fileURLToPath(new URL(folder, state.script))), file };
  }

  connect(address) {
    this.address = address;
  }

  invoke(method, request, { metadata }) {
    const input = JSON.stringify({ packages: state.packages, ...this.contract, address: this.address, method, request, metadata });
    const call = spawnSync(process.execPath, [fileURLToPath(new URL('grpc-call.mjs', import.meta.url))], { input, encoding: 'utf8' });
    if (call.status !== 0) {
      throw new Error(call.stderr);
    }
    state.add('grpc_reqs', 1);
    return JSON.parse(call.stdout);
  }
}

export default { Client, StatusOK: 0 };
