// Package origin compares the origins of web pages, as browsers send them, with those that
// are allowed.
package origin

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// Pattern is an origin, or all origins below a domain.
type Pattern struct {
	scheme, host, port string
	below              bool
}

// Expected says what [Parse] reads.
const Expected = "an origin such as https://www.example.com or https://*.example.com, without a path"

// Parse reads a pattern: scheme and host, and a port that is not the usual one; a host that
// begins with `*.` stands for all below it, not for itself. It reports whether it is one.
func Parse(text string) (Pattern, bool) {
	scheme, host, ok := strings.Cut(text, "://")
	if !ok {
		return Pattern{}, false
	}
	host, below := strings.CutPrefix(host, "*.")
	p, ok := parse(scheme + "://" + host)
	p.below = below
	if below && net.ParseIP(p.host) != nil {
		return Pattern{}, false
	}
	return p, ok
}

// String writes the pattern in the form in which it is compared.
func (p Pattern) String() string {
	host := p.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p.below {
		host = "*." + host
	}
	if p.port != "" {
		host += ":" + p.port
	}
	return p.scheme + "://" + host
}

// Matches reports whether it stands for an origin, as the header Origin names it.
func (p Pattern) Matches(origin string) bool {
	o, ok := parse(origin)
	if !ok || o.scheme != p.scheme || o.port != p.port {
		return false
	}
	if p.below {
		return strings.HasSuffix(o.host, "."+p.host)
	}
	return o.host == p.host
}

// usual are the ports that an origin does not name.
var usual = map[string]string{"http": "80", "https": "443"}

func parse(text string) (Pattern, bool) {
	if len(text) > 300 || strings.ContainsAny(text, "@?#*\\ ") {
		return Pattern{}, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Path != "" || u.Opaque != "" {
		return Pattern{}, false
	}
	p := Pattern{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	if usual[p.scheme] == "" || p.host == "" || strings.HasSuffix(u.Host, ":") {
		return Pattern{}, false
	}
	if p.port == usual[p.scheme] {
		p.port = ""
	}
	if net.ParseIP(p.host) == nil {
		if p.host, err = idna.Lookup.ToASCII(p.host); err != nil {
			return Pattern{}, false
		}
	}
	return p, true
}
