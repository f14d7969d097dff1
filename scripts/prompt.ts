import { openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { cleanText, hideSecret } from '../ts/command/internals.ts';
import { WalletError } from '../ts/index.ts';

let previous: Promise<unknown> = Promise.resolve();

/**
 * Asks for a passphrase on the terminal, without echo; for new shares twice. Several questions are asked one after the
 * other.
 *
 * @throws WalletError if there is no terminal, or the two differ
 */
export function promptPassphrase(what: string, isNew: boolean, otherwise = KEY_ADVICE): Promise<string> {
  const answer = previous.then(async () => {
    const passphrase = await ask(`Passphrase for ${what}: `, false, otherwise);
    if (isNew && passphrase === '') throw new WalletError('An empty passphrase protects nothing.');
    if (isNew && (await ask('Once more: ', false, otherwise)) !== passphrase)
      throw new WalletError('The two passphrases differ.');
    hideSecret(passphrase);
    return passphrase;
  });
  previous = answer.catch(() => {});
  return answer;
}

/** Asks for a secret that is not a passphrase, once, without echo. @throws WalletError, as {@link promptLine} */
export function promptSecret(question: string, otherwise: string): Promise<string> {
  const answer = previous.then(async () => {
    const secret = await ask(question, false, otherwise);
    hideSecret(secret);
    return secret;
  });
  previous = answer.catch(() => {});
  return answer;
}

/**
 * Asks for a line on the terminal.
 *
 * @throws WalletError if there is no terminal; `otherwise` says what to do then
 */
export function promptLine(question: string, otherwise: string): Promise<string> {
  const answer = previous.then(() => ask(question, true, otherwise));
  previous = answer.catch(() => {});
  return answer;
}

const KEY_ADVICE = 'set TANDEM_PASSPHRASE, or TANDEM_IDENTITY to an age identity file.';

function ask(question: string, isShown = false, otherwise = KEY_ADVICE): Promise<string> {
  const terminal = openTerminal(otherwise);
  const echo = (typed: string) => isShown && process.stderr.write(typed);
  terminal.setRawMode(true); // before anybody answers, as what is typed earlier would show
  process.stderr.write(cleanText(question));
  terminal.setEncoding('utf8');
  return new Promise<string>((resolve, reject) => {
    let text = '';
    const end = (settle: () => void) => {
      terminal.setRawMode(false);
      terminal.destroy();
      process.stderr.write('\n');
      settle();
    };
    const done = () => end(() => resolve(text));
    terminal.on('error', (error) => end(() => reject(error)));
    terminal.on('data', (typed: string) => {
      for (const key of typed) {
        switch (key) {
          case '\r':
          case '\n':
          case '\u0004': // Ctrl-D
            return done();
          case '\u0003': // Ctrl-C, which raw mode hands over as a character
            return end(() => reject(new WalletError('No answer was given.')));
          case '\u007f':
          case '\b':
            if (text !== '') echo('\b \b');
            text = Array.from(text).slice(0, -1).join('');
            break;
          case '\u0015': // Ctrl-U
            echo('\b \b'.repeat(Array.from(text).length));
            text = '';
            break;
          default:
            text += key;
            echo(/\p{C}/u.test(key) ? '\ufffd' : key); // what is pasted may come from somebody else
        }
      }
    });
  });
}

/** The terminal itself, so that stdin may be something else. */
function openTerminal(otherwise: string): ReadStream {
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch (cause) {
    throw new WalletError('There is no terminal to ask on.', { next: otherwise, cause });
  }
}
