package delivery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Guard keeps deliveries away from what a stranger must not reach through us: the host
// itself, the network behind it, the metadata of a cloud. A URL is checked when a
// destination is saved, to tell whoever saves it; what counts is the check of the very
// address that is dialled, on each connection. So a name that means another address by
// then, and an address written in another way, change nothing.
//
// Networks of the installation's own may be allowed, for receivers on the premises.
type Guard struct {
	allowed []netip.Prefix
}

// ErrGuarded is why an address is not dialled.
var ErrGuarded = errors.New("the address is not on the public internet, and its network is not allowed here")

var (
	errPlain = errors.New("http is for allowed networks only: expected https")
	errPort  = errors.New("the port is none of https: expected 443 or 8443, or an allowed network")
)

// NewGuard returns a guard that lets pass, beside the public internet, some networks.
func NewGuard(allowed []netip.Prefix) *Guard { return &Guard{allowed: slices.Clone(allowed)} }

// ParseNetworks reads networks as `10.20.0.0/16`, or single addresses.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q: expected a network such as 10.20.0.0/16, or an address", text)
			}
			network = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// special are the networks that are not the public internet, of the registries of IANA
// for special-purpose addresses, and the addresses at which clouds tell secrets.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's host
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

var (
	// global is where all public addresses of version 6 are.
	global = netip.MustParsePrefix("2000::/3")
	// translated addresses hold one of version 4 in their last four bytes: on a network
	// of version 6 only, they are how the public internet of version 4 is reached.
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// public says whether an address is on the public internet.
func public(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	if translated.Contains(addr) {
		whole := addr.As16()
		addr = netip.AddrFrom4([4]byte(whole[12:]))
	}
	if addr = addr.Unmap(); addr.Is6() && !global.Contains(addr) {
		return false
	}
	return addr.IsValid() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// allows says whether the installation allows an address.
func (g *Guard) allows(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(g.allowed, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// check says why an address and a port must not be dialled for a scheme; nil: they may.
func (g *Guard) check(scheme string, addr netip.AddrPort) error {
	switch {
	case g.allows(addr.Addr()):
		return nil
	case !public(addr.Addr()):
		return ErrGuarded
	case scheme != "https":
		return errPlain
	case addr.Port() != 443 && addr.Port() != 8443:
		return errPort
	}
	return nil
}

// Resolver finds the addresses of a host, as *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolveTimeout bounds the look at a name when a destination is saved.
const resolveTimeout = 5 * time.Second

// CheckURL says what is wrong with the URL of a destination, as what was expected: nil
// if a connection to it would pass now. A host that has no address now passes: whoever
// saves may come before whoever sets the name up.
func (g *Guard) CheckURL(ctx context.Context, resolver Resolver, text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Opaque != "":
		return errors.New("a URL: `https://host/path`")
	case u.User != nil:
		return errors.New("a URL without user and password")
	case u.Fragment != "":
		return errors.New("a URL without a fragment")
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var addrs []netip.Addr
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		addrs = []netip.Addr{addr}
	} else if addrs, err = resolver.LookupNetIP(ctx, "ip", u.Hostname()); err != nil {
		return nil
	}
	for _, addr := range addrs {
		if err := g.check(u.Scheme, netip.AddrPortFrom(addr, port)); err != nil {
			return fmt.Errorf("a URL that may be called: %w", err)
		}
	}
	return nil
}

func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	switch {
	case text == "" && u.Scheme == "https":
		return 443, nil
	case text == "":
		return 80, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("a port from 1 to 65535")
	}
	return uint16(port), nil
}

const (
	// connsPerHost bounds what is kept open for one receiver.
	connsPerHost = 64
	// dialTimeout bounds the making of a connection, handshakeTimeout that of TLS on it.
	dialTimeout, handshakeTimeout = 5 * time.Second, 5 * time.Second
	// idle is how long a connection is kept for the next delivery.
	idle = 30 * time.Second
	// maxHeader is the most of an answer's headers that is read.
	maxHeader = 64 << 10
)

// Client returns an HTTP client that dials only what the guard lets pass, follows no
// redirects (an answer of 3xx is an answer) and takes no proxy of the environment, which
// would dial in its stead.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport: schemes{"http": g.transport("http"), "https": g.transport("https")},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// dialer dials for one scheme: with plain http, what may be dialled is less.
func (g *Guard) dialer(scheme string) *net.Dialer {
	return &net.Dialer{
		Timeout: dialTimeout,
		// Called with the address that the name was resolved to, before each connection.
		Control: func(_, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return ErrGuarded
			}
			return g.check(scheme, addr)
		},
	}
}

func (g *Guard) transport(scheme string) *http.Transport {
	return &http.Transport{
		DialContext:            g.dialer(scheme).DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConns:           4 * connsPerHost,
		MaxIdleConnsPerHost:    connsPerHost,
		MaxConnsPerHost:        connsPerHost,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // nobody reads the answers, so nothing is to inflate
		ForceAttemptHTTP2:      true,
	}
}

// schemes sends a request by the transport of its scheme.
type schemes map[string]*http.Transport

// RoundTrip sends one request.
func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	t, ok := s[r.URL.Scheme]
	if !ok {
		return nil, errors.New("expected http or https")
	}
	return t.RoundTrip(r)
}

// CloseIdleConnections closes what is open and not in use.
func (s schemes) CloseIdleConnections() {
	for _, t := range s {
		t.CloseIdleConnections()
	}
}
