package condition

import (
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Facts are what a condition is asked about. What is nil is not known. One Facts
// belongs to one goroutine at a time.
type Facts struct {
	// Lead holds the attributes as they are at the instant of the question; those of the
	// lead's account are among them, as `account.industry`.
	Lead Attributes
	// Activity is the activity in question.
	Activity *Activity
	// Fit is the fit at that instant.
	Fit *Fit
	// Now is the instant of the question. Zero: not known.
	Now time.Time
	// Zone is the calendar whose days daysSince counts. Nil: UTC.
	Zone *time.Location
	// Before holds the attributes as they were just before the change in question.
	Before Attributes
	// Past returns the attributes as they were so many days of 24 hours before Now; it
	// is asked for what Condition.Past says. It may return nil.
	Past func(days int) Attributes

	document *Document // of a selection
}

// Attributes are the known attributes of a lead.
type Attributes interface {
	// Attribute returns the value of a key, and whether it is known.
	Attribute(key string) (Value, bool)
}

// AttributeMap is the plain form of Attributes. A key without a value is not known.
type AttributeMap map[string]Value

// Attribute implements Attributes.
func (m AttributeMap) Attribute(key string) (Value, bool) {
	v, ok := m[key]
	return v, ok && v.Known()
}

// Fit is a fit that has a score.
type Fit struct {
	// Score in points.
	Score float64
	// Class, e.g. `A`; empty if the score has none, which is known, too.
	Class string
	// Persona is its id; empty if there is none, which is known, too.
	Persona string
}

// Activity is one activity. Its properties are decoded when a condition first reads
// one of them, and only as far as it reads; use one Activity for all conditions that
// are asked about it.
type Activity struct {
	// Type, e.g. `content.downloaded`.
	Type string
	// Source that sent it.
	Source string
	// Campaign it belongs to. Empty: not known.
	Campaign string
	// Properties as a JSON object; empty means none. It must not change while the
	// Activity is in use.
	Properties []byte

	properties *object
}

// unknown is what CEL sees of anything that is not known. Which expression it came
// from is of no interest, so one value serves all.
var unknown ref.Val = types.NewUnknown(0, nil)

// scope gives CEL the variables of one evaluation.
type scope struct {
	facts *Facts
	lists map[string]*List
	fault Fault
}

var scopes = sync.Pool{New: func() any { return new(scope) }}

// ResolveName implements cel.Activation. Each variable with fields is the scope itself:
// the fields of variables.go know what to take from it.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case leadName, accountName, activityName, fitName, beforeName, pastName, listsName:
		return s, true
	case nowName:
		if s.facts.Now.IsZero() {
			return unknown, true
		}
		return types.Timestamp{Time: s.facts.Now.UTC()}, true
	case clockName:
		if s.facts.Now.IsZero() {
			return unknown, true
		}
		zone := s.facts.Zone
		if zone == nil {
			zone = time.UTC
		}
		return clock{now: s.facts.Now, zone: zone}, true
	case bodyName:
		return present(s.facts.document.body), true
	case itemName:
		return present(s.facts.document.item), true
	default:
		return nil, false
	}
}

// present is a value, or unknown.
func present(v ref.Val) ref.Val {
	if v == nil {
		return unknown
	}
	return v
}

// Parent implements cel.Activation.
func (s *scope) Parent() cel.Activation { return nil }

func (s *scope) attribute(key string) ref.Val { return attribute(s.facts.Lead, key) }

// props returns the properties of the activity; nil if there is no activity.
func (s *scope) props() *object {
	a := s.facts.Activity
	if a == nil {
		return nil
	}
	o := a.object()
	if !o.index() {
		s.fault = PropertiesFault
	}
	return o
}

func (a *Activity) object() *object {
	if a.properties == nil {
		a.properties = &object{raw: a.Properties}
	}
	return a.properties
}

// Become makes it another activity, in the room of the one before: nobody may still
// look at what that one had decoded.
func (a *Activity) Become(other Activity) {
	if o := a.properties; o != nil && other.properties == nil {
		clear(o.fields)
		*o = object{raw: other.Properties, fields: o.fields[:0]}
		other.properties = o
	}
	*a = other
}
