package rpc

import (
	"bytes"

	"github.com/assay-hq/assay/services/internal/apierr"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that lenientCodec leans on
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// lenientCodec lets a message through that cannot be decoded, as an empty one with a
// mark. gRPC calls such a message an internal error, before anybody knows who sent it;
// validateRequest calls it the caller's, after the caller is known. The mark is an
// unknown field, so it also passes through a server that only forwards.
type lenientCodec struct{}

func (lenientCodec) Name() string { return "proto" }

func (lenientCodec) Marshal(v any) (mem.BufferSlice, error) {
	return encoding.GetCodecV2("proto").Marshal(v)
}

func (lenientCodec) Unmarshal(data mem.BufferSlice, v any) error {
	err := encoding.GetCodecV2("proto").Unmarshal(data, v)
	if m, ok := v.(proto.Message); ok && err != nil {
		proto.Reset(m)
		m.ProtoReflect().SetUnknown(malformedMark)
		return nil //nolint:nilerr // the mark stands for the error
	}
	return err
}

var malformedMark = protowire.AppendBytes(
	protowire.AppendTag(nil, protowire.MaxValidNumber, protowire.BytesType), []byte("malformed"))

// checkDecoded refuses a message with the mark. What the decoder said is not repeated:
// it may hold what was sent.
func checkDecoded(message proto.Message) error {
	if m := message.ProtoReflect(); bytes.Equal(m.GetUnknown(), malformedMark) {
		return apierr.MalformedBody(apierr.Violation{
			Expected: "a well-formed message of type " + string(m.Descriptor().Name()) + ", whose texts are valid UTF-8",
		})
	}
	return nil
}
