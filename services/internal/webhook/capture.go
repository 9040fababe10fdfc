package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// MaxItems is how many items one message may have.
const MaxItems = 10_000

// Result is what a body became.
type Result struct {
	// Items are those that are taken, and those that are not for what is wrong with them.
	Items []Item
	// Skipped counts the items that `when` leaves out.
	Skipped int
}

// Item is one item of a body.
type Item struct {
	// Index of the item, from 0.
	Index int
	// Capture is what it became; nil: it is refused, for the first of the problems.
	Capture *ingestv1.CaptureLeadRequest
	// Problems are what was left out of the capture, or why there is none.
	Problems []Problem

	document *condition.Document
}

// JSON returns the item in one canonical form. It is personal.
func (i *Item) JSON() []byte { return i.document.JSON() }

// Problem is something wrong with an item.
type Problem struct {
	// Reason is machine-readable, as in errors.
	Reason string
	// Field is the part of the mapping that found nothing good, e.g. `webhook.mapping.email`.
	Field string
	// Message says what was expected, never what was found.
	Message string
}

var (
	reasonInvalid  = strings.TrimPrefix(typev1.ErrorReason_ERROR_REASON_INVALID_FIELD.String(), "ERROR_REASON_")
	reasonTooLarge = strings.TrimPrefix(typev1.ErrorReason_ERROR_REASON_TOO_LARGE.String(), "ERROR_REASON_")
)

// Map makes captures of a document, in the name of a source. The id of the message, if it
// has one, makes the ids of activities for which the mapping finds none.
func (m *Mapping) Map(d *condition.Document, source, messageID string) Result {
	documents := []*condition.Document{d}
	if m.items != nil {
		var fault condition.Fault
		if documents, fault = m.items.Items(d); fault != condition.NoFault {
			return Result{Items: []Item{{document: d, Problems: []Problem{*m.items.expected("a list of items")}}}}
		}
	}
	var result Result
	for i, document := range documents {
		if i == MaxItems {
			result.Items = append(result.Items, Item{Index: i, document: document, Problems: []Problem{{
				Reason: reasonTooLarge, Field: "webhook.mapping.items", Message: "expected at most 10,000 items: this one and those after it are left out",
			}}})
			break
		}
		reading := reading{Mapping: m, document: document, source: source}
		if messageID != "" {
			reading.seed = messageID + "/" + strconv.Itoa(i)
		}
		capture, taken := reading.capture()
		if !taken {
			result.Skipped++
			continue
		}
		result.Items = append(result.Items, Item{Index: i, Capture: capture, Problems: reading.problems, document: document})
	}
	return result
}

// reading reads one item.
type reading struct {
	*Mapping
	document *condition.Document
	source   string
	seed     string
	problems []Problem
}

// note keeps a problem, and reports whether there is one.
func (r *reading) note(p *Problem) bool {
	if p != nil {
		r.problems = append(r.problems, *p)
	}
	return p != nil
}

// capture returns what the item becomes, nil if it is refused, and whether it is taken.
func (r *reading) capture() (capture *ingestv1.CaptureLeadRequest, taken bool) {
	if r.when != nil {
		holds, problem := r.when.get(r.document)
		if r.note(problem) {
			return nil, true
		}
		if taken, _ := holds.(bool); !taken {
			return nil, false
		}
	}
	lead := &ingestv1.Lead{Identities: r.who()}
	occurred, problem := r.time()
	if r.note(problem) {
		return nil, true
	}
	if len(lead.GetIdentities()) == 0 {
		if len(r.problems) == 0 {
			r.note(r.identities[0].of.expected("a person: none of the expressions for identities finds one"))
		}
		return nil, true
	}
	activities, problem := r.activity(occurred)
	if r.note(problem) {
		return nil, true
	}
	lead.Attributes = r.object(r.attributesFrom, r.attributes, attribute)
	capture = &ingestv1.CaptureLeadRequest{
		Lead: lead, Activities: activities, DefaultTime: occurred, Source: r.source, Consent: r.consents(),
	}
	domain, problem := r.accountDomain.text(r.document)
	if !r.note(problem) && domain != "" {
		capture.Account = &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_DOMAIN, Value: domain}
	}
	return capture, true
}

