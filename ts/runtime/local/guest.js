// Runs inside Deno, before an action and in its isolate. It gives the action the globals of a Lit host and puts away
// what a Lit host does not have. It is no security boundary: an action that got at the channel below could ask the
// parent only for what its own CID may have, because the parent judges each request by the source it sent in here.

const { errors, exit, inspect, internal, stdin, stdout } = Deno;
const { Console, core } = Deno[internal];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// --- the channel: a 4-byte big-endian length and JSON, one reply to each request, blocking as on the real host

/** @param {Uint8Array} bytes */
function readFull(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const n = stdin.readSync(bytes.subarray(at));
    if (n === null) exit(0); // the parent is gone
    at += n;
  }
  return bytes;
}

function read() {
  const length = new DataView(readFull(new Uint8Array(4)).buffer).getUint32(0);
  return JSON.parse(decoder.decode(readFull(new Uint8Array(length))));
}

/** @param {unknown} message */
function write(message) {
  const body = encoder.encode(JSON.stringify(message));
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  for (let at = 0; at < frame.length; ) at += stdout.writeSync(frame.subarray(at));
}

/** @param {string} op @param {Record<string, unknown>} [args] */
function request(op, args) {
  write({ ...args, op });
  const reply = read();
  if ('error' in reply) throw new Error(reply.error);
  return reply.ok;
}

// --- what a Lit host has

/** @param {unknown} value @param {string} name */
function text(value, name) {
  const string = String(value);
  if (string.trim() === '') throw new RangeError(`${name} must not be blank`);
  return string;
}

const job = read();
const { hasAuth, hasViem, hasProxiedFetch } = job.generation;

const actions = {
  /** @param {{ pkpId: string, ciphertext: string }} params */
  Decrypt: async ({ pkpId, ciphertext }) =>
    request('decrypt', { wallet: text(pkpId, 'pkpId'), ciphertext: text(ciphertext, 'ciphertext') }),
  /** @param {{ pkpId: string, message: string }} params */
  Encrypt: async ({ pkpId, message }) =>
    request('encrypt', { wallet: text(pkpId, 'pkpId'), message: text(message, 'message') }),
  /** @param {{ pkpId: string }} params */
  getPrivateKey: async ({ pkpId }) => request('privateKey', { wallet: text(pkpId, 'pkpId') }),
  getLitActionPrivateKey: async () => request('actionPrivateKey'),
  /** @param {{ ipfsId: string }} params */
  getLitActionPublicKey: async ({ ipfsId }) => request('actionPublicKey', { cid: text(ipfsId, 'ipfsId') }),
  /** @param {{ ipfsId: string }} params */
  getLitActionWalletAddress: async ({ ipfsId }) => request('actionAddress', { cid: text(ipfsId, 'ipfsId') }),
  /** @param {{ response: unknown }} params */
  setResponse: ({ response }) => {
    const string = typeof response === 'string' ? response : JSON.stringify(response === undefined ? null : response);
    request('setResponse', { response: string });
  },
  showImportDetails: () => {
    request('print', { message: '[Import Details]\n[]\n' });
    return [];
  },
};

/** @param {object} target @param {Record<string, unknown>} values */
function constants(target, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(target, name, { value, enumerable: true, writable: false, configurable: false });
  }
}

/**
 * A global that is made when first read, and that a script may replace by a `var` of its own.
 *
 * @param {string} name @param {() => unknown} make
 */
function lazy(name, make) {
  const set = (/** @type {unknown} */ value) => {
    Object.defineProperty(globalThis, name, { value, enumerable: false, writable: true, configurable: true });
    return value;
  };
  Object.defineProperty(globalThis, name, { get: () => set(make()), set, enumerable: false, configurable: true });
}

/** @param {string} code @param {string} name */
function run(code, name) {
  const [result, error] = core.evalContext(code, name);
  if (error) throw error.thrown;
  return result;
}

/** @param {string} name */
function library(name) {
  lazy(name, () => run(request('library', { name }), `file:///${name}.js`));
}

const { fetch } = globalThis;
globalThis.fetch = Object.freeze(async (/** @type {Parameters<typeof fetch>} */ ...args) => {
  request('fetch');
  return fetch(...args);
});
if (hasProxiedFetch) Object.assign(actions, { proxiedFetch: globalThis.fetch });

const LitActions = Object.freeze(actions);
const LitHeaders = new Headers(job.headers);
const LitAuth = hasAuth ? Object.freeze([]) : undefined;
constants(globalThis, { LitActions, ...(LitAuth && { LitAuth }), LitHeaders });
constants(globalThis, {
  Lit: Object.freeze({ Actions: LitActions, ...(LitAuth && { Auth: LitAuth }), Headers: LitHeaders }),
});
library('ethers');
if (hasViem) library('viem');

globalThis.console = new Console((/** @type {string} */ message) => request('print', { message }));
Object.assign(globalThis, { global: globalThis });

// --- what it has not

for (const name of ['build', 'permissions', 'version', 'stdin', 'stdout', 'stderr', 'internal', internal])
  delete Deno[name];
for (const name of ['Worker', 'process', 'caches', 'Buffer', 'setImmediate', 'clearImmediate']) delete globalThis[name];
lazy('localStorage', () => {
  throw new errors.NotSupported('LocalStorage is not supported in this context.');
});
Deno.exit = () => {
  throw new errors.PermissionDenied("'Deno.exit' is not allowed in this context.");
};

// Deno ends a program by itself once nothing is left to wait for; only then is the action done.
addEventListener('unload', () => write({ op: 'done' }));

// For actions/template/action.ts.
if (job.showsRefusals) {
  constants(globalThis, {
    showRefusal: (/** @type {unknown} */ error) => request('print', { message: `refused for: ${inspect(error)}\n` }),
  });
}

run(job.source, 'file:///user_provided_script.js');
// The real host writes the parameters into the script as a literal, so "__proto__" in them means what it means there.
const params = run(`(${job.params})`, 'file:///params.js');
void (async () => {
  const data = await run('main', 'file:///user_provided_script.js')(params);
  if (data !== undefined) actions.setResponse({ response: data });
})();
