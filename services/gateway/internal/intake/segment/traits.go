package segment

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/assay-hq/assay/services/gateway/internal/intake/rawjson"
)

// attributes are what traits say of a lead or of an account, by keys in snake_case.
type attributes map[string]*structpb.Value

const (
	maxKey = 63
	// maxNested is how deep objects in traits are looked into.
	maxNested = 4
)

// own are the attributes that ingest makes itself: traits of such a name get another one.
var own = map[string]bool{
	"account": true, "create_time": true, "email": true, "email_domain": true, "members": true, "suppressed": true,
}

// ofLead takes in the traits of a person, with the names that the Segment spec reserves:
// `title` is the job title, `company` and `address` are objects whose members stand for
// themselves. The address to write to is an identity, not an attribute.
func (a attributes) ofLead(traits rawjson.Value) {
	for key, value := range traits.Members() {
		switch name := Snake(key); name {
		case "email":
		case "title":
			a.put("job_title", value)
		case "company":
			if !value.IsObject() {
				a.put("company", value)
				continue
			}
			for key, value := range value.Members() {
				switch inner := Snake(key); inner {
				case "name":
					a.put("company", value)
				case "industry":
					a.put("industry", value)
				case "employees", "employee_count":
					a.put("employees", value)
				default:
					a.add("company_"+inner, value, 1)
				}
			}
		default:
			a.named(name, value)
		}
	}
}

// ofAccount takes in the traits of a group.
func (a attributes) ofAccount(traits rawjson.Value) {
	for key, value := range traits.Members() {
		a.named(Snake(key), value)
	}
}

// named takes in what leads and accounts have in common.
func (a attributes) named(name string, value rawjson.Value) {
	switch {
	case name == "address" && value.IsObject():
		for key, value := range value.Members() {
			a.add(Snake(key), value, 1)
		}
	case name == "employee_count":
		a.put("employees", value)
	default:
		a.add(name, value, 0)
	}
}

// add takes in a value; the members of an object by themselves, under its name.
func (a attributes) add(name string, value rawjson.Value, depth int) {
	if !value.IsObject() {
		a.put(name, value)
		return
	}
	if depth == maxNested {
		return
	}
	for key, value := range value.Members() {
		a.add(name+"_"+Snake(key), value, depth+1)
	}
}

// put takes in a value that is no object. What has no name in Latin letters has none here.
func (a attributes) put(name string, value rawjson.Value) {
	name = strings.Trim(name, "_")
	if name == "" {
		return
	}
	if own[name] || name[0] < 'a' || strings.HasPrefix(name, "consent_") || strings.HasPrefix(name, "permission_") {
		name = "trait_" + name
	}
	if v := scalar(value); v != nil {
		a[cut(name, maxKey)] = v
	} else if list := scalars(value); list != nil {
		a[cut(name, maxKey)] = structpb.NewListValue(list)
	}
}

// scalar returns a text, number, boolean or `null`; nil for a list.
func scalar(value rawjson.Value) *structpb.Value {
	switch {
	case value.IsNumber():
		if n, err := strconv.ParseFloat(string(value), 64); err == nil && len(value) <= 15 {
			return structpb.NewNumberValue(n)
		}
		return structpb.NewStringValue(string(value)) // an id: it must keep its digits
	case value.IsText():
		return structpb.NewStringValue(value.Text())
	case value.IsNull():
		return structpb.NewNullValue()
	case value.IsTrue(), value.IsFalse():
		return structpb.NewBoolValue(value.IsTrue())
	}
	return nil
}

// scalars returns the elements of a list that are texts, numbers and booleans.
func scalars(value rawjson.Value) *structpb.ListValue {
	if !value.IsList() {
		return nil
	}
	list := &structpb.ListValue{}
	for element := range value.Elements() {
		if v := scalar(element); v != nil && !element.IsNull() {
			list.Values = append(list.Values, v)
		}
	}
	return list
}

// isEmail reports whether a text can be an email address.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= 320 && !strings.ContainsAny(s, " \t\r\n<>,;") && !strings.Contains(domain, "@")
}

var hostPattern = regexp.MustCompile(`^[\pL\pN-]+(\.[\pL\pN-]+)+$`)

// domainOf returns the domain in the traits of a group, empty if they name none.
func domainOf(traits rawjson.Value) string {
	for _, key := range []string{"domain", "website", "url"} {
		text := strings.ToLower(strings.TrimSpace(traits.Member(key).Text()))
		if text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "https://" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		host := strings.TrimPrefix(u.Hostname(), "www.")
		if _, err := netip.ParseAddr(host); err != nil && hostPattern.MatchString(host) && len(host) <= 253 {
			return host
		}
	}
	return ""
}
