// Package remote says from which address a request comes, also behind proxies.
package remote

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are networks of proxies whose word on where a request comes from is taken.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks, e.g. `10.0.0.0/8` or `::1`.
func ParseProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q: expected an address or a network such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		p = append(p, network.Masked())
	}
	return p, nil
}

func (p Proxies) trust(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// maxHops is how many proxies are looked through.
const maxHops = 20

// Address is where a request comes from: who connected or, if that is a proxy that is
// trusted, whom its X-Forwarded-For names. It is not valid if that cannot be told.
func (p Proxies) Address(r *http.Request) netip.Addr {
	connected, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := connected.Addr().Unmap().WithZone("")
	if len(p) == 0 {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i, hop := range slices.Backward(hops) {
		if !p.trust(address) || len(hops)-i > maxHops {
			break
		}
		// Each proxy adds whom it was called by at the end: what stands before whom we do
		// not trust may be anybody's words.
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = before.Unmap().WithZone("")
	}
	return address
}
