// Package redact takes out of messages that a table keeps what does not stay when somebody is
// forgotten.
package redact

import "google.golang.org/protobuf/proto"

// Message reads a message, takes out of it what does not stay, and writes it.
func Message[M any, P interface {
	*M
	proto.Message
}](reduce func(P),
) func([]byte) ([]byte, error) {
	return func(in []byte) ([]byte, error) {
		m := P(new(M))
		if err := proto.Unmarshal(in, m); err != nil {
			return nil, err
		}
		reduce(m)
		return proto.MarshalOptions{Deterministic: true}.Marshal(m)
	}
}
