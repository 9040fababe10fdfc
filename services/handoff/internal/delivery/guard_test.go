package delivery

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// Each row is an address that a stranger may put into a URL, by the registries of IANA,
// the clouds' documents and the ways in which addresses are written.
func TestWhatMayBeDialled(t *testing.T) {
	guard := NewGuard(nil)
	for _, c := range []struct {
		addr string
		ok   bool
		what string
	}{
		{"93.184.216.34", true, "public"},
		{"1.1.1.1", true, "public"},
		{"8.8.8.8", true, "public"},
		{"100.63.255.255", true, "just below the carriers' addresses"},
		{"100.128.0.0", true, "just above them"},
		{"172.15.255.255", true, "just below 172.16/12"},
		{"172.32.0.0", true, "just above 172.16/12"},
		{"223.255.255.255", true, "just below multicast"},
		{"198.17.255.255", true, "just below benchmarking"},
		{"198.20.0.0", true, "just above benchmarking"},
		{"2606:2800:220:1:248:1893:25c8:1946", true, "public, version 6"},
		{"2a00:1450:4001:81b::200e", true, "public, version 6"},
		{"64:ff9b::101:101", true, "1.1.1.1, translated"},
		{"::ffff:1.1.1.1", true, "1.1.1.1, mapped"},

		{"127.0.0.1", false, "loopback"},
		{"127.255.255.254", false, "loopback, its end"},
		{"0.0.0.0", false, "this host"},
		{"0.1.2.3", false, "this network"},
		{"10.0.0.1", false, "private"},
		{"10.255.255.255", false, "private, its end"},
		{"172.16.0.1", false, "private"},
		{"172.31.255.255", false, "private, its end"},
		{"192.168.0.1", false, "private"},
		{"192.168.255.255", false, "private, its end"},
		{"169.254.169.254", false, "metadata of AWS, Google and Azure"},
		{"169.254.170.2", false, "credentials of ECS"},
		{"169.254.0.1", false, "link-local"},
		{"168.63.129.16", false, "Azure's host"},
		{"100.100.100.200", false, "metadata of Alibaba"},
		{"100.64.0.1", false, "carriers' NAT"},
		{"100.127.255.255", false, "carriers' NAT, its end"},
		{"192.0.0.192", false, "metadata of Oracle"},
		{"192.0.0.1", false, "protocol assignments"},
		{"192.0.2.1", false, "documentation"},
		{"198.51.100.1", false, "documentation"},
		{"203.0.113.1", false, "documentation"},
		{"198.18.0.1", false, "benchmarking"},
		{"198.19.255.255", false, "benchmarking, its end"},
		{"192.88.99.1", false, "relay of 6to4"},
		{"192.31.196.1", false, "AS112"},
		{"192.52.193.1", false, "AMT"},
		{"192.175.48.1", false, "AS112"},
		{"224.0.0.1", false, "multicast"},
		{"239.255.255.250", false, "multicast, SSDP"},
		{"240.0.0.1", false, "reserved"},
		{"255.255.255.255", false, "broadcast"},

		{"::1", false, "loopback"},
		{"::", false, "unspecified"},
		{"::ffff:127.0.0.1", false, "loopback, mapped"},
		{"::ffff:10.0.0.1", false, "private, mapped"},
		{"::ffff:169.254.169.254", false, "metadata, mapped"},
		{"::127.0.0.1", false, "loopback, compatible"},
		{"64:ff9b::7f00:1", false, "loopback, translated"},
		{"64:ff9b::a9fe:a9fe", false, "metadata, translated"},
		{"64:ff9b::a00:1", false, "private, translated"},
		{"64:ff9b:1::1", false, "translated by a local rule"},
		{"2002:7f00:1::", false, "loopback by 6to4"},
		{"2002:a9fe:a9fe::1", false, "metadata by 6to4"},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", false, "Teredo"},
		{"2001:db8::1", false, "documentation"},
		{"3fff::1", false, "documentation"},
		{"100::1", false, "discard"},
		{"5f00::1", false, "segment routing"},
		{"fc00::1", false, "unique local"},
		{"fd00:ec2::254", false, "metadata of AWS, version 6"},
		{"fe80::1", false, "link-local"},
		{"fe80::1%eth0", false, "link-local with a zone"},
		{"fec0::1", false, "site-local"},
		{"ff02::1", false, "multicast"},
		{"4000::1", false, "not assigned"},
	} {
		err := guard.check("https", netip.AddrPortFrom(netip.MustParseAddr(c.addr), 443))
		if c.ok != (err == nil) || (!c.ok && !errors.Is(err, ErrGuarded)) {
			t.Errorf("%s (%s): %v", c.addr, c.what, err)
		}
	}
}

