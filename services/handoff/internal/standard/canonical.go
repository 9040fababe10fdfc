package standard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// content is a message in its canonical form: what is stored, and what its name is
// the hash of. It is protojson without white space and with sorted keys, since
// protojson itself promises neither order nor spacing. Fields that are added to
// the language later do not change it as long as they are not given.
type content struct {
	json []byte
	hash [sha256.Size]byte
}

// canonical is the content of a message. The kind keeps messages of different
// meaning apart that happen to have the same fields.
func canonical(kind string, m proto.Message) (content, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return content{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // numbers stay as protojson wrote them
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return content{}, err
	}
	if text, err = json.Marshal(tree); err != nil { // sorts the keys of maps
		return content{}, err
	}
	return content{json: text, hash: sha256.Sum256(append([]byte("assay "+kind+" 1\n"), text...))}, nil
}

// id is the start of the hash: enough to tell apart all versions that one
// installation will ever see; the store compares the whole.
func (c content) id() string { return hex.EncodeToString(c.hash[:8]) }

// revision names a model by its content.
func revision(kind string, model proto.Message) (string, error) {
	c, err := canonical(kind, model)
	return hex.EncodeToString(c.hash[:16]), err
}
