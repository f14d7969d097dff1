import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Address, bytesToHex, hashMessage, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { type BuiltAction, buildAction } from '../ts/build/action.ts';
import { buildPath, loadTandem } from '../ts/core/node.ts';
import type { ShareInfo, Tandem } from '../ts/core/wasm.ts';
import { parseIntent } from '../ts/intent/intent.ts';
import { approvalText } from '../ts/policy/judge.ts';
import { parsePolicy } from '../ts/policy/policy.ts';
import { type CosignerRequest, MAX_PARAMS } from '../ts/protocol/cosigner.ts';
import { STRICT_LIMITS } from '../ts/runtime/limits.ts';
import { LocalRuntime } from '../ts/runtime/local/runtime.ts';
import type { Json } from '../ts/runtime/types.ts';

// The real action with the real wasm in a real Deno; the parties of this side run here.

const REFUSED = { error: { code: 'refused', message: 'request refused' } };
/** An intent as a request has it. */
const json = (intent: Json) => JSON.stringify(intent);
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytes = (text: unknown) => new Uint8Array(Buffer.from(String(text), 'base64'));

let dir: string;
let runtime: LocalRuntime;
/** The same host with limits that several requests fit. */
let wide: LocalRuntime;
let messages: BuiltAction;
let any: BuiltAction;

function build(policy: Json, glue?: string): Promise<BuiltAction> {
  const main = join(import.meta.dirname, '../actions/cosigner/main.ts');
  return buildAction({ main, wasm: `${buildPath}tandem.wasm`, define: { POLICY: policy }, ...(glue && { glue }) });
}

type Fields = { [name: string]: Json };

/** The action's answer to anything at all. */
const ask = async (params: Json, action = any) => (await runtime.run(action, params)) as Fields;
/** The action's answer to a proper request, which it must grant. */
async function granted(request: CosignerRequest, action = any): Promise<Fields> {
  const answer = await ask(request as Json, action);
  assert.ok('ok' in answer, JSON.stringify(answer));
  return answer.ok as Fields;
}

async function newWallet(...actions: BuiltAction[]): Promise<string> {
  const wallet = await runtime.createWallet();
  await runtime.permit(wallet, ...actions.map(({ cid }) => cid));
  return wallet;
}

interface Keygen {
  readonly deal1: Extract<CosignerRequest, { kind: 'keygen' }>;
  readonly deal2: Extract<CosignerRequest, { op: 'deal2' }>;
  readonly shares: ReadonlyMap<number, Uint8Array>;
  readonly info: ShareInfo;
  readonly sealed: string;
}

/** Runs key generation between the action (index 2) and the other parties, who are here. */
async function keygen(wallet: string, parties: number[], authority = 'none', action = any): Promise<Keygen> {
  const others = parties.filter((index) => index !== 2);
  const terms = { kind: 'keygen' as const, threshold: 2, parties, contributors: parties, epoch: 0 };
  const tandems = new Map<number, Tandem>();
  for (const index of others) tandems.set(index, await loadTandem());
  const each = <T>(step: (tandem: Tandem, index: number) => T) =>
    new Map([...tandems].map(([index, tandem]) => [index, step(tandem, index)]));
  const sent = (steps: Map<number, { message: Uint8Array }>) =>
    Object.fromEntries([...steps].map(([index, { message }]) => [index, b64(message)]));
  const heard = (steps: Map<number, { message: Uint8Array }>, ofAction: unknown) =>
    new Map([...[...steps].map(([index, { message }]) => [index, message] as const), [2, bytes(ofAction)]]);
  const session = (steps: Map<number, { session: Uint8Array }>, index: number) =>
    steps.get(index)?.session ?? new Uint8Array();

  const round1 = each((tandem, self) => tandem.dealRound1({ ...terms, self }));
  const deal1 = {
    op: 'deal1' as const,
    kind: 'keygen' as const,
    wallet,
    threshold: 2,
    parties,
    self: 2,
    authority,
    messages: sent(round1),
  };
  const first = await granted(deal1, action);
  const answered = first.messages as Fields;
  const round2 = each((tandem, index) => tandem.dealRound2(session(round1, index), heard(round1, answered.round1)));
  const round3 = each((tandem, index) => tandem.dealRound3(session(round2, index), heard(round2, answered.round2)));
  const deal2 = {
    op: 'deal2' as const,
    wallet,
    session: String(first.session),
    messages: { round2: sent(round2), round3: sent(round3) },
  };
  const second = await granted(deal2, action);
  const done = each((tandem, index) => tandem.dealFinish(session(round3, index), heard(round3, second.message)));
  const [party] = [...done.values()];
  assert.ok(party);
  return {
    deal1,
    deal2,
    shares: new Map([...done].map(([index, { share }]) => [index, share])),
    info: party.info,
    sealed: String(second.share),
  };
}

