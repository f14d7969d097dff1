import { type Call, type Result, startModule } from './module.ts';

/** The kinds of deal. */
export type DealKind = 'keygen' | 'import' | 'reshare';

/** The messages of one round by the index (1 to 255) of the party that broadcast them. */
export type Messages = ReadonlyMap<number, Uint8Array>;

/** What a deal is about: down to `epoch`, except `self`, the same for all its parties. */
export interface DealParams {
  kind: DealKind;
  /** How many shares sign, at least 2. */
  threshold: number;
  /** The indices of those who receive a share, ascending. */
  parties: readonly number[];
  /** The indices of those who contribute, ascending: in a keygen all parties, in an import one. */
  contributors: readonly number[];
  /** The index of the caller. */
  self: number;
  /** Counts the reshares: 0 for a new key. */
  epoch: number;
  /** Import, for the contributor only: the private key, 32 bytes. */
  secret?: Uint8Array;
  /** Import, for the contributor only: the chain code that belongs to the key, 32 bytes; without it, a new one. */
  chainCode?: Uint8Array;
  /** Reshare: what {@link Tandem.shareKey} gives for an old share, for those who have none. */
  old?: Uint8Array;
  /** Reshare: the caller's old share. */
  share?: Uint8Array;
}

/** One step of a deal. */
export interface DealStep {
  /** Secret: what the caller's next step needs. To be used once. */
  session: Uint8Array;
  /** To be broadcast to all participants; a relay learns nothing from it. */
  message: Uint8Array;
}

/** The public data of a key share. */
export interface ShareInfo {
  index: number;
  threshold: number;
  parties: number[];
  epoch: number;
  /** The public key of the wallet, 33 bytes (SEC1, compressed). */
  publicKey: Uint8Array;
  /** Its Ethereum address, 20 bytes. */
  address: Uint8Array;
  /** 32 bytes that stand for the key, its chain code and its sharing: the parties of one deal have it in common. */
  keyId: Uint8Array;
  /** The BIP32 chain code, 32 bytes. */
  chainCode: Uint8Array;
}

/** What a signature by three rounds begins with. */
export interface Dkls23Params {
  /** The caller's. */
  share: Uint8Array;
  /** The indices of all who sign, ascending: as many as the threshold. */
  signers: readonly number[];
  /** 32 bytes. */
  digest: Uint8Array;
  /** `m` for the wallet's own key. */
  path: string;
}

/** One step of such a signature. */
export interface Dkls23Step {
  /** Secret but after the last round: what the caller's next step needs. To be used once. */
  session: Uint8Array;
  /** For all other signers; a relay learns nothing from it, and may pass on what {@link Tandem.dkls23For} leaves of it. */
  message: Uint8Array;
}

/** A signature in Ethereum's form: low s, both numbers 32 bytes big endian. */
export interface Signature {
  r: Uint8Array;
  s: Uint8Array;
  yParity: 0 | 1;
}

/**
 * Starts an instance of the wasm module. An instance serves one session (a deal, a signature) and is then dropped: its
 * memory only ever grows.
 *
 * @param module build/tandem.wasm, compiled; one compiled module serves any number of instances
 * @throws {@link TandemError} with code `internal` if the module does not start or is another one
 */
export async function instantiate(module: WebAssembly.Module): Promise<Tandem> {
  return new Tandem(await startModule(module));
}

/**
 * The protocols, one method per export of the wasm module. Every method throws a {@link TandemError} and clears the
 * copies that it made of its arguments, not the arguments themselves. After code `internal` the instance is dead.
 */
export class Tandem {
  readonly #call: Call;

  /** @internal use {@link instantiate} */
  constructor(call: Call) {
    this.#call = call;
  }

