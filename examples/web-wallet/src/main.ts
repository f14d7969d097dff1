import {
  assertPasskeys,
  CodedError,
  Connections,
  DISTRUST_ADVICE,
  makePasskey,
  type Prompt,
  type ProviderRpcError,
  serveDapp,
  WalletClient,
  type WalletState,
} from '../../../ts/browser.ts';
import { readConfig } from './config.ts';
import { button, check, chosen, field, h, save } from './dom.ts';
import workerUrl from './worker.ts?worker&url';

// The wallet's page. What it shows is text that it puts into elements; what it knows of the wallet is public, except for what
// the user types.

/** How long a request is shown before it can be agreed to: a click that was meant for another window agrees to nothing. */
const CALM_MS = 700;

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
/** The one script that this page may start. */
const rules = {
  createScriptURL: (url: string) => {
    if (new URL(url, location.href).origin !== location.origin) throw new Error('a script of another origin');
    return url;
  },
};
const scripts = trustedTypes?.createPolicy('tandem', rules) ?? rules;

const element = (id: string) => document.getElementById(id) as HTMLElement;
const main = element('main');
const status = element('status');
const session = element('session');

const client = new WalletClient(
  () => new Worker(scripts.createScriptURL(workerUrl), { type: 'module', name: 'wallet' }),
);
const isAsked = window.opener !== null;
let isOpen = false;

