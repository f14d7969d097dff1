//go:build race

package dkls23

// race says that the race detector is on, which makes all of this some twenty times slower, and finds nothing: there is only
// one goroutine. Tests do less then.
const race = true