  /**
   * Begins a deal: the message commits the caller to its contribution. The session must stay in the caller's memory; a
   * party whose sessions are kept by others uses {@link dealJoin}.
   */
  dealRound1(params: DealParams): DealStep {
    return dealStep(this.#call('deal_round1', dealArgument(params)));
  }

  /** Rounds 1 and 2 at once, given the round 1 messages of all others; the session is for {@link dealRound3}. */
  dealJoin(
    params: DealParams,
    messages: Messages,
  ): { session: Uint8Array; message1: Uint8Array; message2: Uint8Array } {
    const out = this.#call('deal_join', { ...dealArgument(params), messages });
    return { session: out.bytes('session'), message1: out.bytes('message1'), message2: out.bytes('message2') };
  }

  /**
   * Takes the round 1 messages of all others; the new message opens the commitment and holds a sealed part for every
   * party. The session is empty for a contributor that receives no share: its part ends here.
   */
  dealRound2(session: Uint8Array, messages: Messages): DealStep {
    return dealStep(this.#call('deal_round2', { session, messages }));
  }

  /** Takes the round 2 messages of all others; the new message confirms the caller's share. */
  dealRound3(session: Uint8Array, messages: Messages): DealStep {
    return dealStep(this.#call('deal_round3', { session, messages }));
  }

  /** Takes the round 3 messages of all others and returns the key share, a secret of some 115 + 71·n bytes. */
  dealFinish(session: Uint8Array, messages: Messages): { share: Uint8Array; info: ShareInfo } {
    const out = this.#call('deal_finish', { session, messages });
    return { share: out.bytes('share'), info: shareInfo(out.child('info')) };
  }

  /**
   * The caller's signature (64 bytes) of a digest of 32 bytes, with its key share: what an authority over a share gives. It
   * is of no use as any other proof or signature.
   */
  authorize(input: { share: Uint8Array; digest: Uint8Array }): Uint8Array {
    const { share, digest } = input;
    return this.#call('authorize', { share, digest }).bytes('signature');
  }

  /** Throws a {@link TandemError} unless the signature is one of {@link authorize} by party `by` of the share's key. */
  checkAuthorized(input: { share: Uint8Array; by: number; digest: Uint8Array; signature: Uint8Array }): void {
    const { share, by, digest, signature } = input;
    this.#call('check_authorized', { share, by, digest, signature });
  }

  /** Encrypts to a public key (33 bytes), so that it opens only with the same context. */
  sealTo(input: { publicKey: Uint8Array; context: Uint8Array; plaintext: Uint8Array }): Uint8Array {
    const { publicKey, context, plaintext } = input;
    return this.#call('seal_to', { publicKey, context, plaintext }).bytes('sealed');
  }

  /** Opens what {@link sealTo} made. */
  openSealed(input: { secretKey: Uint8Array; context: Uint8Array; sealed: Uint8Array }): Uint8Array {
    const { secretKey, context, sealed } = input;
    return this.#call('open_sealed', { secretKey, context, sealed }).bytes('plaintext');
  }

  /** Reads a key share, whose consistency is checked. */
  shareInfo(share: Uint8Array): ShareInfo {
    return shareInfo(this.#call('share_info', { share }));
  }

  /** The public part of a key share, encoded: what {@link DealParams.old} takes. */
  shareKey(share: Uint8Array): Uint8Array {
    return this.#call('share_key', { share }).bytes('key');
  }

  /**
   * The private key, 32 bytes, that as many shares as the threshold make. From then on it is whole, and no policy binds it.
   */
  combine(shares: readonly Uint8Array[]): Uint8Array {
    return this.#call('combine', { shares }).bytes('key');
  }

  /** The public key (33 bytes) and address (20 bytes) under a non-hardened BIP32 path such as `m/0/5`. */
  derive(input: { publicKey: Uint8Array; chainCode: Uint8Array; path: string }): {
    publicKey: Uint8Array;
    address: Uint8Array;
  } {
    const { publicKey, chainCode, path } = input;
    const out = this.#call('derive', { publicKey, chainCode, path });
    return { publicKey: out.bytes('publicKey'), address: out.bytes('address') };
  }

  /**
   * The address (20 bytes) whose key made a signature (r, s and v: 65 bytes, with low s; v is 0, 1, 27 or 28) of a digest
   * of 32 bytes.
   */
  recover(input: { digest: Uint8Array; signature: Uint8Array }): Uint8Array {
    const { digest, signature } = input;
    return this.#call('recover', { digest, signature }).bytes('address');
  }

  /**
   * The user's first step of the set-up of a correlation with the action `peer`, from which any number of signatures follow. The
   * session must stay in memory; it ends with the first answer that {@link correlateAccept} does not refuse with code `stale` or
   * `input`. Every attempt takes a new request. It can be made before the key exists.
   *
   * @param input.hedge what the caller has that is secret and of this key: its share, or in a deal its session. It protects
   *   against a random source that repeats itself.
   */
  correlateRequest(input: { hedge: Uint8Array; peer: number }): { session: Uint8Array; request: Uint8Array } {
    const { hedge, peer } = input;
    const out = this.#call('correlate_request', { hedge, peer });
    return { session: out.bytes('session'), request: out.bytes('request') };
  }

  /**
   * The action's only step of the set-up: answers the request of `peer`. It keeps nothing, and may be asked again. In a deal
   * it answers once its share is there.
   */
  correlateRespond(input: { share: Uint8Array; peer: number; request: Uint8Array }): Uint8Array {
    const { share, peer, request } = input;
    return this.#call('correlate_respond', { share, peer, request }).bytes('answer');
  }

  /**
   * The user's last step of the set-up: the correlation, a secret of some 14 KB, and its id (32 bytes), which is public. After code
   * `stale` or `input` the answer was not the action's, and the session still stands. After code `party` the action has
   * sent a wrong answer: the session has ended, nothing secret was touched. Limit how often you try again.
   */
  correlateAccept(input: { share: Uint8Array; session: Uint8Array; answer: Uint8Array }): {
    correlation: Uint8Array;
    id: Uint8Array;
  } {
    const { share, session, answer } = input;
    const out = this.#call('correlate_accept', { share, session, answer });
    return { correlation: out.bytes('correlation'), id: out.bytes('id') };
  }

  /**
   * The user's first step of signatures with the action `peer`, from their correlation: of 1 to 8 digests of 32 bytes each,
   * under a derivation path (`m` for the wallet's own key). The session must stay in memory; it ends with the first
   * response that {@link onecallFinish} does not refuse with code `stale` or `input`. The request may be sent any number of
   * times. Code `session` means that the correlation is one of another key, epoch or pair of signers.
   */
  onecallRequest(input: {
    share: Uint8Array;
    correlation: Uint8Array;
    peer: number;
    digests: readonly Uint8Array[];
    path: string;
  }): { session: Uint8Array; request: Uint8Array } {
    const { share, correlation, peer, digests, path } = input;
    const out = this.#call('onecall_request', { share, correlation, peer, digests, path });
    return { session: out.bytes('session'), request: out.bytes('request') };
  }

  /**
   * The action's only step: answers the request of `peer` for digests that it has computed itself. It also returns the
   * public data of the share, which the caller compares with what it knows about the share before the response leaves.
   *
   * @param input.inputs what else the caller's decision rests on, or a hash of it: with it, a random source that repeats
   *   itself still gives unrelated nonces to calls that have read different things. May be empty.
   */
  onecallRespond(input: {
    share: Uint8Array;
    peer: number;
    digests: readonly Uint8Array[];
    path: string;
    request: Uint8Array;
    inputs: Uint8Array;
  }): { response: Uint8Array; info: ShareInfo } {
    const { share, peer, digests, path, request, inputs } = input;
    const out = this.#call('onecall_respond', { share, peer, digests, path, request, inputs });
    return { response: out.bytes('response'), info: shareInfo(out.child('info')) };
  }

  /**
   * Throws a {@link TandemError} with code `stale` or `input` unless the response is the action's to this very request, unaltered.
   * To be asked before the correlation is taken out of its store for {@link onecallFinish}; after an error, nothing was touched
   * and all still stands.
   */
  onecallCheck(input: { session: Uint8Array; response: Uint8Array }): void {
    const { session, response } = input;
    this.#call('onecall_check', { session, response });
  }

  /**
   * The user's last step: the verified signatures, in the order of the digests. Only then may the correlation be put back into
   * its store. After code `stale` or `input` the response was not the action's, nothing secret was touched, and the session
   * still stands; after code `session` the correlation is not that of the request. After any other code, above all `check`,
   * the correlation must be destroyed and the share locked before the error is shown.
   */
  onecallFinish(input: { correlation: Uint8Array; session: Uint8Array; response: Uint8Array }): Signature[] {
    const { correlation, session, response } = input;
    return this.#call('onecall_finish', { correlation, session, response }).children('signatures').map(signature);
  }

  /**
   * The user's first step of a 2-of-n signature with `peer`. The session must stay in memory and be finished at most
   * once; the request may be sent any number of times.
   */
  dkls18Request(input: { share: Uint8Array; peer: number }): { session: Uint8Array; request: Uint8Array } {
    const { share, peer } = input;
    const out = this.#call('dkls18_request', { share, peer });
    return { session: out.bytes('session'), request: out.bytes('request') };
  }

  /**
   * The only step of the other signer: answers the request of `peer` for a digest of 32 bytes and a derivation path
   * (`m` for the wallet's own key).
   */
  dkls18Respond(input: {
    share: Uint8Array;
    peer: number;
    digest: Uint8Array;
    path: string;
    request: Uint8Array;
  }): Uint8Array {
    const { share, peer, digest, path, request } = input;
    return this.#call('dkls18_respond', { share, peer, digest, path, request }).bytes('response');
  }

  /**
   * The user's last step: the verified signature. After code `check` the share must be locked before the error is
   * shown; after code `stale` nothing secret was touched, and the session still stands.
   */
  dkls18Finish(input: {
    share: Uint8Array;
    session: Uint8Array;
    digest: Uint8Array;
    path: string;
    response: Uint8Array;
  }): Signature {
    const { share, session, digest, path, response } = input;
    return signature(this.#call('dkls18_finish', { share, session, digest, path, response }));
  }

  /**
   * Begins a signature of any t signers, in three rounds. The session must stay with the caller, and be used once: two
   * signatures from one give the key away. A party whose sessions are kept by others uses {@link dkls23Join}.
   */
  dkls23Round1(params: Dkls23Params): Dkls23Step {
    return dkls23Step(this.#call('dkls23_round1', dkls23Argument(params)));
  }

  /**
   * Rounds 1 and 2 at once, given the round 1 messages of all others; the session is for {@link dkls23Round3}. An attacker
   * who gets round 3 to run on it twice has the key.
   */
  dkls23Join(
    params: Dkls23Params,
    messages: Messages,
  ): { session: Uint8Array; message1: Uint8Array; message2: Uint8Array } {
    const out = this.#call('dkls23_join', { ...dkls23Argument(params), messages });
    return { session: out.bytes('session'), message1: out.bytes('message1'), message2: out.bytes('message2') };
  }

  /** Takes the round 1 messages of all others. An error of code `party` names who broke the protocol. */
  dkls23Round2(input: { share: Uint8Array; session: Uint8Array; messages: Messages }): Dkls23Step {
    const { share, session, messages } = input;
    return dkls23Step(this.#call('dkls23_round2', { share, session, messages }));
  }

  /** Takes the round 2 messages of all others. The session is used up, whether or not this succeeds. */
  dkls23Round3(input: { share: Uint8Array; session: Uint8Array; messages: Messages }): Dkls23Step {
    const { share, session, messages } = input;
    return dkls23Step(this.#call('dkls23_round3', { share, session, messages }));
  }

  /** Takes the round 3 messages of all others and returns the verified signature. */
  dkls23Finish(input: { share: Uint8Array; session: Uint8Array; messages: Messages }): Signature {
    const { share, session, messages } = input;
    return signature(this.#call('dkls23_finish', { share, session, messages }));
  }

  /** The part of a message of round 1, 2 or 3 that is for this party: all that it needs. */
  dkls23For(party: number, message: Uint8Array): Uint8Array {
    return this.#call('dkls23_for', { party, message }).bytes('message');
  }
}

// The module refuses fields that it does not know, and TypeScript lets them through.
function dealArgument(params: DealParams) {
  const { kind, threshold, parties, contributors, self, epoch, secret, chainCode, old, share } = params;
  return { kind, threshold, parties, contributors, self, epoch, secret, chainCode, old, share };
}

function dkls23Argument({ share, signers, digest, path }: Dkls23Params) {
  return { share, signers, digest, path };
}

function dkls23Step(out: Result): Dkls23Step {
  return { session: out.bytes('session'), message: out.bytes('message') };
}

function signature(out: Result): Signature {
  return { r: out.bytes('r'), s: out.bytes('s'), yParity: out.int('yParity') === 1 ? 1 : 0 };
}

function dealStep(out: Result): DealStep {
  return { session: out.bytes('session'), message: out.bytes('message') };
}

function shareInfo(out: Result): ShareInfo {
  return {
    index: out.int('index'),
    threshold: out.int('threshold'),
    parties: out.ints('parties'),
    epoch: out.int('epoch'),
    publicKey: out.bytes('publicKey'),
    address: out.bytes('address'),
    keyId: out.bytes('keyId'),
    chainCode: out.bytes('chainCode'),
  };
}