/** A signature by the party `peer` with the action, and the address that made it. */
async function signed(
  key: Keygen,
  request: {
    intent: Json;
    digest: `0x${string}`;
    peer?: number;
    path?: string;
    account?: string;
    approval?: string;
  },
  action = any,
): Promise<string> {
  const { intent, digest, peer, path, account, approval } = request;
  const share = key.shares.get(peer ?? 1) ?? new Uint8Array();
  const tandem = await loadTandem();
  const { session, request: message } = tandem.dkls18Request({ share, peer: 2 });
  const params = {
    op: 'sign',
    wallet: key.deal1.wallet,
    share: key.sealed,
    intent: json(intent),
    request: b64(message),
  };
  const extra = {
    ...(peer && { peer }),
    ...(path && { path }),
    ...(account && { account }),
    ...(approval && { approval }),
  };
  const { response } = await granted({ ...params, ...extra } as CosignerRequest, action);
  const { r, s, yParity } = tandem.dkls18Finish({
    share,
    session,
    digest: Buffer.from(digest.slice(2), 'hex'),
    path: path ?? 'm',
    response: bytes(response),
  });
  return recoverAddress({ hash: digest, signature: { r: bytesToHex(r), s: bytesToHex(s), yParity } });
}

/** A signature by onecall of `peer`, who has no correlation, with the action: two calls, as a cold share makes it too. */
async function signedByOnecall(key: Keygen, peer: number, message: string): Promise<string> {
  const share = key.shares.get(peer) ?? assert.fail();
  const digest = hashMessage(message);
  const user = await loadTandem();
  const setUp = user.correlateRequest({ hedge: share, peer: 2 });
  const common = { wallet: key.deal1.wallet, share: key.sealed, peer };
  const { answer } = await granted({ ...common, op: 'correlate', request: b64(setUp.request) }, any);
  const { correlation } = user.correlateAccept({ share, session: setUp.session, answer: bytes(answer) });
  const digests = [Buffer.from(digest.slice(2), 'hex')];
  const { session, request } = user.onecallRequest({ share, correlation, peer: 2, digests, path: 'm' });
  const intents = [{ intent: json({ kind: 'message', message }) }];
  const { response } = await granted({ ...common, op: 'onecall', intents, request: b64(request) }, any);
  const [signature] = user.onecallFinish({ correlation, session, response: bytes(response) });
  const { r, s, yParity } = signature ?? assert.fail();
  return recoverAddress({ hash: digest, signature: { r: bytesToHex(r), s: bytesToHex(s), yParity } });
}

const address = (info: { address: Uint8Array }) => bytesToHex(info.address);

let key: Keygen;
let request: string;
let sign: Fields;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-cosigner-'));
  runtime = await LocalRuntime.open({ dir });
  const limits = { ...STRICT_LIMITS, maxParamsLength: 1_000_000, maxResponseLength: 1_000_000 };
  wide = await LocalRuntime.open({ dir, limits });
  [messages, any] = await Promise.all([build('messages'), build('any')]);
  const wallet = await newWallet(any);
  key = await keygen(wallet, [1, 2, 3], 'cold');
  const tandem = await loadTandem();
  request = b64(tandem.dkls18Request({ share: key.shares.get(1) ?? new Uint8Array(), peer: 2 }).request);
  sign = { op: 'sign', wallet, share: key.sealed, intent: json({ kind: 'message', message: 'x' }), request };
});
after(() => rmSync(dir, { recursive: true, force: true }));

