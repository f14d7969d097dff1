import * as v from 'valibot';
import { toBase64 as base64, fromBase64 } from '../../ts/core/bytes.ts';
import { fromHex } from '../../ts/core/evm.ts';
import { loadTandem } from '../../ts/core/node.ts';
import type { DealParams } from '../../ts/core/wasm.ts';
import { digestOf, parseIntentJson } from '../../ts/intent/intent.ts';
import type { CosignerRequest } from '../../ts/protocol/cosigner.ts';
import { FORMAT, requestSchema } from '../../ts/protocol/cosigner.ts';
import { STRICT_LIMITS } from '../../ts/runtime/limits.ts';
import type { Action, Json, Limits, Runtime } from '../../ts/runtime/types.ts';

// The co-signer's part of the protocols without a host: in this process, with its share in the clear and no policy. For what is
// tried often, and for cheating in its place.

type Request = v.InferOutput<typeof requestSchema>;
type Answer = Readonly<Record<string, Json>>;

const SOURCE = '// in test/support/fake-action.ts';
/** Of that source. */
const CID = 'QmPYkmZgS8Hvz13wEBGQzt1FRhM63jrBfUt81TQnuR3KiM';

/** What comes between the two: a relay, or the action itself where it cheats. */
export interface Between {
  /** The parameters as the action gets them. */
  asked?: (params: CosignerRequest) => CosignerRequest | Promise<CosignerRequest>;
  /** The answer as the user gets it. */
  answered?: (answer: Answer, params: CosignerRequest) => Answer | Promise<Answer>;
}

export interface FakeAction extends Runtime {
  readonly action: Action & { readonly policy: string; readonly runtime: Runtime; readonly format: typeof FORMAT };
  /** The ops that it was called for. */
  readonly calls: string[];
  between: Between;
  readonly limits: () => Promise<Limits>;
}

export function fakeAction(action: Action = { cid: CID, source: SOURCE }): FakeAction {
  const calls: string[] = [];
  const fake: FakeAction = {
    name: 'local',
    calls,
    between: {},
    createWallet: async () => `0x${'11'.repeat(20)}`,
    permit: async () => {},
    limits: async () => STRICT_LIMITS,
    run: async (_, given) => {
      const { asked, answered } = fake.between;
      const params = JSON.parse(JSON.stringify(given)) as CosignerRequest;
      calls.push(params.op);
      let answer: Answer;
      const got = (await asked?.(params)) ?? params;
      try {
        answer = await answerTo(v.parse(requestSchema, got));
      } catch {
        return { error: { code: 'refused', message: 'request refused' } };
      }
      return { ok: (await answered?.(answer, params)) ?? answer };
    },
    get action() {
      return { ...action, policy: 'any', runtime: fake, format: FORMAT } as const;
    },
  };
  return fake;
}

async function answerTo(asked: Request): Promise<Answer> {
  const tandem = await loadTandem();
  switch (asked.op) {
    case 'deal1': {
      if (asked.kind === 'reshare') throw new Error('not here');
      const { kind, threshold, parties, self, messages } = asked;
      const contributors = kind === 'keygen' ? parties : asked.contributors;
      const common = { threshold, parties, contributors, self };
      const params: DealParams =
        kind === 'receive'
          ? { ...common, kind: 'reshare', epoch: asked.epoch, old: asked.old }
          : { ...common, kind, epoch: 0 };
      const { session, message1, message2 } = tandem.dealJoin(params, messages);
      return { session: base64(session), messages: { round1: base64(message1), round2: base64(message2) } };
    }
    case 'deal2': {
      const { session, message } = tandem.dealRound3(fromBase64(asked.session), asked.messages.round2);
      const { share } = tandem.dealFinish(session, asked.messages.round3);
      const request = asked.correlate;
      const correlation = request && base64(tandem.correlateRespond({ share, peer: 1, request }));
      return { message: base64(message), share: base64(share), ...(correlation && { correlation }) };
    }
    case 'correlate': {
      const { share, peer = 1, request } = asked;
      return { answer: base64(tandem.correlateRespond({ share: fromBase64(share), peer, request })) };
    }
    case 'onecall': {
      const { share, peer = 1, path, request } = asked;
      const digests = asked.intents.map(({ intent }) => fromHex(digestOf(parseIntentJson(intent))));
      const inputs = new Uint8Array();
      const job = { share: fromBase64(share), peer, digests, path, request, inputs };
      return { response: base64(tandem.onecallRespond(job).response) };
    }
    case 'sign': {
      const { share, peer = 1, path, request, intent } = asked;
      const digest = fromHex(digestOf(parseIntentJson(intent)));
      return { response: base64(tandem.dkls18Respond({ share: fromBase64(share), peer, digest, path, request })) };
    }
    default:
      throw new Error('not here');
  }
}