function show(...children: (Node | string | undefined | false)[]): void {
  main.replaceChildren(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  main.querySelector<HTMLElement>('h1')?.setAttribute('tabindex', '-1');
  main.querySelector<HTMLElement>('[data-focus], h1')?.focus();
}

function say(text: string, isBusy = false): void {
  status.textContent = text;
  status.classList.toggle('busy', isBusy);
}

const step = (text: string) => say(`${text[0]?.toUpperCase()}${text.slice(1)}…`, true);

function setOpen(open: boolean): void {
  isOpen = open;
  session.replaceChildren(
    ...(open ? [button('Lock', () => client.lock(), 'small')] : [h('span', { class: 'soft' }, 'Locked')]),
  );
}

/** What went wrong and what to do, where the eye and a screen reader find it. */
function problem(error: unknown): HTMLElement {
  const [short, next] = error instanceof CodedError ? [error.short, error.next] : [String((error as Error).message)];
  return h(
    'div',
    { class: 'tag bad', role: 'alert' },
    h('strong', {}, short),
    next ? h('div', {}, `Next: ${next}`) : '',
  );
}

/** Does what a button is for; what fails is shown at its place. */
function act(work: () => Promise<void>): (event: Event) => void {
  return (event) => {
    const from = event.currentTarget as HTMLButtonElement;
    const place = from.closest('.card, form') ?? main;
    place.querySelector('[role=alert]')?.remove();
    const buttons = [...main.querySelectorAll('button')].filter(({ disabled }) => !disabled);
    for (const each of buttons) each.disabled = true;
    work()
      .catch((error: unknown) => {
        place.append(problem(error));
      })
      .finally(() => {
        say('');
        for (const each of buttons) each.disabled = false;
      });
  };
}

// A new choice of what opens the wallet.

interface Chosen {
  readonly passkey?: string;
  readonly passphrase?: string;
}

function methodFields(): { fields: HTMLElement; choose: () => Promise<Chosen> } {
  const passkey = check('A passkey of this device (fingerprint, face or PIN)', true);
  const passphrase = check('A passphrase');
  const typed = field('Passphrase: five or more random words', {
    type: 'password',
    autocomplete: 'new-password',
    id: 'new-passphrase',
  });
  typed.label.hidden = true;
  passphrase.input.addEventListener('change', () => {
    typed.label.hidden = !passphrase.input.checked;
  });
  const fields = h(
    'fieldset',
    {},
    h('legend', {}, 'It opens by'),
    passkey.label,
    passphrase.label,
    typed.label,
    h('p', { class: 'soft' }, 'With both, either opens it.'),
  );
  // Told before anything is made.
  assertPasskeys().catch((error: unknown) => {
    passkey.input.checked = false;
    passkey.input.disabled = true;
    passphrase.input.checked = true;
    typed.label.hidden = false;
    fields.append(problem(error));
  });
  // One passkey of this page: if the wallet is not made after all, the next try takes it again.
  let made: string | undefined;
  const choose = async (): Promise<Chosen> => {
    // The date tells it from the passkeys of other wallets, none of which may be removed in its place.
    const name = `Tandem wallet of ${new Date().toISOString().slice(0, 16).replace('T', ' ')}`;
    if (passkey.input.checked) made ??= await makePasskey(name);
    return {
      ...(passkey.input.checked && made !== undefined && { passkey: made }),
      ...(passphrase.input.checked && { passphrase: typed.input.value }),
    };
  };
  return { fields, choose };
}

/** Shows a new recovery key, and lets nothing go on before the user says that it is kept. */
async function recoveryCard(): Promise<{ card: HTMLElement; recipient: string; isKept: () => boolean }> {
  const { identity, recipient } = await client.call('recoveryKey', {});
  const kept = check('I keep it where neither this device nor its backups are');
  const file = `# The recovery key of a tandem wallet. Keep it apart from all other files of the wallet.\n${identity}\n`;
  const card = h(
    'div',
    { class: 'card' },
    h('h2', {}, 'The recovery key'),
    h(
      'p',
      { class: 'soft' },
      'It opens the files of this wallet without this device. It is shown once, and kept nowhere here. Alone it signs nothing.',
    ),
    h('p', { class: 'mono', id: 'recovery-key' }, identity),
    h(
      'div',
      { class: 'row' },
      button('Save as a file', () => save('tandem-recovery-key.txt', file, 'text/plain')),
    ),
    h('p', {}, ''),
    kept.label,
  );
  return { card, recipient, isKept: () => kept.input.checked };
}

function assertKept(isKept: boolean): void {
  if (!isKept) throw new Error('Keep the recovery key first, and say so above.');
}

async function showWelcome(): Promise<void> {
  const recovery = await recoveryCard();
  const { fields, choose } = methodFields();
  const create = act(async () => {
    assertKept(recovery.isKept());
    await navigator.storage.persist();
    const methods = await choose();
    step('making the key, half here and half at the action');
    await client.call('create', { ...methods, recovery: recovery.recipient }, step);
    setOpen(true);
    await showHome();
  });
  show(
    h('h1', {}, 'A wallet whose key is never whole'),
    h(
      'p',
      {},
      'One half stays in this browser, sealed. The other is with an action that signs only what its policy allows.',
    ),
    recovery.card,
    h('div', { class: 'card' }, fields, button('Make the wallet', create, 'main')),
    restoreCard(),
  );
}

/** A backup that is put back as it was, or new shares from the recovery key. */
function restoreCard(): HTMLElement {
  const backup = field('The file of the backup', { type: 'file', accept: '.zip', id: 'backup-file' });
  const restore = act(async () => {
    const zip = await chosen(backup.input);
    if (zip === undefined) throw new Error('Choose the file first.');
    await navigator.storage.persist();
    await client.call('restore', { zip }, step);
    await showHome();
  });
  return h(
    'details',
    { class: 'card' },
    h('summary', {}, 'I have a wallet already'),
    backup.label,
    h(
      'div',
      { class: 'row' },
      button('Restore', restore),
      button('Recover with the recovery key', () => void showRecover()),
    ),
  );
}

async function showRecover(): Promise<void> {
  const state = await client.call('state', {});
  const recovery = await recoveryCard();
  const { fields, choose } = methodFields();
  const old = field('The recovery key of until now', {
    id: 'old-recovery-key',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const cold = field('The cold share, or a backup (a .zip file)', { type: 'file', accept: '.zip', id: 'cold-file' });
  const recover = act(async () => {
    assertKept(recovery.isKept());
    await navigator.storage.persist();
    const zip = await chosen(cold.input);
    const recoveryKey = old.input.value.trim();
    const methods = await choose();
    step('making new shares; the address stays');
    await client.call('recover', { ...methods, recovery: recovery.recipient, recoveryKey, ...(zip && { zip }) }, step);
    setOpen(true);
    await showHome();
  });
  show(
    h('h1', {}, 'Recover the wallet'),
    h(
      'p',
      {},
      'New shares take the place of those that are left. The address stays; the old shares are of no use with the new.',
    ),
    h('div', { class: 'card' }, old.label, cold.label),
    recovery.card,
    h(
      'div',
      { class: 'card' },
      fields,
      h(
        'div',
        { class: 'row' },
        button('Recover', recover, 'main'),
        button('Back', () => void (state.address === undefined ? showWelcome() : showHome())),
      ),
    ),
  );
}

/** Opens the wallet. Resolves once it is open, or not to be. */
function unlock(state: WalletState, title: string): Promise<boolean> {
  if (isOpen) return Promise.resolve(true);
  return new Promise((resolve) => {
    const opened = () => {
      setOpen(true);
      resolve(true);
    };
    const passphrase = field('Passphrase', { type: 'password', autocomplete: 'current-password', id: 'passphrase' });
    const byPasskey = act(async () => {
      step('waiting for the passkey');
      await client.call('open', { by: 'passkey' }, step);
      opened();
    });
    const byPassphrase = act(async () => {
      step('opening, which takes some seconds');
      await client.call('open', { passphrase: passphrase.input.value }, step);
      opened();
    });
    const submit = (event: Event) => {
      event.preventDefault();
      form.querySelector<HTMLButtonElement>('button[type=submit]')?.click();
    };
    const form = h('form', { onsubmit: submit, novalidate: true });
    const hasPasskey = state.methods.includes('passkey');
    const open = button('Open', byPassphrase, hasPasskey ? '' : 'main');
    if (state.methods.includes('passphrase')) form.append(passphrase.label, h('div', { class: 'row' }, open));
    passphrase.input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') open.click();
    });
    show(
      h('h1', {}, title),
      h('p', { class: 'mono' }, state.address ?? ''),
      h(
        'div',
        { class: 'card' },
        hasPasskey && h('div', { class: 'row' }, button('Open with the passkey', byPasskey, 'main')),
        form,
        h('p', { class: 'soft' }, 'It stays open in this tab for five minutes after the last signature.'),
      ),
      h(
        'div',
        { class: 'row' },
        button(isAsked ? 'Reject' : 'Recover with the recovery key', () => {
          if (isAsked) resolve(false);
          else void showRecover();
        }),
      ),
    );
  });
}

async function showHome(): Promise<void> {
  const state = await client.call('state', {});
  if (state.address === undefined) return showWelcome();
  if (isAsked) return serve();
  const isPersisted = await navigator.storage.persisted();
  const id = state.address;
  const saved = (kind: 'all' | 'cold') =>
    act(async () => {
      const zip = await client.call('backup', { kind });
      save(`tandem-${kind === 'cold' ? 'cold-share' : 'backup'}-${id.slice(0, 10)}.zip`, zip, 'application/zip');
    });
  show(
    h('h1', {}, 'Your wallet'),
    h('div', { class: 'card' }, h('h2', {}, 'Address'), h('p', { class: 'mono', id: 'address' }, id)),
    state.isLocked &&
      h(
        'div',
        { class: 'tag bad', role: 'alert' },
        h('strong', {}, 'An answer of the action failed a check: the share here signs no more with it.'),
        h('div', {}, `Next: ${DISTRUST_ADVICE}`),
      ),
    !state.hasHot &&
      h(
        'div',
        { class: 'tag bad', role: 'alert' },
        'The share of this browser is not here. Recover with the recovery key.',
      ),
    state.hasCold && coldCard(saved('cold')),
    h(
      'div',
      { class: 'card' },
      h('h2', {}, 'If this browser forgets'),
      h(
        'p',
        {},
        isPersisted
          ? 'The browser was asked to keep this wallet, and does not clear it by itself.'
          : 'The browser may clear this wallet when it needs space.',
        ' Clearing the data of this site deletes the share here. A backup brings it back; so do the cold share and the recovery key, by way of the action.',
      ),
      h(
        'div',
        { class: 'row' },
        button('Save a backup', saved('all')),
        !isPersisted &&
          button(
            'Ask the browser to keep it',
            act(async () => {
              await navigator.storage.persist();
              await showHome();
            }),
          ),
        button('Recover with the recovery key', () => void showRecover()),
      ),
    ),
    await connectionsCard(),
    !isOpen &&
      h(
        'div',
        { class: 'row' },
        button(
          'Open',
          act(async () => {
            await unlock(state, 'Open the wallet');
            await showHome();
          }),
          'main',
        ),
      ),
  );
}

function coldCard(saveCold: (event: Event) => void): HTMLElement {
  const kept = check('I have put the file away, off this device');
  const drop = act(async () => {
    if (!kept.input.checked) throw new Error('Put the file away first, and say so above.');
    await client.call('dropCold', {});
    await showHome();
  });
  return h(
    'div',
    { class: 'card', id: 'cold' },
    h('h2', {}, 'Put the cold share away'),
    h(
      'p',
      {},
      'It signs in an emergency, with the share here or with the action. As long as it is in this browser too, it is not cold.',
    ),
    h('div', { class: 'row' }, button('Save the cold share', saveCold, 'main')),
    h('p', {}, ''),
    kept.label,
    button('Remove it from this browser', drop),
  );
}

async function connectionsCard(): Promise<HTMLElement> {
  const all = await (await connections).list();
  const rows = all.map(({ origin }) => {
    const revoke = button(
      'Revoke',
      act(async () => {
        await (await connections).revoke(origin);
        await showHome();
      }),
      'small',
    );
    revoke.setAttribute('aria-label', `Revoke ${origin}`);
    return h('li', {}, h('span', {}, origin), revoke);
  });
  const list =
    rows.length > 0 ? h('ul', { class: 'plain', id: 'connections' }, ...rows) : h('p', { class: 'soft' }, 'None.');
  return h('div', { class: 'card' }, h('h2', {}, 'Connected sites'), list);
}

// Requests of the page that opened this window.

function verdictTag({ verdict }: Prompt): HTMLElement | undefined {
  if (verdict === undefined) return undefined;
  if (verdict.kind === 'allowed')
    return h('p', { class: 'tag good' }, `The policy allows it, by the rule “${verdict.rule}”.`);
  if (verdict.kind === 'unknown')
    return h('p', { class: 'tag wait' }, 'Whether the policy allows it, the action decides.');
  return h('p', { class: 'tag bad', role: 'alert' }, `The policy refuses it: ${verdict.reason}.`);
}

const TITLES: { readonly [kind in Prompt['kind']]: string } = {
  connect: 'wants to connect',
  switch: 'wants another chain',
  add: 'wants to add a chain',
  sign: 'asks for a signature',
  send: 'asks for a transaction',
};
const AGREE: { readonly [kind in Prompt['kind']]: string } = {
  connect: 'Connect',
  switch: 'Use it',
  add: 'Add it',
  sign: 'Sign',
  send: 'Sign and send',
};

function confirmed(prompt: Prompt): Promise<boolean> {
  return new Promise((resolve) => {
    const isRefused = prompt.verdict?.kind === 'refused';
    let isAnswered = false;
    const answer = (agrees: boolean) => {
      isAnswered = true;
      window.onfocus = null;
      for (const each of [agree, decline]) each.disabled = true;
      resolve(agrees);
    };
    const agree = button(AGREE[prompt.kind], () => answer(true), 'main');
    const decline = button(isRefused ? 'Close' : 'Reject', () => answer(false));
    agree.disabled = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const calm = () => {
      clearTimeout(timer);
      agree.disabled = true;
      timer = setTimeout(() => {
        agree.disabled = isAnswered || !document.hasFocus();
      }, CALM_MS);
    };
    window.onfocus = calm;
    calm();
    say('');
    show(
      h('h1', {}, h('span', { class: 'origin' }, prompt.origin), ' ', TITLES[prompt.kind]),
      h(
        'div',
        { class: 'card' },
        prompt.warning !== undefined && h('p', { class: 'tag bad', role: 'alert' }, prompt.warning),
        verdictTag(prompt),
        h('pre', { tabindex: '0', 'aria-label': 'What is asked' }, prompt.words),
        prompt.kind !== 'connect' && h('p', { class: 'soft' }, `Chain of this site: ${prompt.chain}`),
      ),
      h('div', { class: 'row fill' }, decline, !isRefused && agree),
    );
  });
}

function showWaiting(): void {
  show(
    h('h1', {}, 'Nothing to do'),
    h('p', {}, 'The wallet waits for the site that opened this window. It may be closed.'),
  );
}

function showDone(_: Prompt, error?: ProviderRpcError): void {
  say('');
  if (error === undefined || error.code === 4001) {
    showWaiting();
    say(error === undefined ? 'Done.' : 'Rejected.');
    return;
  }
  show(h('h1', {}, 'This was not done'), h('div', { class: 'tag bad', role: 'alert' }, error.message));
}

const config = readConfig();
const connections = config.then(({ chains }) => new Connections(chains));
client.onEnd = () => {
  if (!isOpen) return;
  setOpen(false);
  if (!isAsked) showHome().catch(failed);
};

function failed(error: unknown): void {
  show(h('h1', {}, 'The wallet does not start'), problem(error));
}

let isServing = false;

/** Serves the page that opened this window, once there is a wallet. */
async function serve(): Promise<void> {
  showWaiting();
  if (isServing) return;
  isServing = true;
  serveDapp({
    client,
    connections: await connections,
    ui: {
      confirm: confirmed,
      unlock: async () => unlock(await client.call('state', {}), 'Open the wallet to sign'),
      onStep: step,
      onDone: showDone,
    },
  });
}

setOpen(false);
// Hosts that send no headers of one's own do not keep it out of frames.
if (window.top === window) config.then(showHome).catch(failed);
else show(h('h1', {}, 'No wallet in a frame'), h('p', {}, 'Open it in a window of its own.'));
