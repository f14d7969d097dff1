import { equalBytes, fromHex, toBase64 } from '../../ts/core/bytes.ts';
import type { ShareInfo, Tandem } from '../../ts/core/wasm.ts';
import { digestOf } from '../../ts/intent/intent.ts';
import type {
  Dkls23FinishAnswer,
  Dkls23FinishRequest,
  Dkls23JoinAnswer,
  Dkls23JoinRequest,
} from '../../ts/protocol/cosigner.ts';
import { allowedAll, checkSigner } from './judged.ts';
import { type BoundShare, type Cosigner, openShare, sealSigning, unsealSigning } from './sealed.ts';

// The action as a signer by dkls23. The client keeps its sealed session. If it uses that twice, it gets the whole
// key: go/dkls23/attack_test.go. So it takes part only with a share that was sealed for that.

/** First call: the action's first and second messages, and its session, sealed. It fixes what is signed. */
export async function dkls23Join(cosigner: Cosigner, request: Dkls23JoinRequest): Promise<Dkls23JoinAnswer> {
  const { wallet, path, signers, messages } = request;
  const { intents } = await allowedAll(cosigner, [request], request);
  const [digest = new Uint8Array()] = intents.map((intent) => fromHex(digestOf(intent)));
  const tandem = await cosigner.start();
  const { bound, info } = await openInteractive(cosigner, tandem, request);
  try {
    checkSigner(tandem, info, request, intents);
    const { share, keyId, epoch, index } = bound;
    const joined = tandem.dkls23Join({ share, signers, digest, path }, messages);
    const session = new Uint8Array(joined.session);
    try {
      const signing = { kind: 'dkls23', round: 2, index, digest, session } as const;
      return {
        session: await sealSigning(cosigner, wallet, { ...signing, keyId, epoch }),
        messages: { round1: toBase64(joined.message1), round2: toBase64(joined.message2) },
      };
    } finally {
      session.fill(0);
      joined.session.fill(0);
    }
  } finally {
    bound.share.fill(0);
  }
}

/** Second call: the action's share of the signature. */
export async function dkls23Finish(cosigner: Cosigner, request: Dkls23FinishRequest): Promise<Dkls23FinishAnswer> {
  const { wallet, messages } = request;
  const tandem = await cosigner.start();
  const { bound } = await openInteractive(cosigner, tandem, request);
  try {
    const { keyId, epoch, session } = await unsealSigning(cosigner, wallet, request.session);
    try {
      if (!equalBytes(keyId, bound.keyId) || epoch !== bound.epoch) throw new Error('a session of another share');
      return { message: toBase64(tandem.dkls23Round3({ share: bound.share, session, messages }).message) };
    } finally {
      session.fill(0);
    }
  } finally {
    bound.share.fill(0);
  }
}

/** Opens the share, if it was sealed for dkls23. The caller clears it. */
async function openInteractive(
  cosigner: Cosigner,
  tandem: Tandem,
  { wallet, share }: { wallet: string; share: string },
): Promise<{ bound: BoundShare; info: ShareInfo }> {
  const opened = await openShare(cosigner, tandem, wallet, share);
  if (opened.bound.interactive) return opened;
  opened.bound.share.fill(0);
  throw new Error('this share is not for an interactive protocol');
}
