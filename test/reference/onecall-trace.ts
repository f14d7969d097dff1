/** A run of onecall as test/vectors/onecall.json records it. */
import { hexToBytes } from '@noble/hashes/utils.js';
import * as correlation from './correlation.ts';
import { at, G, scalarBytes, times, toPoint, toScalar } from './curve.ts';
import { address } from './deal.ts';
import * as onecall from './onecall.ts';
import { toJson } from './record.ts';
import { hash } from './transcript.ts';

/** What a vector gives, as it stands there: all else follows. */
export interface Given {
  name: string;
  keyId: string;
  chainCode: string;
  publicKey: string;
  epoch: number;
  user: number;
  action: number;
  xUser: string;
  xAction: string;
  hedge: string;
  freshUser: string;
  freshAction: string;
  signatures: readonly {
    digests: readonly string[];
    path: string;
    freshRequest: string;
    freshResponse: string;
    inputs: string;
  }[];
}

const ends = <T>(list: readonly T[]): T[] => [at(list, 0), at(list, -1)];
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The set-up, by both parties. */
export function setUp(given: Given) {
  const pair: correlation.Pair = {
    keyId: hexToBytes(given.keyId),
    chainCode: hexToBytes(given.chainCode),
    publicKey: toPoint(hexToBytes(given.publicKey)),
    epoch: given.epoch,
    user: given.user,
    action: given.action,
  };
  const [xUser, xAction] = [toScalar(hexToBytes(given.xUser)), toScalar(hexToBytes(given.xAction))];
  const asked = correlation.request(hexToBytes(given.hedge), pair.action, hexToBytes(given.freshUser));
  const answered = correlation.respond(pair, xAction, asked.M, hexToBytes(given.freshAction));
  const kept = correlation.accept(pair, xUser, times(xAction, G), asked, answered.message);
  return { pair, xUser, xAction, asked, answered, kept };
}

/** One call, by both parties. */
export function sign({ pair, xUser, xAction, kept }: ReturnType<typeof setUp>, given: Given['signatures'][number]) {
  const digests = given.digests.map(hexToBytes);
  const [freshRequest, freshResponse] = [hexToBytes(given.freshRequest), hexToBytes(given.freshResponse)];
  const asked = onecall.request(pair, xUser, kept, digests, given.path, freshRequest);
  const [X, inputs] = [times(xUser, G), hexToBytes(given.inputs)];
  const answered = onecall.respond(pair, xAction, X, digests, given.path, asked.message, inputs, freshResponse);
  const finished = onecall.finish(pair, kept, asked, digests, answered.message);
  return { digests, asked, answered, finished };
}

/** The fields of a vector, in its order. */
export function trace(given: Given): unknown {
  const done = setUp(given);
  const { asked, answered, kept } = done;
  const { name, keyId, chainCode, publicKey, epoch, user, action, xUser, xAction, hedge, freshUser, freshAction } =
    given;
  return toJson({
    ...{ name, keyId, chainCode, publicKey, epoch, user, action, xUser, xAction, hedge, freshUser, freshAction },
    seedUser: asked.stream,
    nonce: asked.nonce,
    choices: asked.choices,
    xFirstLast: ends(asked.receiver.x),
    othersFirstLast: ends(asked.receiver.others),
    T: asked.receiver.T,
    request: asked.M,
    mHash: hash('CORR-M', asked.M),
    id: answered.id,
    K: answered.K,
    y: answered.y,
    B: answered.B,
    leavesFirstLast: ends(answered.leaves.flat()),
    checksFirstLast: ends(answered.checks.flat()),
    encryptedFirstLast: ends(answered.encrypted),
    sumsFirstLast: ends(answered.sums),
    all: answered.all,
    answerDigest: answered.digest,
    seedAction: answered.stream,
    proofNonce: answered.proofNonce,
    proof: answered.proof,
    answer: answered.message,
    digits: Uint8Array.from(kept.digits),
    nodesFirstLast: ends(kept.nodes),
    seed: kept.seed,
    gadgetFirstLast: ends(kept.gadget),
    tUser: kept.tUser,
    beta: kept.beta,
    delta: kept.delta,
    macKey: kept.macKey,
    correlation: kept.encoded,
    signatures: given.signatures.map((call) => traceOf(call, sign(done, call), done)),
  });
}

function traceOf(
  given: Given['signatures'][number],
  { asked, answered, finished }: ReturnType<typeof sign>,
  { answered: { leaves } }: ReturnType<typeof setUp>,
) {
  const { digests, path, freshRequest, freshResponse, inputs } = given;
  const { vole, nonces, items, rho } = answered;
  const n = digests.length;
  const pad = (leaf: Uint8Array, h: number) => at(correlation.pads(leaf, rho, n), h);
  const all = leaves.flat();
  return {
    ...{ digests, path, indices: asked.indices, freshRequest, freshResponse, inputs },
    tweak: answered.tweak,
    childPublicKey: answered.Q,
    terms: asked.terms,
    seedRequest: asked.stream,
    nonce: asked.nonce,
    sid: asked.sid,
    k: asked.items.map(({ k }) => k),
    proofNonceUser: asked.items.map(({ proofNonce }) => proofNonce),
    D: asked.D,
    proofUser: asked.items.map(({ proof }) => proof),
    request: base64(asked.message),
    ssid: answered.ssid,
    tAction: answered.tAction,
    seedResponse: answered.stream,
    kPrime: nonces.map(({ kPrime }) => kPrime),
    RPrime: nonces.map(({ RPrime }) => RPrime),
    kAction: nonces.map(({ kAction }) => kAction),
    R: nonces.map(({ R }) => R),
    proofNonceAction: nonces.map(({ proofNonce }) => proofNonce),
    proofAction: nonces.map(({ proof }) => proof),
    a: nonces.map(({ a }) => a),
    aHat: answered.aHat,
    rho,
    padsFirstLast: [pad(at(all, 0), 0), pad(at(all, -1), n)],
    tauFirstLast: ends(vole.tau.flat().map(scalarBytes)),
    vFirstLast: ends(vole.v.flat()),
    tauHash: vole.T,
    theta: vole.theta,
    etaHat: vole.etaHat,
    mu: vole.mu,
    w: items.map(({ w }) => w),
    gamma: items.map(({ gamma }) => gamma),
    eta: items.map(({ eta }) => eta),
    mac: answered.mac,
    response: answered.message,
    eFirstLast: ends(finished.e.flat()),
    E: finished.E,
    sBeforeLow: finished.signatures.map(({ rawS }) => rawS),
    r: finished.signatures.map(({ r }) => r),
    s: finished.signatures.map(({ s }) => s),
    yParity: finished.signatures.map(({ yParity }) => yParity),
    address: address(answered.Q).slice(2),
  };
}