describe('with the co-signer', { concurrency: 2 }, () => {
  test('with the co-signer, a key is made and signs a message, by the hot share or the cold one', async () => {
    const digest = hashMessage('hello');
    const intent = { kind: 'message', message: 'hello' };
    assert.equal((await signed(key, { intent, digest })).toLowerCase(), address(key.info));
    assert.equal((await signed(key, { intent, digest, peer: 3 })).toLowerCase(), address(key.info));
    for (const peer of [1, 3]) {
      assert.equal((await signedByOnecall(key, peer, 'hello')).toLowerCase(), address(key.info));
    }
  });

  test('with the co-signer, a message is signed as raw bytes, and under a derivation path', async () => {
    const raw = '0x00ff80';
    const tandem = await loadTandem();
    const child = tandem.derive({ publicKey: key.info.publicKey, chainCode: key.info.chainCode, path: 'm/0/5' });
    const intent = { kind: 'message', message: { raw } };
    const signer = await signed(key, { intent, digest: hashMessage({ raw }), path: 'm/0/5' });
    assert.equal(signer.toLowerCase(), address(child));
  });

  test('with the co-signer, a bare digest is signed under the policy any, and refused with the reason under messages', async () => {
    const digest = `0x${'5a'.repeat(32)}` as const;
    const intent = { kind: 'digest', digest };
    assert.equal((await signed(key, { intent, digest })).toLowerCase(), address(key.info));
    const answer = await ask({ ...sign, intent: json(intent) }, messages);
    assert.equal((answer.error as Fields).code, 'policy');
    assert.match(String((answer.error as Fields).message), /digest/);
  });

  test('with the co-signer, a key of two parties is made, also under the policy messages', async () => {
    const two = await keygen(await newWallet(messages), [1, 2], 'none', messages);
    const digest = hashMessage('é');
    const signer = await signed(two, { intent: { kind: 'message', message: 'é' }, digest }, messages);
    assert.equal(signer.toLowerCase(), address(two.info));
  });

  test('what is sent to the co-signer and answered keeps to the strictest limits', async () => {
    const path = `m${'/2147483647'.repeat(20)}`;
    const params = { ...sign, path, intent: json({ kind: 'message', message: 'x'.repeat(2500) }) };
    assert.ok(JSON.stringify(params).length < 65_536, `${JSON.stringify(params).length}`);
    const answer = await ask(params);
    assert.ok('ok' in answer && JSON.stringify(answer).length < 102_400);
  });

  test('with the co-signer, several signatures are made in one call, also from one request sent twice: independently', async () => {
    const intent = json({ kind: 'message', message: 'x' });
    const { share, wallet } = sign;
    const params = {
      op: 'signMany',
      wallet: wallet ?? '',
      share: share ?? '',
      requests: Array(8).fill({ intent, request }),
    };
    const { responses } = ((await wide.run(any, params)) as { ok: { responses: string[] } }).ok;
    assert.equal(responses.length, 8);
    assert.equal(new Set(responses).size, 8);
  });

  test('with the co-signer, of several signatures all are refused if one cannot be made', async () => {
    const intent = json({ kind: 'message', message: 'x' });
    const { share, wallet } = sign;
    const good = { intent, request };
    const many = (...requests: Json[]) =>
      wide.run(any, { op: 'signMany', wallet: wallet ?? '', share: share ?? '', requests });
    assert.ok('ok' in ((await many(good, good)) as Fields));
    for (const [name, requests] of Object.entries({
      none: [],
      nine: Array(9).fill(good),
      'a broken request': [good, { intent, request: request.slice(0, -8) }],
      'no intent': [good, { request }],
      'a field too many': [good, { ...good, path: 'm' }],
    }))
      assert.deepEqual(await many(...(requests as Json[])), REFUSED, name);
    const digest = { ...good, intent: json({ kind: 'digest', digest: `0x${'5a'.repeat(32)}` }) };
    const refused = (await wide.run(messages, {
      op: 'signMany',
      wallet: wallet ?? '',
      share: share ?? '',
      requests: [good, digest],
    })) as Fields;
    assert.match(String((refused.error as Fields).message), /^intent 2 of 2: /);
  });

  test('by the co-signer, a request asked again is answered independently', async () => {
    const [one, two] = [await ask(sign), await ask(sign)];
    assert.ok('ok' in one && 'ok' in two);
    assert.notDeepEqual(one, two);
  });
});

