import { MIN_EPOCH, POLICY, POLICY_HASH, WALLET } from 'tandem:constants';
import * as ecrecover from 'tandem:wasm/ecrecover';
import * as v from 'valibot';
import type { Hex } from 'viem';
import { fromHex } from '../../ts/core/bytes.ts';
import { globalGlue } from '../../ts/core/glue.ts';
import { type Call, startModule } from '../../ts/core/module.ts';
import { instantiate, type Tandem } from '../../ts/core/wasm.ts';
import { parsePolicy } from '../../ts/policy/policy.ts';
import {
  type CorrelateAnswer,
  type Deal1Answer,
  type Deal2Answer,
  type Dkls23FinishAnswer,
  type Dkls23JoinAnswer,
  MAX_PARAMS,
  MAX_RESPONSE,
  type OnecallAnswer,
  requestSchema,
  type ShareAnswer,
  type SignAnswer,
  type SignManyAnswer,
} from '../../ts/protocol/cosigner.ts';
import { recoverSigner } from '../ecrecover/recover.ts';
import { type Answer, actionMain, PublicRefusal } from '../template/action.ts';
import { currentHost } from '../template/host.ts';
import { loadWasm } from '../template/wasm.ts';
import { deal1, deal2 } from './deal.ts';
import { sign, signMany } from './dkls18.ts';
import { dkls23Finish, dkls23Join } from './dkls23.ts';
import { adopt, migrate } from './migrate.ts';
import { correlate, onecall } from './onecall.ts';

type CosignerAnswer =
  | Deal1Answer
  | Deal2Answer
  | ShareAnswer
  | CorrelateAnswer
  | OnecallAnswer
  | SignAnswer
  | SignManyAnswer
  | Dkls23JoinAnswer
  | Dkls23FinishAnswer;

const policy = parsePolicy(POLICY);

/** The co-signer: one party of a threshold key, which signs what its policy allows. */
export const main: (params: unknown) => Promise<Answer<CosignerAnswer>> = actionMain(handle, {
  params: MAX_PARAMS,
  response: MAX_RESPONSE,
});

async function handle(params: unknown): Promise<CosignerAnswer> {
  const request = v.parse(requestSchema, params);
  if (WALLET !== '' && request.wallet !== WALLET) throw new Error('built for another wallet');
  const host = currentHost();
  if (!host.hasSecret) assertNoSession(request);
  const cosigner = {
    host,
    policy,
    policyHash: fromHex(POLICY_HASH),
    minEpoch: MIN_EPOCH,
    start: starter(),
    recover: recoverer(),
  };
  switch (request.op) {
    case 'deal1':
      return deal1(cosigner, request);
    case 'deal2':
      return deal2(cosigner, request);
    case 'migrate':
      return migrate(cosigner, request);
    case 'adopt':
      return adopt(cosigner, request);
    case 'correlate':
      return correlate(cosigner, request);
    case 'onecall':
      return onecall(cosigner, request);
    case 'sign':
      return sign(cosigner, request);
    case 'signMany':
      return signMany(cosigner, request);
    case 'dkls23Join':
      return dkls23Join(cosigner, request);
    case 'dkls23Finish':
      return dkls23Finish(cosigner, request);
  }
}

/**
 * Where others can seal for this action, a share must meet no sealed session: an attacker could forge one, with a nonce or
 * a polynomial of their choice, and the answer would reveal the share. A signature in one call has no session.
 */
function assertNoSession(request: { readonly op: string }): void {
  if (!('share' in request) || ['correlate', 'onecall', 'sign', 'signMany'].includes(request.op)) return;
  throw new PublicRefusal('host', `this host is not one for ${request.op}: anybody can seal for this action there`);
}

/** Starts instances of the wasm module, which is compiled for the first. */
function starter(): () => Promise<Tandem> {
  let module: Promise<WebAssembly.Module> | undefined;
  return async () => {
    module ??= loadWasm();
    return instantiate(await module);
  };
}

/** Recovers who made a signature, by go-ethereum's own code. Its module is there if a rule of the policy has a guardian. */
function recoverer(): (digest: Hex, signature: Hex) => Promise<string> {
  let started: Promise<Call> | undefined;
  return async (digest, signature) => {
    started ??= loadWasm(ecrecover).then((module) => startModule(module, globalGlue()));
    return recoverSigner(await started, digest, signature);
  };
}