func TestSchemesPortsAndAllowedNetworks(t *testing.T) {
	networks, err := ParseNetworks([]string{"10.20.0.0/16", "127.0.0.1", "fd12::/16"})
	if err != nil {
		t.Fatal(err)
	}
	guard := NewGuard(networks)
	for _, c := range []struct {
		scheme, addr string
		want         error
	}{
		{"https", "1.1.1.1:443", nil},
		{"https", "1.1.1.1:8443", nil},
		{"http", "1.1.1.1:80", errPlain},
		{"https", "1.1.1.1:25", errPort},
		{"https", "1.1.1.1:6379", errPort},
		{"http", "10.20.3.4:8080", nil},
		{"https", "10.20.3.4:9000", nil},
		{"http", "10.21.0.1:80", ErrGuarded},
		{"http", "127.0.0.1:8000", nil},
		{"http", "[::ffff:127.0.0.1]:8000", nil},
		{"http", "127.0.0.2:8000", ErrGuarded},
		{"http", "[fd12::1]:80", nil},
		{"http", "[fd13::1]:80", ErrGuarded},
	} {
		if err := guard.check(c.scheme, netip.MustParseAddrPort(c.addr)); !errors.Is(err, c.want) {
			t.Errorf("%s %s: %v, want %v", c.scheme, c.addr, err, c.want)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "intranet", "fe80::1%eth0", "10.0.0.0-10.0.0.9"} {
		if _, err := ParseNetworks([]string{bad}); err == nil {
			t.Errorf("network %q passes", bad)
		}
	}
}

// addresses resolves by a table.
type addresses map[string][]string

func (n addresses) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	texts, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	addrs := make([]netip.Addr, len(texts))
	for i, text := range texts {
		addrs[i] = netip.MustParseAddr(text)
	}
	return addrs, nil
}

func TestURLsAreCheckedWhenTheyAreSaved(t *testing.T) {
	networks, _ := ParseNetworks([]string{"10.20.0.0/16"})
	guard := NewGuard(networks)
	resolver := addresses{
		"hooks.example": {"93.184.216.34"},
		"inside":        {"10.20.1.1"},
		"mixed.example": {"93.184.216.34", "127.0.0.1"},
		"rebound":       {"169.254.169.254"},
	}
	for _, c := range []struct {
		url string
		ok  bool
	}{
		{"https://hooks.example/assay", true},
		{"https://hooks.example:8443/assay?team=1", true},
		{"https://not-set-up-yet.example/", true},
		{"http://inside:8080/hook", true},
		{"https://93.184.216.34/", true},
		{"", false},
		{"hooks.example", false},
		{"ftp://hooks.example/", false},
		{"file:///etc/passwd", false},
		{"gopher://127.0.0.1:6379/_FLUSHALL", false},
		{"https:hooks.example", false},
		{"https:///path", false},
		{"https://user:secret@hooks.example/", false},
		{"https://hooks.example/#part", false},
		{"https://hooks.example:0/", false},
		{"https://hooks.example:70000/", false},
		{"https://hooks.example:22/", false},
		{"http://hooks.example/", false},
		{"https://mixed.example/", false},
		{"https://rebound/", false},
		{"https://127.0.0.1/", false},
		{"https://[::1]/", false},
		{"https://[::ffff:169.254.169.254]/", false},
	} {
		err := guard.CheckURL(t.Context(), resolver, c.url)
		if c.ok != (err == nil) {
			t.Errorf("%q: %v", c.url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestNothingIsDialledThatIsNotAllowed(t *testing.T) {
	reached := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	refused := NewGuard(nil).Client()
	if _, err := refused.Get(server.URL); !errors.Is(err, ErrGuarded) {
		t.Errorf("got %v", err)
	}
	networks, _ := ParseNetworks([]string{"127.0.0.1"})
	allowed := NewGuard(networks).Client()
	defer allowed.CloseIdleConnections()
	answer, err := allowed.Get(server.URL)
	if err != nil || reached.Load() != 1 {
		t.Fatalf("got %v, reached %d times", err, reached.Load())
	}
	_ = answer.Body.Close()
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := atomic.Int64{}
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	networks, _ := ParseNetworks([]string{"127.0.0.1"})
	client := NewGuard(networks).Client()
	defer client.CloseIdleConnections()
	answer, err := client.Post(server.URL, "application/json", strings.NewReader("{}"))
	if err != nil || answer.StatusCode != http.StatusTemporaryRedirect || followed.Load() != 0 {
		t.Fatalf("got %v, %v; followed %d times", answer, err, followed.Load())
	}
	_ = answer.Body.Close()
}

// A name that is public when it is checked and private when it is dialled: the check of
// the dialled address is what counts.
func TestANameThatIsReboundIsNotDialled(t *testing.T) {
	reached := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	dns := startDNS(t, "93.184.216.34", "127.0.0.1")
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", dns)
	}}
	guard := NewGuard(nil)
	port, _ := url.Parse(server.URL)
	address := "https://rebind.example:443/"
	if err := guard.CheckURL(t.Context(), resolver, address); err != nil {
		t.Fatalf("the first answer is public: %v", err)
	}
	dialer := guard.dialer("https")
	dialer.Resolver = resolver
	if conn, err := dialer.DialContext(t.Context(), "tcp", "rebind.example:"+port.Port()); !errors.Is(err, ErrGuarded) {
		t.Errorf("dialled %v: %v", conn, err)
	}
	if reached.Load() != 0 {
		t.Errorf("reached %d times", reached.Load())
	}
}

// startDNS answers each question for an address with the next of some; the last stays.
func startDNS(t *testing.T, answers ...string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		asked := 0
		buffer := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			question := buffer[12:n]
			end := 0
			for question[end] != 0 {
				end += int(question[end]) + 1
			}
			asks := binary.BigEndian.Uint16(question[end+1:])
			question = question[:end+5]
			answer := append([]byte{}, buffer[:2]...)
			count := byte(0)
			if asks == 1 { // A
				count = 1
			}
			answer = append(answer, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0)
			answer = append(answer, question...)
			if count == 1 {
				addr := netip.MustParseAddr(answers[min(asked, len(answers)-1)]).As4()
				asked++
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				answer = append(answer, addr[:]...)
			}
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return conn.LocalAddr().String()
}