describe('the co-signer refuses with the reason', { concurrency: 2 }, () => {
  const reason = async (params: Json, action = any) => {
    const { error } = (await ask(params, action)) as { error: { code: string; message: string } };
    assert.equal(error.code, 'policy');
    return error.message;
  };

  test('the co-signer refuses, with the reason, what is no intent', async () => {
    for (const [name, intent] of Object.entries({
      'no JSON': 'x',
      'no kind': json({ message: 'x' }),
      'another kind': json({ kind: 'deed', message: 'x' }),
      'the fields of another kind': json({ kind: 'typedData', message: 'x' }),
      'half a character': '{"kind":"message","message":"\\ud800"}',
      'odd hex': json({ kind: 'message', message: { raw: '0x123' } }),
      'a short digest': json({ kind: 'digest', digest: `0x${'00'.repeat(31)}` }),
      'a digest beside a message': json({ kind: 'message', message: 'x', digest: '0x' }),
      'a key twice': '{"kind":"message","message":"x","message":"y"}',
    }))
      assert.match(await reason({ ...sign, intent }), /^not an intent: ./, name);
  });

  test('the co-signer refuses, with the reason, what no rule allows, naming the closest one', async () => {
    const rule = { kind: 'message', prefixes: ['example.com '] };
    const policy = {
      version: 1,
      rules: [
        { name: 'sign in', ...rule },
        { name: 'early', ...rule, notAfter: '1000000000' },
        { name: 'late', ...rule, notBefore: '99999999999' },
      ],
    };
    const late = await build({ version: 1, rules: policy.rules.slice(1) });
    const [text, digest] = [
      { kind: 'message', message: 'example.org ' },
      { kind: 'digest', digest: `0x${'00'.repeat(32)}` },
    ];
    const built = await build(policy);
    assert.match(await reason({ ...sign, intent: json(text) }, built), /^the rule sign in: /);
    assert.equal(await reason({ ...sign, intent: json(digest) }, built), 'no rule is for raw digests');
    const good = json({ kind: 'message', message: 'example.com x' });
    assert.match(await reason({ ...sign, intent: good }, late), /^the rule early: not valid after 1000000000$/);
    // Allowed: what is refused now is the share, which another source sealed.
    assert.deepEqual(await ask({ ...sign, intent: good }, built), REFUSED);
  });

  test('the co-signer refuses with the reason and without a key operation of the host, of which a signature takes two', async () => {
    const intent = json({ kind: 'digest', digest: `0x${'00'.repeat(32)}` });
    for (const [maxGetKeysCount, answers] of [
      [0, false],
      [1, false],
      [2, true],
    ] as const) {
      const counting = await LocalRuntime.open({ dir, limits: { ...STRICT_LIMITS, maxGetKeysCount } });
      const refused = (await counting.run(messages, { ...sign, intent })) as { error: { code: string } };
      assert.equal(refused.error.code, 'policy');
      assert.equal('ok' in ((await counting.run(any, sign)) as Fields), answers);
    }
  });

  test('a policy is one source however it was written, and what is no policy is not built', async () => {
    const rule = { name: 'all', kind: 'message', prefixes: 'any' };
    const [one, two] = await Promise.all([
      build({ version: 1, rules: [rule] }),
      build({ rules: [Object.fromEntries(Object.entries(rule).reverse())], version: 1 }),
    ]);
    assert.equal(one.cid, two.cid);
    assert.notEqual(one.cid, messages.cid);
    assert.ok(Math.max(one.bytes, messages.bytes) <= 500_000, `${messages.bytes} bytes`);
    await assert.rejects(build('everything'), /POLICY: there is no policy "everything"/);
    await assert.rejects(
      build({ version: 1, rules: [{ ...rule, prefixes: 'some' }] }),
      /POLICY: rules: not what is expected/,
    );
  });

  test('the co-signer refuses, with the reason, what its guardian did not approve of, for this wallet, intent and policy', async () => {
    const guardian = privateKeyToAccount(`0x${'77'.repeat(32)}`);
    const rules = {
      version: 1,
      rules: [{ name: 'all', kind: 'message', prefixes: 'any', guardian: guardian.address }],
    };
    const guarded = await build(rules, `${buildPath}wasm_exec.js`);
    const [ours, theirs] = [
      await keygen(await newWallet(guarded), [1, 2], 'none', guarded),
      await keygen(await newWallet(guarded), [1, 2], 'none', guarded),
    ];
    const account = address(ours.info);
    const intent = { kind: 'message', message: 'pay' };
    const digest = hashMessage('pay');
    const approve = (of: Address, by = guardian) =>
      by.signMessage({ message: approvalText(parsePolicy(rules), of, parseIntent(intent)) });
    const approval = await approve(account);
    assert.equal((await signed(ours, { intent, digest, account, approval }, guarded)).toLowerCase(), account);

    const tandem = await loadTandem();
    const asked = { ...sign, intent: json(intent), share: ours.sealed, wallet: ours.deal1.wallet, account };
    const stranger = await approve(account, privateKeyToAccount(`0x${'78'.repeat(32)}`));
    assert.match(await reason(asked, guarded), /^the rule all: the approval of the guardian .* is missing$/);
    assert.match(await reason({ ...asked, approval: stranger }, guarded), /not of the guardian/);
    const many = (...approvals: string[]) => {
      const { intent, share, wallet } = asked;
      const made = b64(tandem.dkls18Request({ share: ours.shares.get(1) ?? new Uint8Array(), peer: 2 }).request);
      const requests = approvals.map((approval) => ({ intent, approval, request: made }));
      return wide.run(guarded, { op: 'signMany', wallet, share, account, requests } as Json);
    };
    assert.ok('ok' in ((await many(approval, approval)) as Fields));
    assert.match(json(await many(approval, stranger)), /intent 2 of 2: the rule all: .*not of the guardian/);
    const altered = { ...asked, intent: json({ ...intent, message: 'pay more' }), approval };
    assert.match(await reason(altered, guarded), /not of the guardian/);

    // With its own address the other wallet is refused; with ours, for the share says otherwise.
    const replayed = { ...asked, share: theirs.sealed, wallet: theirs.deal1.wallet, approval };
    assert.match(await reason({ ...replayed, account: address(theirs.info) }, guarded), /not of the guardian/);
    assert.deepEqual(await ask(replayed, guarded), REFUSED);
    assert.match(await reason({ ...asked, path: 'm/1', approval }, guarded), /cannot be checked here/);
    assert.match(await reason({ ...asked, path: 'm/1', root: account, approval }, guarded), /not of the guardian/);
  });

  test('the co-signer refuses, with the reason, a balance that is too low for the account, or that nobody tells', async () => {
    let balance = '0x0';
    const node = createServer((incoming, answer) => {
      let text = '';
      incoming.on('data', (data) => {
        text += data;
      });
      incoming.on('end', () => {
        const { id, params } = JSON.parse(text) as { id: Json; params: string[] };
        const result = params[0] === address(key.info) ? balance : '0x0';
        answer.setHeader('content-type', 'application/json');
        answer.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    });
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}/`;
      const reads = [{ url, balanceOf: 'account', min: '5' }];
      const rich = await build({ version: 1, rules: [{ name: 'rich', kind: 'message', prefixes: 'any', reads }] });
      const account = address(key.info);
      assert.equal(await reason({ ...sign, account }, rich), 'the rule rich: the balance is 0, below 5');
      assert.match(await reason(sign, rich), /^the rule rich: the balance could not be read: /);
      balance = '0x5';
      assert.deepEqual(await ask({ ...sign, account }, rich), REFUSED);
    } finally {
      node.close();
    }
  });
});

describe('the co-signer refuses alike', { concurrency: 2 }, () => {
  /** Changes one character of base64 or hex to another of the same alphabet. */
  const flip = (text: string, at: number) => {
    const i = at < 0 ? text.length + at : at;
    return text.slice(0, i) + (text[i] === '1' ? '2' : '1') + text.slice(i + 1);
  };

  async function refuses(cases: Record<string, Json>, action = any): Promise<void> {
    const asked = Object.entries(cases).map(async ([name, params]) => {
      assert.deepEqual(await ask(params, action), REFUSED, name);
    });
    await Promise.all(asked);
  }

  test('the co-signer refuses like all else what is no request', () =>
    refuses({
      null: null,
      text: 'sign',
      list: [],
      empty: {},
      'another op': { ...sign, op: 'deal3' },
      'an op it inherits': JSON.parse(`{"__proto__":${JSON.stringify(sign)}}`),
      'a field too many': { ...sign, extra: 1 },
      'no wallet': { ...sign, wallet: '' },
      'no address': { ...sign, wallet: `${sign.wallet}00` },
    }));

  test('parameters that are longer than what it needs, where its host does not', async () => {
    const limits = { ...STRICT_LIMITS, maxParamsLength: 10_000_000 };
    const lenient = await LocalRuntime.open({ dir, limits });
    const message = (length: number) => json({ kind: 'message', message: 'x'.repeat(length) });
    assert.ok('ok' in ((await lenient.run(any, { ...sign, intent: message(131_000) })) as Fields));
    const answer = (await lenient.run(any, { ...sign, intent: message(131_072) })) as { error: Fields };
    assert.match(String(answer.error.message), /^not an intent: larger than 131072 characters/);
    assert.deepEqual(await lenient.run(any, { ...sign, intent: message(MAX_PARAMS) }), REFUSED);
    assert.ok(MAX_PARAMS < 3_000_000, "Lit's gateway takes about that much");
  });

  test('the co-signer refuses like all else what has no intent in it', () =>
    refuses({
      'no text': { ...sign, intent: { kind: 'message', message: 'x' } },
      none: Object.fromEntries(Object.entries(sign).filter(([name]) => name !== 'intent')),
      'a hardened path': { ...sign, path: "m/44'/60'" },
      'a path out of range': { ...sign, path: 'm/2147483648' },
    }));

  test('the co-signer refuses like all else another account than the one that signs', async () => {
    const { publicKey, chainCode } = key.info;
    const child = (await loadTandem()).derive({ publicKey, chainCode, path: 'm/1' });
    await refuses({
      'of nobody': { ...sign, account: `0x${'11'.repeat(20)}` },
      'of another path': { ...sign, account: address(child) },
      'of no path': { ...sign, path: 'm/1', account: address(key.info) },
      'no address': { ...sign, account: '0x11' },
    });
    assert.ok('ok' in (await ask({ ...sign, account: address(key.info) })));
    assert.ok('ok' in (await ask({ ...sign, path: 'm/1', account: address(child) })));
  });

  test('the co-signer refuses like all else an altered, truncated or foreign request', async () => {
    const other = await keygen(await newWallet(any), [1, 2], 'none');
    const foreign = (await loadTandem()).dkls18Request({ share: other.shares.get(1) ?? new Uint8Array(), peer: 2 });
    const cold = (await loadTandem()).dkls18Request({ share: key.shares.get(3) ?? new Uint8Array(), peer: 2 });
    await refuses({
      empty: { ...sign, request: '' },
      truncated: { ...sign, request: request.slice(0, -8) },
      'its head altered': { ...sign, request: flip(request, 3) },
      'its key id altered': { ...sign, request: flip(request, 40) },
      'not base64': { ...sign, request: `${request}*` },
      'of another key': { ...sign, request: b64(foreign.request) },
      'of another party': { ...sign, request: b64(cold.request) },
      'for a party that is not there': { ...sign, peer: 4 },
      'for the action itself': { ...sign, peer: 2 },
      'no number': { ...sign, peer: '1' },
    });
  });

  test('the co-signer refuses like all else an altered, foreign or other kind of sealed secret', async () => {
    const two = await newWallet(any);
    const other = await keygen(two, [1, 2], 'none');
    const { correlate: _, ...deal2 } = key.deal2;
    await refuses({
      empty: { ...sign, share: '' },
      'no hex': { ...sign, share: 'zz' },
      truncated: { ...sign, share: key.sealed.slice(0, -2) },
      'its head altered': { ...sign, share: flip(key.sealed, 0) },
      'its middle altered': { ...sign, share: flip(key.sealed, key.sealed.length / 2) },
      'its end altered': { ...sign, share: flip(key.sealed, -1) },
      'of another wallet of the same action': { ...sign, share: other.sealed },
      'under another wallet': { ...sign, wallet: two },
      'a session for a share': { ...sign, share: key.deal2.session },
      'a share for a session': { ...deal2, session: key.sealed },
      'an altered session': { ...deal2, session: flip(key.deal2.session, 60) },
      'another wallet of the same action for a session': { ...deal2, wallet: two },
    });
  });

  test('the co-signer refuses like all else what another source sealed, though both may use the wallet', async () => {
    await runtime.permit(key.deal1.wallet, any.cid, messages.cid);
    await refuses({ share: sign, session: key.deal2 as Json }, messages);
    assert.ok('ok' in (await ask(sign)));
  });

  test('the co-signer refuses like all else a wallet that it may not use', async () => {
    const wallet = await runtime.createWallet();
    await refuses({ sign: { ...sign, wallet }, deal1: { ...key.deal1, wallet } as Json });
  });

  test('the co-signer refuses like all else a deal of other terms, or with messages that do not belong to it', async () => {
    const { deal1, deal2 } = key;
    const { '1': one, '3': three } = deal1.messages;
    const other = await keygen(deal1.wallet, [1, 2, 3], 'none');
    const { round2, round3 } = deal2.messages;
    const flipped = flip(String(round2[1]), 100);
    await refuses({
      'a threshold of one': { ...deal1, threshold: 1 } as Json,
      'a threshold above the parties': { ...deal1, threshold: 4 } as Json,
      'parties out of order': { ...deal1, parties: [3, 2, 1] } as Json,
      'a party twice': { ...deal1, parties: [1, 2, 2, 3] } as Json,
      'no place for itself': { ...deal1, self: 4 } as Json,
      'a party without message': { ...deal1, messages: { 1: one ?? '' } } as Json,
      'an unknown authority': { ...deal1, authority: 'me' } as Json,
      'a cold authority without a cold party': {
        ...deal1,
        parties: [1, 2],
        authority: 'cold',
        messages: { 1: one ?? '' },
      } as Json,
      'messages swapped': { ...deal1, messages: { 1: three ?? '', 3: one ?? '' } } as Json,
      'messages of another round': { ...deal1, messages: round2 } as Json,
      'rounds swapped': { ...deal2, messages: { round2: round3, round3: round2 } } as Json,
      'messages of another deal': { ...deal2, messages: other.deal2.messages } as Json,
      'the session of another deal': { ...deal2, session: other.deal2.session } as Json,
      'an altered message': { ...deal2, messages: { round2: { ...round2, 1: flipped }, round3 } } as Json,
      'a message missing': { ...deal2, messages: { round2: { 1: round2[1] ?? '' }, round3 } } as Json,
    });
  });

  test('the co-signer deals the same key if a call is asked again', async () => {
    const again = await granted(key.deal2);
    const digest = hashMessage('again');
    const signer = await signed(
      { ...key, sealed: String(again.share) },
      { intent: { kind: 'message', message: 'again' }, digest },
    );
    assert.equal(signer.toLowerCase(), address(key.info));
  });
});
