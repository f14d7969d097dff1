import { spawn } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cidOf } from '../../ts/protocol/cid.ts';
import type { NodeClient } from '../../ts/runtime/lit-node-client/runtime.ts';
import type { Json } from '../../ts/runtime/types.ts';

const deno = join(import.meta.dirname, '../../node_modules/.bin/deno');
const V8_FLAGS = '--v8-flags=--disallow-code-generation-from-strings';

/** What the caller has to show; the stand-in takes any session but none. */
export type Session = { readonly session: string };

export interface OlderNetworkOptions {
  readonly nodes?: number;
  /** How the action finds its parameters. */
  readonly style?: 'globals' | 'jsParams';
  /** The CIDs of actions that call the one that is run. */
  readonly callers?: readonly string[];
}

/**
 * A stand-in for Lit's older network: several nodes, each a Deno with randomness of its own, run the action; one of them
 * does what is in `runOnce`, and their answers have to agree. The client's side of it is that of lit-node-client.
 */
export class OlderNetwork implements NodeClient<Session> {
  /** How many times something inside `runOnce` was done, and what the nodes answered, of the last call. */
  last: { leaders: number; responses: string[] } = { leaders: 0, responses: [] };
  readonly #key = randomBytes(32);
  readonly #options: OlderNetworkOptions;

  constructor(options: OlderNetworkOptions = {}) {
    this.#options = options;
  }

  async executeJs(params: { code: string; jsParams: { params: Json }; sessionSigs: Session }) {
    if (!params.sessionSigs.session) throw Object.assign(new Error('no session'), { errorCode: 'unauthorized' });
    const { nodes = 3 } = this.#options;
    const cid = cidOf(params.code);
    const call = new Call();
    const answers = await Promise.all(Array.from({ length: nodes }, () => this.#runNode(params, cid, call)));
    this.last = { leaders: call.leaders, responses: answers };
    if (new Set(answers).size !== 1)
      throw Object.assign(new Error('the nodes disagree'), { errorCode: 'no_consensus' });
    return { success: true, response: answers[0] ?? '', logs: '' };
  }

  async #runNode({ code, jsParams }: { code: string; jsParams: Json }, cid: string, call: Call): Promise<string> {
    const args = ['run', '--quiet', '--no-prompt', '--no-config', '--no-remote', '--no-npm', '--allow-net', V8_FLAGS];
    const child = spawn(deno, [...args, join(import.meta.dirname, 'older-node.js')], { env: {}, stdio: 'pipe' });
    const closed = once(child, 'close');
    const reply = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
    child.stdin.on('error', () => {});
    const { style = 'jsParams', callers = [] } = this.#options;
    reply({ code, jsParams, style, stack: [...callers, cid] });
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const message = JSON.parse(line) as { op: string; [name: string]: unknown };
        if (message.op === 'setResponse') return String(message.response);
        if (message.op === 'failed') throw Object.assign(new Error(String(message.error)), { errorCode: 'action' });
        try {
          reply({ ok: await this.#answer(message, cid, call) });
        } catch (error) {
          reply({ error: (error as Error).message });
        }
      }
      throw new Error('the node ended without an answer');
    } finally {
      child.kill('SIGKILL');
      await closed;
    }
  }

  async #answer(message: { op: string; [name: string]: unknown }, cid: string, call: Call): Promise<Json> {
    switch (message.op) {
      case 'lead':
        return call.lead();
      case 'await':
        return call.result;
      case 'publish':
        return call.publish(String(message.result));
      case 'encrypt':
        return this.encrypt(message.conditions, Buffer.from(String(message.message), 'hex'));
      case 'decrypt':
        return this.#decrypt(message, cid);
      default:
        throw new Error('no such operation');
    }
  }

  /** As anybody can who knows the network's public key. */
  encrypt(conditions: unknown, message: Buffer): { ciphertext: string; dataToEncryptHash: string } {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(JSON.stringify(conditions)));
    const sealed = Buffer.concat([nonce, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
    return {
      ciphertext: sealed.toString('base64'),
      dataToEncryptHash: createHash('sha256').update(message).digest('hex'),
    };
  }

  #decrypt({ conditions, ciphertext, hash }: Record<string, unknown>, cid: string): string {
    const [condition, ...more] = conditions as { parameters: string[]; returnValueTest: { value: string } }[];
    const isMet =
      more.length === 0 &&
      condition?.parameters[0] === ':currentActionIpfsId' &&
      condition.returnValueTest.value === cid;
    if (!isMet) throw new Error('the access control conditions are not met');
    const bytes = Buffer.from(String(ciphertext), 'base64');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(JSON.stringify(conditions))).setAuthTag(bytes.subarray(-16));
    const message = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    if (createHash('sha256').update(message).digest('hex') !== hash) throw new Error('not what was encrypted');
    return message.toString();
  }
}

/** What the nodes of one call share: who does what is done once, and what came of it. */
class Call {
  leaders = 0;
  readonly result: Promise<string>;
  #resolve: (result: string) => void = () => {};

  constructor() {
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  lead(): boolean {
    if (this.leaders > 0) return false;
    this.leaders++;
    return true;
  }

  publish(result: string): string {
    this.#resolve(result);
    return result;
  }
}
