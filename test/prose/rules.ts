import type { Rule } from './prose.ts';

// What a native reader stumbles over, and what to write instead. Every rule has sentences that it refuses, for its test.

export const RULES: readonly Rule[] = [
  {
    pattern: /\bbut that (?!(is|are|was|were|has|had|may|can|will|would|does|of|less)\b)/i,
    instead: 'write "except that"',
    bad: ['Both do what they do with a private key, but that the policy may refuse.'],
    good: ['It is slow, but that is the price.'],
  },
  {
    pattern: /\bbut for\b/i,
    instead: 'write "except", "except for" or "without"',
    bad: ['The results are the same but for the randomness.'],
  },
  {
    pattern: /\bwho(so)?ever\b/i,
    instead: 'write "anybody who", or name the attacker',
    bad: ['Whoever has the file signs anything.'],
  },
  {
    pattern: /\bOf (?!course\b)/,
    instead: 'begin with the subject, or write "For" or "In"',
    bad: ['Of several open deals one can be confirmed.', 'Finish it. Of `signTransaction` nothing is looked up.'],
    good: ['Of course it may fail.', 'One of several open deals can be confirmed.'],
  },
  {
    pattern: /(?<!\bthere )\b(is|are|was|were) no\b(?! longer| more than)/i,
    instead: 'write "is not a"',
    bad: ['The answer is no JSON.', 'What is signed but is no intent throws.'],
    good: ['There is no such file.', 'The share is no longer here.'],
  },
  {
    pattern: /\b(he|him|his|himself)\b/i,
    instead: 'write "they", "them" or "their"',
    bad: ['The two views are his to choose.'],
    good: ['The attacker controls both transcripts.'],
  },
  {
    pattern: /\breckon/i,
    instead: 'write "compute"',
    bad: ['The CID is reckoned here.'],
  },
  {
    pattern: /(?<!(file|one) )\bby files?\b/i,
    instead: 'write "with files" or "offline"',
    bad: ['New shares of one, offline, by files.'],
  },
  {
    pattern: /\bhand(s|ed|ing)? (it |them |that |the \w+ )?in\b/i,
    instead: 'write "send" or "give"',
    bad: ['A user can hand in the same state.', 'Whoever hands it in twice gets the key.'],
    good: ['A hand-written file.'],
  },
  {
    pattern: /\b(put|puts) under (it|this|that)\b/i,
    instead: 'write "use it for"',
    bad: ['Do not put under it what you cannot afford to lose.'],
  },
  {
    pattern: /\banew\b/i,
    instead: 'write "again", or "new"',
    bad: ['Begin anew.'],
  },
  {
    pattern: /([,;:] else(?! (if|has|is)\b)|(?<=[.:] )Else)\b/,
    instead: 'write "otherwise"',
    bad: ['It allows it; else it is refused.', 'It is done. Else unlock it.'],
    good: ['What else does it do?'],
  },
  {
    pattern: /\b(rule|policy|command|finish|contract|mode|action|option|define|authority|it) wants\b/i,
    instead: 'write "needs", "requires", "takes" or "asks for"',
    bad: ['A rule wants the approval of a guardian.', '--authority wants cold.'],
    good: ['The user wants to sign.'],
  },
  {
    pattern: /\ball the same\b/i,
    instead: 'write "still" or "anyway"',
    bad: ['It signs all the same.'],
  },
  {
    pattern: /\bas \S+ has (it|them)\b/i,
    instead: 'write "as in" or "in the form of"',
    bad: ['Text signed as EIP-191 has it.'],
  },
  {
    pattern: /\b(does|do) nothing with\b/i,
    instead: 'write "is incompatible with" or "ignores"',
    bad: ['The new cold share does nothing with the hot one.'],
  },
  {
    pattern: /\bpassing failures?\b/i,
    instead: 'write "transient failure"',
    bad: ['Passing failures are tried again.'],
  },
  {
    pattern: /\b(twice is as good as once|as good as once)\b/i,
    instead: 'write "safe to repeat" or "idempotent"',
    bad: ['They are tried again, where twice is as good as once.'],
  },
  {
    pattern: /\b(has|have|had) the share told\b/i,
    instead: 'write "reveal the share"',
    bad: ['Together with a share it would have the share told.'],
  },
  {
    pattern: /\ba Lit of (your|its|their|our) own\b/i,
    instead: 'write "a local Lit server"',
    bad: ['serve.ts is a Lit of your own.'],
  },
  {
    pattern: /\bin the wrong hands\b/i,
    instead: 'write "compromised"',
    bad: ['The machine that began is in the wrong hands.'],
  },
  {
    pattern: /\bat hand\b/i,
    instead: 'say who has it',
    bad: ['No age identity at hand opens it.'],
  },
  {
    pattern: /\bTold (of|when)\b/,
    instead: 'write "Called with", "Called for" or "Called when"',
    bad: ['Told of each step before it is taken.'],
  },
  {
    pattern: /\bnothing of (it|them|its|an?)\b/i,
    instead: 'write "no part of" or "nothing about"',
    bad: ['Who carries them learns nothing of a share.'],
  },
  {
    pattern: /\bgoes? by (its|it|what|that|there)\b/i,
    instead: 'say what it reads, or what it relies on',
    bad: ['Anybody can give it, so it goes by what is there.'],
  },
  {
    pattern: /\bwhat (became|becomes|has become|will become) of\b/i,
    instead: 'write "the result of", or say what happens',
    bad: ['Waits until it is known what became of the payment before.'],
  },
  {
    pattern: /\bwhat there is (of|by)\b/i,
    instead: 'say which parts',
    bad: ['Removes what there is of it.'],
  },
  {
    pattern: /\b(have|has) it not\b/i,
    instead: 'write "does not have it"',
    bad: ['Node 20 and that Deno have it not.'],
  },
  {
    pattern: /\bin spite of\b/i,
    instead: 'write "despite", or say what is ignored',
    bad: ['sign --recovery works in spite of it.'],
  },
];
