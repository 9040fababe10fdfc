package remote

import (
	"net/http"
	"testing"
)

func TestAddress(t *testing.T) {
	for name, c := range map[string]struct {
		proxies   []string
		connected string
		forwarded []string
		want      string
	}{
		"direct":                        {nil, "192.0.2.7:4711", nil, "192.0.2.7"},
		"direct, over IPv6":             {nil, "[2001:db8::1]:4711", nil, "2001:db8::1"},
		"IPv4 in IPv6":                  {nil, "[::ffff:192.0.2.7]:4711", nil, "192.0.2.7"},
		"nobody is trusted":             {nil, "10.0.0.1:80", []string{"198.51.100.1"}, "10.0.0.1"},
		"a stranger's word":             {[]string{"10.0.0.0/8"}, "192.0.2.7:80", []string{"198.51.100.1"}, "192.0.2.7"},
		"behind a proxy":                {[]string{"10.0.0.0/8"}, "10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		"behind two":                    {[]string{"10.0.0.0/8"}, "10.0.0.1:80", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"behind two, in two headers":    {[]string{"10.0.0.0/8"}, "10.0.0.1:80", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"who calls adds another":        {[]string{"10.0.0.0/8"}, "10.0.0.1:80", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"garbage before who calls":      {[]string{"10.0.0.1"}, "10.0.0.1:80", []string{"evil, 198.51.100.1"}, "198.51.100.1"},
		"garbage from the proxy":        {[]string{"10.0.0.1"}, "10.0.0.1:80", []string{"unknown"}, "10.0.0.1"},
		"a proxy that forwards nothing": {[]string{"10.0.0.1"}, "10.0.0.1:80", nil, "10.0.0.1"},
		"no address":                    {nil, "@", nil, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ParseProxies(c.proxies)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{RemoteAddr: c.connected, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := p.Address(r).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	for _, bad := range []string{"", "localhost", "10.0.0.0/33", "10.0.0.1:80"} {
		if _, err := ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("10.0.0.1:80", "198.51.100.1, 10.0.0.2")
	p, _ := ParseProxies([]string{"10.0.0.0/8", "fe80::/10"})
	f.Fuzz(func(t *testing.T, connected, forwarded string) {
		r := &http.Request{RemoteAddr: connected, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		if a := p.Address(r); a.IsValid() && a.Zone() != "" {
			t.Errorf("%v has a zone", a)
		}
	})
}
