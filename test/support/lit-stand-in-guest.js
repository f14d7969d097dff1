// Runs inside Deno, for one call of an action at the stand-in for Lit. The job comes as the first line of stdin, answers to
// requests as the others; requests go out as lines of stdout. The globals are those of Lit's newest hosts: there is no
// `viem` and no `Lit.Auth`.
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

const { stdout, exit } = Deno;
function write(message) {
  const bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length; ) at += stdout.writeSync(bytes.subarray(at));
}

// One request at a time: the answers come in the order of the requests.
let last = Promise.resolve();
function ask(op, args) {
  const answer = last.then(async () => {
    write({ op, args });
    const { ok, error } = await readLine();
    if (error !== undefined) throw new Error(error);
    return ok;
  });
  last = answer.catch(() => {});
  return answer;
}

function fail(error) {
  write({ op: 'failed', error: String(error?.stack ?? error) });
  exit(1);
}

const job = await readLine();
let response = '';
const Actions = {
  Encrypt: ({ pkpId, message }) => ask('Encrypt', [pkpId, message]),
  Decrypt: ({ pkpId, ciphertext }) => ask('Decrypt', [pkpId, ciphertext]),
  getPrivateKey: ({ pkpId }) => ask('getPrivateKey', [pkpId]),
  getLitActionPrivateKey: () => ask('getLitActionPrivateKey', []),
  getLitActionPublicKey: ({ ipfsId }) => ask('getLitActionPublicKey', [ipfsId]),
  setResponse: ({ response: given }) => {
    response = typeof given === 'string' ? given : JSON.stringify(given);
  },
};
globalThis.LitActions = Object.freeze(Actions);
globalThis.Lit = Object.freeze({ Actions, Headers: new Headers() });
for (const name of ['build', 'permissions', 'version']) delete Deno[name];
for (const name of ['Worker', 'process', 'caches']) delete globalThis[name];

addEventListener('unhandledrejection', (event) => fail(event.reason));
const [, error] = core.evalContext(job.code, 'file:///action.js');
if (error) fail(error.thrown);
const [main] = core.evalContext('main', 'file:///main.js');
const result = await main(job.params);
if (result !== undefined) Actions.setResponse({ response: result });
write({ op: 'done', response });
