// Package deal makes and remakes the shares of a key: keygen, import and reshare are one protocol of three rounds.
//
// Contributors C deal to receivers P; together they are the participants. Every participant has an index from 1 to 255,
// one for each machine. Contributor i has a secret polynomial f_i of degree t−1; receiver j ends with x_j = Σ f_i(j), a
// share of the key Σ f_i(0), of which any t make the key and fewer tell nothing. What the kinds of deal differ in:
//
//	keygen   C = P; f_i(0) is random; the chain code is H(all cc_i)
//	import   one contributor; f(0) is the given key; the chain code is its cc
//	reshare  C = any t_old holders of old shares; f_i(0) = λ_i·x_i, and everyone checks F_i(0) = λ_i·X_i; the key and its
//	         chain code stay, the epoch goes up by one
//
// A refresh, the replacement of a lost share or of a party, and a change of t or n are all reshares. t is at least 2,
// and there are at most 16 receivers.
//
// # Rounds
//
// In every round a participant broadcasts one message, a byte string, and takes one from each of the others. A relay
// learns nothing but public data.
//
//  1. All participants: an ephemeral key E_i = e_i·G and a commitment com_i to the following opening. The messages of
//     round 1 and the terms of the deal make the deal id.
//  2. All participants: the opening, which is a salt and, from a contributor, F_i = f_i·G (the points of its coefficients),
//     a proof π_i of f_i(0), and a part cc_i of the chain code. From a contributor also, in a box for each receiver j,
//     f_i(j). Contributors that are not receivers are done.
//  3. Receivers: having checked commitments, proofs and f_i(j)·G = F_i(j), the key confirmation: a proof of x_j under X_j,
//     bound to all messages of round 2 as they were received.
//
// Finish checks that all confirmations are good and of the same messages. Until then a share must not be used. Key = Q
// = Σ F_i(0), which is not the identity; X_k = Σ F_i(k). An error names the party that is at fault, or whose message
// was changed on its way.
//
// A participant may send its messages of rounds 1 and 2 together, once it has round 1 of all others (Join), and a
// receiver needs no round 3 of others for its own. So a party that is called twice, and forgets in between, can take
// part: it is given round 1 of the others and answers with its rounds 1 and 2; it is given their rounds 2 and 3, and
// answers with round 3 and has its share.
//
// The seeds of the zero-sharing, one common to each two receivers, are not sent: they come from the same Diffie-Hellman
// secrets as the keys of the boxes. Neither of the two parties decides on them alone, nobody else knows them, and, like
// the rest of a share, they are fixed by round 1.
//
// The participants are decided before the deal: the ephemeral keys are as authentic as the channel that round 1 comes by.
// An impostor in a keygen makes the confirmations fail. An impostor among the receivers of a reshare would be dealt to,
// so people compare a hash of the terms (kind, n, t, P, C, epoch, old key) and of round 1 before Round2 is run. A party
// that joins, and that nobody sits at, deals only if the authority over its share signs the terms and a hash of round 1
// of all others: that names everybody who is dealt to. It is not the deal id, since the party's own round 1 is not drawn
// yet.
//
// Parties that have the same round 1 need no authentic channel for the rest. The openings are fixed by the commitments;
// what is dealt to j opens for the secret of E_j alone, and only if the secret of E_i sealed it in the deal of that id; a
// confirmation of j is a proof of x_j, of which nobody else knows all parts. The round 1 of a contributor to a reshare,
// even if it was not compared, is its own, or nothing is dealt: π_i is of λ_i·x_i and bound to E_i.
//
// # Randomness
//
// A participant draws 32 bytes, its seed, in round 1: HedgedSeed of package transcript, label DEAL-SEED, from the
// random source, the constant if it is given (else nothing), and the deal id as far as round 1 is known (a message that
// is not has length 0). Everything else is read from the stream of that seed with label DEAL-SECRET, in this order: e_i
// (48 bytes modulo q, as every random scalar); the salt (32 bytes); and for a contributor cc_i (32 bytes, unused if it
// is given), the t coefficients of f_i beginning with f_i(0) (unused if it is given), the nonce of π_i. Round 3 draws
// the nonce of its proof from a hedged stream, label DEAL-CONF, of x_j and the transcript.
//
// # Hashes
//
// H(label; a, b, …) is package transcript's hash of 32 bytes, in which every part is preceded by its length. u32 is 4
// bytes, big endian. A set of indices is one byte for each. Points have 33 bytes; several are one part.
//
//	terms       = H(DEAL-TERMS; kind, u32(n), u32(t), P, C, u32(epoch), old key id or nothing)
//	deal id     = H(DEAL-ID; terms, then of each participant: u32(i), its message of round 1)
//	com_i       = H(DEAL-COM; u32(i), E_i, F_i, π_i, cc_i, salt_i)
//	π_i         : label DEAL-POK, base G, context (terms, u32(i), E_i)
//	chain code  = H(DEAL-CC; all cc_i)                                    in a keygen
//	key id      = H(DEAL-KEY; Q, chain code, u32(t), P, all X_k)
//	digest_i    = H(DEAL-MSG; i's message of round 2)
//	transcript  = H(DEAL-TRANS; deal id, then of each participant: u32(i), digest_i; key id)
//	confirmation: label DEAL-CONF, base G, context (transcript, u32(j))
//	authorization: label DEAL-AUTH, base G, context (key id, u32(i), digest), of x_i under X_i
//
// "Each" and "all" are in ascending order of indices: of all participants, of C for F and cc, of P for X. F_i, π_i and
// cc_i of a participant that does not contribute are empty.
//
// The keys between i and j are HKDF-SHA256 of the 33 bytes of e_i·E_j = e_j·E_i, salt the deal id, 32 bytes:
//
//	box of i for j: info "TANDEM-V1-DEAL-BOX" ‖ u32(i) ‖ u32(j)
//	zero-sharing  : info "TANDEM-V1-DEAL-ZERO" ‖ u32(lower index) ‖ u32(higher index)
//
// A box is f_i(j), 32 bytes, under ChaCha20-Poly1305 with a nonce of zeros and no associated data: its key is used for
// it alone, as Round2 is a function of session and messages, and what it seals is fixed by the deal id.
//
// # Formats
//
// Messages, sessions and key shares are CBOR, as wire.cddl says in its section on deal. Decoding accepts nothing else:
// canonical encodings of the right lengths, scalars below q, points on the curve. A session serves one round of one
// deal; Round2, Round3 and Finish refuse any other.
package deal
