// Runs inside Deno: one node of a stand-in for Lit's older network. The job comes as the first line of stdin, answers to requests as
// the others; requests go out as lines of stdout. Then the action, a script that runs by itself.
const { core } = Deno[Deno.internal];
const decoder = new TextDecoder();
const chunk = new Uint8Array(1 << 16);
let pending = '';

async function readLine() {
  for (;;) {
    const end = pending.indexOf('\n');
    if (end >= 0) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      return JSON.parse(line);
    }
    const n = await Deno.stdin.read(chunk);
    if (n === null) Deno.exit(0);
    pending += decoder.decode(chunk.subarray(0, n), { stream: true });
  }
}

function write(message) {
  const bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length; ) at += Deno.stdout.writeSync(bytes.subarray(at));
}

async function ask(op, args = {}) {
  write({ op, ...args });
  const { ok, error } = await readLine();
  if (error !== undefined) throw new Error(error);
  return ok;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const job = await readLine();
const Actions = {
  async runOnce({ waitForResponse, name }, run) {
    if (!waitForResponse) throw new Error('this network has no use for that');
    if (!(await ask('lead', { name }))) return ask('await', { name });
    const result = await run();
    if (typeof result !== 'string') throw new Error('only a text can be sent to the other nodes');
    return ask('publish', { name, result });
  },
  encrypt: ({ accessControlConditions, to_encrypt }) =>
    ask('encrypt', { conditions: accessControlConditions, message: hex(to_encrypt) }),
  decryptAndCombine: ({ accessControlConditions, ciphertext, dataToEncryptHash }) =>
    ask('decrypt', { conditions: accessControlConditions, ciphertext, hash: dataToEncryptHash }),
  setResponse: ({ response }) => write({ op: 'setResponse', response }),
};
globalThis.Lit = { Actions, Auth: { actionIpfsIdStack: job.stack } };
globalThis.LitActions = Actions;
// Both ways in which networks of this generation give parameters.
if (job.style === 'globals') Object.assign(globalThis, job.jsParams);
else globalThis.jsParams = job.jsParams;
const [, error] = core.evalContext(job.code, 'file:///action.js');
if (error) write({ op: 'failed', error: String(error.thrown) });
addEventListener('unhandledrejection', (event) => write({ op: 'failed', error: String(event.reason) }));
