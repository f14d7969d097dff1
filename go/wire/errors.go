package wire

import (
	"strconv"
	"strings"
)

// The codes of Error: what a caller decides by.
const (
	CodeInput    = "input"    // an argument or a message does not parse or is out of range
	CodeSession  = "session"  // the session is of another kind, round or share
	CodeIdentity = "identity" // a message of another key, party or set of signers
	CodeStale    = "stale"    // an answer to another session; no secret was touched
	CodeCheck    = "check"    // a check against secrets failed; the share must be locked
	CodeParty    = "party"    // a party, named in Party, broke the protocol
	CodeInternal = "internal" // a failed random source, or a fault of this program
)

// Error is the error of every protocol step. Message is for people and holds no
// secret; Party is the index of the party at fault where the protocol can name
// one, otherwise 0.
type Error struct {
	Code    string
	Message string
	Party   int
}

func (e *Error) Error() string {
	if e.Party != 0 {
		return e.Message + " (party " + strconv.Itoa(e.Party) + ")"
	}
	return e.Message
}

// Errorf returns an Error of the given code. It knows the verbs %d, %s and %v of
// fmt, for integers, texts and errors.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: sprintf(format, args)}
}

// PartyErrorf returns an Error of code party that names the party at fault.
func PartyErrorf(party int, format string, args ...any) *Error {
	return &Error{Code: CodeParty, Message: sprintf(format, args), Party: party}
}

// sprintf is as much of fmt.Sprintf as is needed here. Package fmt is too large
// for the wasm module.
func sprintf(format string, args []any) string {
	var b strings.Builder
	for _, arg := range args {
		before, after, _ := strings.Cut(format, "%")
		b.WriteString(before)
		switch arg := arg.(type) {
		case int:
			b.WriteString(strconv.Itoa(arg))
		case uint32:
			b.WriteString(strconv.FormatUint(uint64(arg), 10))
		case string:
			b.WriteString(arg)
		case error:
			b.WriteString(arg.Error())
		default:
			b.WriteByte('?')
		}
		format = after[1:]
	}
	b.WriteString(format)
	return b.String()
}

// ErrorOf returns the Error that err is or wraps, or else one of code internal. It is nil if err is. It does what errors.As
// would, which brings reflection along.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	for wrapped := err; wrapped != nil; {
		switch e := wrapped.(type) {
		case *Error:
			return e
		case interface{ Unwrap() error }:
			wrapped = e.Unwrap()
		default:
			wrapped = nil
		}
	}
	return Errorf(CodeInternal, "%v", err)
}

// CodeOf returns the code of ErrorOf, "" if err is nil.
func CodeOf(err error) string {
	if e := ErrorOf(err); e != nil {
		return e.Code
	}
	return ""
}
