import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TandemProvider } from '../ts/connector.ts';

// Tabs of one dapp, in a browser that is made up; test/chromium.test.ts has a real one.

const WALLET = 'https://wallet.example';
const [FIRST, SECOND] = [`0x${'1'.repeat(40)}`, `0x${'2'.repeat(40)}`];

const entries = new Map<string, string>();
let writes = 0;
const storage = {
  getItem: (key: string) => entries.get(key) ?? null,
  setItem: (key: string, value: string) => {
    writes += 1;
    entries.set(key, value);
  },
  removeItem: (key: string) => {
    writes += 1;
    entries.delete(key);
  },
};

/** A tab with a provider: what it has emitted, how the wallet tells it of an event, and how it hears of the storage. */
function tab() {
  const [events, window] = [new EventTarget(), { closed: false, focus() {}, postMessage() {} }];
  const page = {
    location: new URL('https://dapp.example/'),
    window: { open: () => window },
    addEventListener: events.addEventListener.bind(events),
  };
  for (const [name, value] of Object.entries(page)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const provider = new TandemProvider({ wallet: WALLET, storage });
  const emitted: unknown[] = [];
  provider.on('chainChanged', (chainId) => emitted.push(chainId));
  provider.on('accountsChanged', (accounts) => emitted.push(...accounts));
  provider.on('connect', ({ chainId }) => emitted.push(`connect ${chainId}`));
  const tell = (event: string, data: unknown) => {
    const message = { source: window, origin: WALLET, data: { tandem: 1, event, data } };
    events.dispatchEvent(Object.assign(new Event('message'), message));
  };
  const follow = () =>
    events.dispatchEvent(Object.assign(new Event('storage'), { key: 'tandem.connected', storageArea: storage }));
  const close = () => {
    window.closed = true;
  };
  return { provider, emitted, tell, follow, close };
}

const stateOf = async ({ provider }: ReturnType<typeof tab>) => [
  await provider.request({ method: 'eth_accounts' }),
  await provider.request({ method: 'eth_chainId' }),
];

test('a tab that follows another takes over account and chain together, and writes nothing', async (t) => {
  const told = tab();
  t.after(told.close);
  const asking = told.provider.request({ method: 'eth_requestAccounts' });
  told.tell('accountsChanged', [FIRST]);
  const follower = tab();
  assert.deepEqual(await stateOf(follower), [[FIRST], '0x1']);
  const seen: unknown[] = [];
  follower.provider.on('chainChanged', () => void stateOf(follower).then((state) => seen.push(...state)));

  told.tell('chainChanged', '0xa');
  told.tell('accountsChanged', [SECOND]);
  const [kept, before] = [[...entries], writes];
  follower.follow();
  assert.deepEqual([[...entries], writes], [kept, before]);
  assert.deepEqual(await stateOf(follower), [[SECOND], '0xa']);
  assert.deepEqual(await stateOf(tab()), [[SECOND], '0xa']);
  assert.deepEqual(follower.emitted, ['0xa', SECOND]);
  assert.deepEqual(seen, [[SECOND], '0xa']); // also while the first event is handled
  follower.follow();
  assert.deepEqual(follower.emitted, ['0xa', SECOND]);

  await told.provider.request({ method: 'wallet_revokePermissions' });
  follower.follow();
  assert.deepEqual(await stateOf(follower), [[], '0xa']);
  told.tell('chainChanged', '0x1');
  told.tell('accountsChanged', [FIRST]);
  follower.follow();
  assert.deepEqual(follower.emitted, ['0xa', SECOND, '0x1', 'connect 0x1', FIRST]);
  assert.deepEqual(told.emitted, ['connect 0x1', FIRST, '0xa', SECOND, '0x1', 'connect 0x1', FIRST]);
  told.close();
  await assert.rejects(asking, /window was closed/);
});
