// Package rounds is what the rounds of every protocol of several parties have in common: which messages a round takes, whose
// each of them is, and who is named if one is wrong.
package rounds

import "tandem/go/wire"

// Expect checks that there is one message of each of the given parties and no other. Self's own may be missing. Its error has
// code input: the caller, which collected them, is at fault, and none of the parties.
func Expect(messages map[int][]byte, from []int, self int) error {
	found := 0
	for _, i := range from {
		_, ok := messages[i]
		if ok {
			found++
		} else if i != self {
			return wire.Errorf(wire.CodeInput, "the message of party %d is missing", i)
		}
	}
	if found != len(messages) {
		return wire.Errorf(wire.CodeInput, "messages of parties that send none in this round")
	}
	return nil
}

// Sender checks the sender of a decoded message in the place of party i's. Its error has code input.
func Sender(from, i int) error {
	if from != i {
		return wire.Errorf(wire.CodeInput, "a message of party %d in the place of another's", from)
	}
	return nil
}

// Blame makes err, about what party i sent, one of code party that names it. A fault of this program, code internal, is not
// the party's, and stays what it is.
func Blame(i int, err error) error {
	if wire.CodeOf(err) == wire.CodeInternal {
		return err
	}
	return wire.PartyErrorf(i, "%v", err)
}
