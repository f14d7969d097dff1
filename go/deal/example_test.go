package deal_test

import (
	"crypto/rand"
	"fmt"

	"tandem/go/deal"
)

// A key of three parties, two of which sign, made in one process. In earnest each party is a machine of its own, and
// whatever is in messages travels.
func Example() {
	parties := []int{1, 2, 3}
	sessions, messages := map[int][]byte{}, map[int][]byte{}
	for _, i := range parties {
		p := deal.Params{Kind: deal.Keygen, Threshold: 2, Parties: parties, Contributors: parties, Self: i}
		session, message, err := deal.Round1(p, rand.Reader)
		if err != nil {
			fmt.Println(err)
			return
		}
		sessions[i], messages[i] = session, message
	}

	received := messages
	messages = map[int][]byte{}
	for _, i := range parties {
		session, message, err := deal.Round2(sessions[i], received)
		if err != nil {
			fmt.Println(err)
			return
		}
		sessions[i], messages[i] = session, message
	}

	received = messages
	messages = map[int][]byte{}
	for _, i := range parties {
		session, message, err := deal.Round3(sessions[i], received, rand.Reader)
		if err != nil {
			fmt.Println(err)
			return
		}
		sessions[i], messages[i] = session, message
	}

	addresses := map[[20]byte]bool{}
	for _, i := range parties {
		share, err := deal.Finish(sessions[i], messages)
		if err != nil {
			fmt.Println(err)
			return
		}
		addresses[share.Address()] = true
	}
	fmt.Println(len(parties), "shares of", len(addresses), "key")
	// Output: 3 shares of 1 key
}
