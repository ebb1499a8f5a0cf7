package retinue

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MarshalFact encodes a fact as one JSON object with a leading "type". Equal
// facts encode to equal bytes.
func MarshalFact(f Fact) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"type":"`)
	b.WriteString(string(f.FactType()))
	b.WriteByte('"')
	enc, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode %s fact: %w", f.FactType(), err)
	}
	if len(enc) > 2 {
		b.WriteByte(',')
	}
	b.Write(enc[1:])
	return b.Bytes(), nil
}

// UnmarshalFact decodes what MarshalFact writes. Unknown fields and unknown
// types are errors that name them.
func UnmarshalFact(data []byte) (Fact, error) {
	var head struct {
		Type FactType `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	delete(fields, "type")
	bare, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("%w: fact: %v", ErrInvalid, err)
	}
	return DecodeFact(head.Type, bare)
}

// DecodeFact decodes a fact's JSON without its "type", as json.Marshal of the
// fact writes it.
func DecodeFact(t FactType, body []byte) (Fact, error) {
	dec, ok := decoders[t]
	if !ok {
		return nil, fmt.Errorf("%w: fact type %q: want one of %v", ErrInvalid, t, FactTypes())
	}
	return dec(body)
}

var decoders = map[FactType]func([]byte) (Fact, error){
	FactPerson:      decodeBody[Person],
	FactTeam:        decodeBody[Team],
	FactApplication: decodeBody[Application],
	FactIdentity:    decodeBody[Identity],
	FactGroup:       decodeBody[Group],
	FactContainer:   decodeBody[Container],
	FactPolicy:      decodeBody[Policy],
	FactCredential:  decodeBody[Credential],
	FactResource:    decodeBody[Resource],
	FactMembership:  decodeBody[Membership],
	FactAttachment:  decodeBody[Attachment],
	FactGrant:       decodeBody[Grant],
	FactTrust:       decodeBody[Trust],
	FactPlacement:   decodeBody[Placement],
	FactOwnerSignal: decodeBody[OwnerSignal],
	FactUse:         decodeBody[Use],
}

func decodeBody[T Fact](body []byte) (Fact, error) {
	var f T
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %s fact: %v", ErrInvalid, f.FactType(), err)
	}
	return f, nil
}