func (r *reading) who() []*ingestv1.Identity {
	var identities []*ingestv1.Identity
	for _, identity := range r.identities {
		value, problem := identity.of.text(r.document)
		if r.note(problem) {
			continue
		}
		if value = strings.TrimSpace(value); value != "" {
			identities = append(identities, &ingestv1.Identity{Kind: identity.kind, Value: value})
		}
	}
	return identities
}

// activity returns the one activity, or none if the item tells of the lead only.
func (r *reading) activity(occurred *timestamppb.Timestamp) ([]*ingestv1.Activity, *Problem) {
	if r.kind == nil {
		return nil, nil
	}
	kind, problem := r.kind.get(r.document)
	if problem != nil {
		return nil, problem
	}
	text, ok := kind.(string)
	if !ok {
		return nil, r.kind.expected("the type of an activity, e.g. \"form.submitted\", or an empty text for none")
	}
	if text == "" {
		return nil, nil
	}
	id, problem := r.activityID()
	if problem != nil {
		return nil, problem
	}
	campaign, problem := r.campaign.text(r.document)
	r.note(problem)
	return []*ingestv1.Activity{{
		Id: id, Type: text, OccurredTime: occurred, Source: r.source, Campaign: campaign,
		Properties: r.object(r.propertiesFrom, r.properties, property),
	}}, nil
}

// maxID is the most characters of an activity's id.
const maxID = 200

// activityID is what the mapping finds; else it is made of the message, or of the very
// content of the item, so that the same item always has the same id.
func (r *reading) activityID() (string, *Problem) {
	id, problem := r.id.text(r.document)
	switch {
	case problem != nil:
		return "", problem
	case id == "" && r.seed != "":
		id = r.seed
	case id == "":
		return digest(r.document.JSON()), nil
	}
	if len(id) > maxID {
		return digest([]byte(id)), nil
	}
	return id, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (r *reading) time() (*timestamppb.Timestamp, *Problem) {
	value, problem := r.occurred.get(r.document)
	if problem != nil || value == nil || value == "" {
		return nil, problem
	}
	t, err := timeOf(value)
	if err != nil {
		return nil, r.occurred.expected(err.Error())
	}
	return timestamppb.New(t), nil
}

// object makes attributes or properties: what the named expressions find, then the fields of
// objects.
func (r *reading) object(from []*expression, named []named, accept func(key string, value any) (string, any, error)) *structpb.Struct {
	object := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	put := func(of *expression, key string, value any) {
		key, value, err := accept(key, value)
		if err != nil {
			r.note(of.expected(err.Error()))
			return
		}
		if value == nil || object.GetFields()[key] != nil {
			return
		}
		if v, err := structpb.NewValue(value); err == nil {
			object.Fields[key] = v
		}
	}
	for _, n := range named {
		value, problem := n.of.get(r.document)
		if !r.note(problem) {
			put(n.of, n.name, value)
		}
	}
	for _, of := range from {
		value, problem := of.get(r.document)
		if r.note(problem) || value == nil {
			continue
		}
		fields, ok := value.(map[string]any)
		if !ok {
			r.note(of.expected("an object"))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			put(of, key, fields[key])
		}
	}
	if len(object.GetFields()) == 0 {
		return nil
	}
	return object
}

func (r *reading) consents() map[string]bool {
	var consent map[string]bool
	for _, n := range r.consent {
		value, problem := n.of.get(r.document)
		if r.note(problem) || value == nil {
			continue
		}
		granted, ok := value.(bool)
		if !ok {
			r.note(n.of.expected("true or false"))
			continue
		}
		if consent == nil {
			consent = map[string]bool{}
		}
		consent[n.name] = granted
	}
	return consent
}

func indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
