package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	home  = netip.MustParseAddr("192.0.2.7")
	other = netip.MustParseAddr("192.0.2.8")
)

// at is a limiter with a clock to turn.
func at() (*Limiter, *time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return New(func() time.Time { return now }), &now
}

func TestTake(t *testing.T) {
	slow := Limits{Source: Limit{PerSecond: 10, Burst: 20}, Address: Limit{PerSecond: 1, Burst: 5}}
	type step struct {
		after  time.Duration
		source string
		from   netip.Addr
		n      int
		want   time.Duration // 0: passes
	}
	for name, c := range map[string]struct {
		limits Limits
		steps  []step
	}{
		"a burst passes, the next waits": {slow, []step{
			{0, "web", home, 5, 0}, {0, "web", home, 1, time.Second}, {time.Second, "web", home, 1, 0}, {0, "web", home, 1, time.Second},
		}},
		"what is refused takes nothing": {slow, []step{
			{0, "web", home, 4, 0}, {0, "web", home, 2, time.Second}, {0, "web", home, 1, 0},
		}},
		"a pause is in whole seconds": {slow, []step{
			{0, "web", home, 5, 0}, {100 * time.Millisecond, "web", home, 3, 3 * time.Second},
		}},
		"each address for itself": {slow, []step{{0, "web", home, 5, 0}, {0, "web", other, 5, 0}}},
		"each source for itself":  {slow, []step{{0, "web", home, 5, 0}, {0, "app", home, 5, 0}}},
		"all addresses of a source": {Limits{Source: Limit{PerSecond: 1, Burst: 5}}, []step{
			{0, "web", home, 3, 0}, {0, "web", other, 3, time.Second}, {0, "web", netip.Addr{}, 3, time.Second},
		}},
		"more than a burst at once passes after a rest, and is paid for": {Limits{Source: Limit{PerSecond: 10, Burst: 20}}, []step{
			{0, "web", home, 100, 0}, {time.Second, "web", home, 1, 8 * time.Second}, {time.Second, "web", home, 100, 8 * time.Second}, {8 * time.Second, "web", home, 100, 0},
		}},
		"no longer than five minutes": {Limits{Source: Limit{PerSecond: 0.001, Burst: 1}}, []step{
			{0, "web", home, 1, 0}, {0, "web", home, 1, 5 * time.Minute},
		}},
		"no limit":                  {Limits{}, []step{{0, "web", home, 1_000_000, 0}, {0, "web", home, 1_000_000, 0}}},
		"nothing":                   {slow, []step{{0, "web", home, 5, 0}, {0, "web", home, 0, 0}}},
		"no address: no such limit": {slow, []step{{0, "web", netip.Addr{}, 20, 0}, {0, "web", netip.Addr{}, 1, time.Second}}},
		"one network of IPv6": {slow, []step{
			{0, "web", netip.MustParseAddr("2001:db8::1"), 5, 0},
			{0, "web", netip.MustParseAddr("2001:db8::ffff"), 1, time.Second},
			{0, "web", netip.MustParseAddr("2001:db8:0:1::1"), 5, 0},
		}},
		"IPv4 in IPv6": {slow, []step{
			{0, "web", home, 5, 0}, {0, "web", netip.MustParseAddr("::ffff:192.0.2.7"), 1, time.Second},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, now := at()
			for i, s := range c.steps {
				*now = now.Add(s.after)
				if wait, ok := l.Take(s.source, c.limits, s.from, s.n); wait != s.want || ok != (s.want == 0) {
					t.Errorf("step %d: %v, %v; want %v", i, wait, ok, s.want)
				}
			}
		})
	}
}

// Never more than the burst and the rate over the time, or one larger request, whoever else
// sends; and whoever waits as told gets through when nobody else sends.
func TestNeverMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := at()
		limit := Limit{PerSecond: rapid.Float64Range(0.1, 2000).Draw(t, "rate"), Burst: rapid.IntRange(1, 500).Draw(t, "burst")}
		begin, largest := *now, 0
		passed := map[netip.Addr]int{}
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			*now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			from := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "address")})
			n := rapid.IntRange(1, 1000).Draw(t, "events")
			wait, ok := l.Take("web", Limits{Address: limit}, from, n)
			if ok {
				passed[from] += n
				largest = max(largest, n)
			} else if again, ok := later(l, now, wait, limit, from, n); !ok && again < maxPause && wait < maxPause {
				t.Fatalf("told to wait %v, and then %v more", wait, again)
			}
			most := float64(max(limit.Burst, largest)) + limit.PerSecond*now.Sub(begin).Seconds() + 1e-3
			if float64(passed[from]) > most {
				t.Fatalf("%d of %v passed in %v", passed[from], limit, now.Sub(begin))
			}
		}
	})
}

// later asks what would be after a pause, and changes nothing.
func later(l *Limiter, now *time.Time, pause time.Duration, limit Limit, from netip.Addr, n int) (time.Duration, bool) {
	was := *now
	*now = now.Add(pause)
	e := entry{rows: &l.addresses, limit: limit, places: l.places("web", from)}
	wait := e.wait(now.Sub(l.start), n)
	*now = was
	return wait, wait == 0
}

// A flood from thousands of addresses does not stop the others.
func TestAFloodStopsHardlyAnyoneElse(t *testing.T) {
	l, _ := at()
	limits := Limits{Address: Limit{PerSecond: 1, Burst: 10}}
	address := func(n uint32) netip.Addr {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], n)
		return netip.AddrFrom4(b)
	}
	for n := range uint32(2000) {
		if _, ok := l.Take("web", limits, address(n), 10); !ok && n < 2 {
			t.Fatal("the first were refused")
		}
	}
	refused := 0
	for n := uint32(10_000); n < 12_000; n++ {
		if _, ok := l.Take("web", limits, address(n), 1); !ok {
			refused++
		}
	}
	if refused > 40 { // expected: about 8
		t.Errorf("%d of 2,000 were refused for what others sent", refused)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(nil)
	limits := Limits{Source: Limit{PerSecond: 1e9, Burst: 1e9}, Address: Limit{PerSecond: 1e9, Burst: 1e9}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Take("web", limits, home, 1)
		}
	})
}
