// Package dkls23 makes an ECDSA signature with any t shares of a t-of-n key in three rounds: the protocol of Doerner, Kondi,
// Lee and shelat (ePrint 2023/765, protocol 3.6), with its multiplications on package vole, whose oblivious transfers need
// no set-up. The key shares are those of package deal, which sign under dkls18 as well.
//
// Signers are parties that remember. A session between rounds must be used once: an attacker who runs a signer's last round
// again on one session takes the whole key, as attack_test.go does in two ways. See below for what the caller must see to; a
// signer that forgets should rather be one of dkls18.
//
// # Notation
//
// The signers are t of the parties of the key, in ascending order of their indices; i and j are two of them. G is the
// generator, q its order. Q is the public key after derivation along the path (package bip32) from the shared key. m is the
// digest modulo q. Scalars are 32 bytes, big endian, below q; points are 33 bytes, compressed. All hashes are those of
// package transcript; U32 is 4 bytes, big endian. "All" is in ascending order of indices, in one part.
//
//	terms    = Hash("DKLS23-TERM", key id, all signers with one byte each, U32 of each index of the path, digest)
//	com_i    = Hash("DKLS23-COM", terms, U32(i), R_i, salt_i)
//	otid_ij  = Hash("DKLS23-OT", terms, U32(i), U32(j), com_i)
//	digest_i = Hash("DKLS23-MSG", terms, U32(i), com_i, T_ij of all j)
//	sid      = Hash("DKLS23-SID", terms, digest_i of all signers)
//	z_ij     = Scalar("DKLS23-ZERO", seed_ij, sid)
//	tag_ij   = Hash("DKLS23-TAG", seed_ij, sid, U32(i), U32(j), u_i, w_i)
//
// where seed_ij = seed_ji are the 32 bytes that the key shares of i and j have in common. The salt makes com_i the nonce of
// the session: every hash after it depends on the randomness of all signers, and on what they sign.
//
// For each ordered pair (i, j) there is one RVOLE of width 2 on 416 OTs, in which i is the receiver and j the sender. Its
// ids in package vole are otid_ij, of the receiver's message, and sid. T_ij is its T.
//
// sk_i = λ_i x_i + Σ_{j≠i} ±z_ij, plus if i < j, minus if i > j, with the Lagrange coefficient for the signers; the first
// signer adds the tweak of the derivation. All sk_i add up to the private key of Q.
//
// # Rounds
//
// In each round a signer has one message for all others, a map with the integer keys given here; wire.cddl is the schema.
//
// Round 1. Signer i draws a seed of 32 bytes: transcript.HedgedSeed with the label "DKLS23-SEED", x_i as the secret, and as
// what was received terms ‖ the messages of round 1 of all others, if it knows them. From the stream of that seed under
// the label "DKLS23-SELF" it draws, in this order: salt_i, 32 bytes; r_i and φ_i, 48 bytes modulo q each (never 0); for
// each other signer, 32 bytes: the seed of a stream with the label "DKLS23-RECV", from which the receiver of their RVOLE
// draws, giving χ_ij. If some χ_ij is 0, all starts again with another seed. R_i = r_i·G.
//
//	1 version: 1   2 kind: "dkls23/1"   3 i   4 {1 key id   2 signers   3 path, a list of indices   4 digest}   5 com_i
//	6 {j: T_ij}   7 {j: message of the receiver}
//
// Round 2. Signer i, as the sender of the RVOLEs with each j in turn, multiplies (r_i, sk_i) with χ_ji, which gives it
// (c^u_ij, c^v_ij). It draws from one stream for all of them, with the label "DKLS23-SEND" and the seed
// Hash("DKLS23-SEND", its seed, sid). What follows is for j alone, in a box.
//
//	Γ^u_ij = c^u_ij·G     Γ^v_ij = c^v_ij·G     ψ_ij = φ_i - χ_ij     pk_i = sk_i·G
//
//	1 version: 1   2 kind: "dkls23/2"   3 i   4 {k: digest_k} of all signers   5 {j: box}
//	in the box: 1 R_i   2 salt_i   3 pk_i   4 ψ_ij   5 Γ^u_ij   6 Γ^v_ij   7 B   8 message of the RVOLE sender
//
// A box is the map sealed with ChaCha20-Poly1305, with a nonce of zeros and no associated data, under the key
// Expand("DKLS23-BOX", 32, seed_ij, sid, U32(i), U32(j)). Each key seals one value, as round 2 is a function of the session
// and of what sid is the hash of.
//
// Round 3. Signer i checks that all received the same round 1, and of each j: that the box opens; that R_j and salt_j are
// those of com_j; that the RVOLE is accepted, which gives it (d^u_ij, d^v_ij); that
// χ_ij·R_j - Γ^u_ji = d^u_ij·G and χ_ij·pk_j - Γ^v_ji = d^v_ij·G. Then that Σ pk_j = Q. With R = Σ R_j, r = R.x mod q:
//
//	u_i = r_i (φ_i + Σ ψ_ji) + Σ (c^u_ij + d^u_ij)
//	v_i = sk_i (φ_i + Σ ψ_ji) + Σ (c^v_ij + d^v_ij)
//	w_i = m φ_i + r v_i
//
//	1 version: 1   2 kind: "dkls23/3"   3 i   4 sid   5 u_i   6 w_i   7 {j: tag_ij}
//
// Finish: s = Σ w_i / Σ u_i. The signature (r, s) is verified, then brought to low s.
//
// A signer may send its messages of rounds 1 and 2 together once it has round 1 of all others (Join), and needs no round 3
// of others for its own. So one signer that is called twice can take part: it is given round 1 of the others and answers
// with its rounds 1 and 2; it is given their round 2, and with two signers round 3 as well, and answers with its round 3.
//
// What a message has for other receivers, in its last map in rounds 1 and 2, a relay may leave out (For): every hash is
// of what is left.
//
// # Who may see and change messages
//
// The paper proves its protocol with ideal two-party functionalities for commitment and multiplication, which show nothing
// to third parties: two signers talk in private, and nobody speaks in another's name. Messages here may go by any relay,
// which may be one of the signers, so that is made true inside them.
//
// Round 1 needs no privacy: the points of an OT receiver are independent of its choice bits, and com_i hides R_i. What it
// needs is that all see the same, and sid sees to it. In round 2 all that is for one signer is sealed: without that, a third
// party would see Γ, ψ and the RVOLE of two others, values that the proof never gives it. u_i and w_i of round 3 are for
// everybody. The keys of boxes and tags are those of a pair of shares and depend on sid, hence on round 1 as a whole, so a
// box that opens and a tag that is right are from the party that they name, in this signature. All that a relay can do is
// to make it fail.
//
// # Blame
//
// An error with code party names who is at fault, or whose message was changed on its way, and says which check it was.
// Two faults do not show whose they are if there are more than two signers: key shares pk that do not add up to Q, and a
// final signature that is wrong although all checks passed and all tags are right. Their errors name no party. Nor is an
// error a proof for others: it is what this party saw.
//
// # What the caller must see to
//
// A session is used once. It is given up when the next round is called, before its result is known, and whether or not that
// fails; a signature that failed begins again, with new sessions. A failure uses up nothing in a share: a cheat can only
// learn something about the χ of one session.
//
//   - A session of round 1 used twice, with other messages, signs twice with one nonce, from which the others would compute
//     the key. It never leaves the party, and is not in a backup.
//   - A session of round 2 used twice, with another ψ the second time, gives the key away at once: u_i and w_i are linear in
//     ψ, so their differences are multiples of r_i and sk_i. Were ψ fixed, every further call would still tell one choice
//     bit of χ_ij, accept or refuse; 416 of them give χ_ij, φ_i, r_i and, with one honest completion, the key.
//   - A session of round 3 holds no secret.
//
// So a party whose sessions are kept by those that it signs with, such as an action, cannot be defended by this protocol:
// its last round can be run at will. It is as safe as the promise of the keeper of the sealed session to use it once, and
// no policy of its own changes that.
//
// Sessions are CBOR, as wire.cddl says. They carry the round, the terms, the party and, from round 2 on, what makes the
// sid, and are refused, with code session, for another round, share or key. They hold a seed, hashes and two scalars, a few
// hundred bytes; all else is made from the seed again.
package dkls23
