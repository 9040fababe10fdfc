package segment

// Rejection says why a message is not taken. It repeats nothing of the message.
type Rejection struct {
	// Reason is a word for programs, e.g. `INVALID_FIELD`.
	Reason string
	// Field is the path in the message, empty for the message as a whole.
	Field string
	// Expected says what was expected there.
	Expected string
}

// Reasons of rejections.
const (
	ReasonInvalid  = "INVALID_FIELD"
	ReasonTooLarge = "TOO_LARGE"
)

// Invalid is the rejection of a message with a field that is missing or not as expected.
func Invalid(field, expected string) *Rejection {
	return &Rejection{Reason: ReasonInvalid, Field: field, Expected: expected}
}
