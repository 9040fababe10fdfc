package pending_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func capture(seconds int, trace string, historical bool) pending.Captures {
	return pending.Captures{Accepted: at(seconds).UnixMicro(), Took: time.Millisecond, Facts: 1, Bytes: 100, Trace: trace, Historical: historical}
}

func TestDecideAnswersForWhatWasClaimed(t *testing.T) {
	var r pending.Row
	r.Capture(capture(0, "a", true), 1, at(0).UnixMicro())
	r.Capture(capture(1, "b", true), 2, at(0).UnixMicro())
	if !r.Claim(at(2), time.Minute) || r.Claimed != 2 || r.Attempts != 1 || r.AsOf != at(2).UnixMicro() {
		t.Fatalf("the claim: %+v", r)
	}
	if s := r.Serving; s.Accepted != at(0).UnixMicro() || s.Trace != "a" || fmt.Sprint(s.Links) != "[b]" || !s.Historical || s.Facts != 2 || s.Bytes != 200 {
		t.Fatalf("what is served: %+v", s)
	}
	r.Capture(capture(3, "c", false), 3, at(3).UnixMicro())
	r.Decide(at(4))
	if r.State != pending.Waiting || r.Decided != 2 || r.QueuedAt != at(3).UnixMicro() || r.Newer.Trace != "c" || r.Newer.Historical || r.Serving.Accepted != 0 {
		t.Fatalf("with newer facts it waits on, since they came: %+v", r)
	}
	r.Claim(at(5), time.Minute)
	r.Decide(at(6))
	if r.State != pending.Idle || r.Decided != 3 || r.Owes() {
		t.Fatalf("decided: %+v", r)
	}
}

func TestAsOf(t *testing.T) {
	var r pending.Row
	r.Capture(capture(0, "", false), 1, at(100).UnixMicro())
	r.Claim(at(1), time.Minute)
	if r.AsOf != at(100).UnixMicro() {
		t.Error("as_of is before a fact")
	}
	r.Fail(at(2), "x")
	r.Claim(at(200), time.Minute)
	if r.AsOf != at(100).UnixMicro() || r.Attempts != 2 {
		t.Error("a retry reuses as_of and counts")
	}
	r.Fail(at(201), "x")
	r.Capture(capture(202, "", false), 2, 0)
	r.Claim(at(203), time.Minute)
	if r.AsOf != at(203).UnixMicro() || r.Attempts != 1 {
		t.Errorf("a newer version has its own as_of and attempts: %+v", r)
	}
	r.Decide(at(204))
	r.Claim(at(300), time.Minute) // by name, since a review time is due
	if r.AsOf != at(300).UnixMicro() {
		t.Error("a decided version is claimed again at a new instant")
	}
}

func TestQuarantine(t *testing.T) {
	var r pending.Row
	r.Capture(capture(0, "", false), 1, 0)
	for i := range pending.MaxAttempts {
		if !r.Claim(at(i), time.Minute) {
			t.Fatalf("claim %d was refused", i+1)
		}
		if i == 2 {
			r.Release(at(i)) // does not count
			r.Claim(at(i), time.Minute)
		}
		if i%2 == 0 {
			r.Fail(at(i), "no such model")
		} else {
			r.Expire(at(i))
		}
	}
	if r.State != pending.Quarantined || r.LastError != "no such model" || r.Claim(at(10), time.Minute) {
		t.Fatalf("after five claims: %+v", r)
	}
	again := r
	if !again.Retry(at(11)) || again.State != pending.Waiting || again.QueuedAt != at(0).UnixMicro() || !again.Claim(at(12), time.Minute) || again.Attempts != 1 {
		t.Errorf("an operator tries it again: %+v", again)
	}
	r.Capture(capture(20, "", false), 2, 0)
	if r.State != pending.Waiting || r.LastError != "" || !r.Claim(at(21), time.Minute) || r.Attempts != 1 {
		t.Errorf("a new fact tries it again: %+v", r)
	}
	if r.Retry(at(22)) {
		t.Error("a lead that is not quarantined cannot be retried")
	}
}

func TestNewFactsKeepAFailingLeadOutOfQuarantine(t *testing.T) {
	var r pending.Row
	r.Capture(capture(0, "", false), 1, 0)
	for range pending.MaxAttempts - 1 {
		r.Claim(at(1), time.Minute)
		r.Fail(at(1), "x")
	}
	r.Claim(at(2), time.Minute)
	r.Capture(capture(3, "", false), 2, 0)
	r.Fail(at(4), "x")
	if r.State != pending.Waiting {
		t.Errorf("the new version was never tried: %+v", r)
	}
}

func TestClaimByNameOwesNothing(t *testing.T) {
	r := pending.Row{Version: 3, Decided: 3}
	if !r.Claim(at(0), time.Minute) || r.Claimed != 3 || r.Claim(at(1), time.Minute) {
		t.Fatalf("a decided lead is leased once: %+v", r)
	}
	for i := range 2 * pending.MaxAttempts {
		r.Fail(at(i), "x")
		if r.State != pending.Idle {
			t.Fatalf("who claimed it by name tries again: %+v", r)
		}
		r.Claim(at(i), time.Minute)
	}
}

func TestHolds(t *testing.T) {
	var r pending.Row
	r.Capture(capture(0, "", false), 1, 0)
	r.Claim(at(0), time.Second)
	old := r.Fence
	r.Expire(at(2))
	if r.Holds(old, 1) {
		t.Error("an expired lease holds")
	}
	r.Claim(at(3), time.Second)
	if r.Holds(old, 1) || !r.Holds(r.Fence, 1) || r.Holds(r.Fence, 2) {
		t.Error("only the last fence and its version hold")
	}
}

func TestLinksAreBounded(t *testing.T) {
	var c pending.Captures
	for i := range 50 {
		c.Add(capture(i, fmt.Sprint(i%40), false))
	}
	if c.Trace != "0" || len(c.Links) != 16 || c.Facts != 50 {
		t.Errorf("%+v", c)
	}
}

func TestStoredCaptures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want pending.Captures
		for range rapid.IntRange(0, 4).Draw(t, "captures") {
			want.Add(capture(rapid.IntRange(0, 9).Draw(t, "at"), rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "trace"), rapid.Bool().Draw(t, "historical")))
		}
		got, err := pending.ParseCaptures(want.String())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q read as %+v, %v; want %+v", want, got, err, want)
		}
	})
}

func FuzzParseCaptures(f *testing.F) {
	f.Add("1 2 3 4 h a b")
	f.Add("1 2 3")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := pending.ParseCaptures(s)
		if err != nil {
			return
		}
		if again, err := pending.ParseCaptures(c.String()); err != nil || again.String() != c.String() {
			t.Fatalf("%q read as %+v, written as %q: %v", s, c, c, err)
		}
	})
}

// Whatever happens in whatever order: the queue loses no version, decides none
// twice, and a capture keeps the time at which it was accepted until it is served.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			r           pending.Row
			clock       int
			waits       = map[int64]int64{} // version → accepted
			facts       = map[int64]int64{} // version → how many it has
			leases      []struct{ fence, version int64 }
			fences      = map[int64]bool{}
			pausedUntil int64 // by the last failure
		)
		tick := func() time.Time { clock++; return at(clock) }
		end := func(t *rapid.T) int64 { // a worker comes back, maybe too late
			if len(leases) == 0 {
				t.Skip("no lease")
			}
			l := rapid.SampledFrom(leases).Draw(t, "lease")
			if !r.Holds(l.fence, l.version) {
				t.Skip("fenced")
			}
			return l.version
		}
		t.Repeat(map[string]func(*rapid.T){
			"capture": func(t *rapid.T) {
				c := capture(0, "", false)
				c.Accepted = tick().UnixMicro()
				waits[r.Version+1] = c.Accepted
				facts[r.Version+1]++
				leased := r.State == pending.Leased
				r.Capture(c, r.Version+1, 0)
				if leased != (r.State == pending.Leased) {
					t.Fatalf("a capture ended a lease: %+v", r)
				}
			},
			"repeat": func(t *rapid.T) {
				c := capture(0, "", false)
				c.Accepted = tick().UnixMicro()
				c.Facts = rapid.SampledFrom([]int64{1, pending.MaxRepeatedFacts / 2}).Draw(t, "facts")
				before, version := r, r.Version+1
				r.Repeat(c, version, 0)
				facts[version] += c.Facts
				if many := facts[version] >= pending.MaxRepeatedFacts; many {
					waits[version] = c.Accepted
				} else {
					before.RepeatedFacts, before.RepeatedBytes = r.RepeatedFacts, r.RepeatedBytes
				}
				if raised := r.Version == version; raised != (waits[version] != 0) || !raised && !reflect.DeepEqual(r, before) {
					t.Fatalf("%d facts of version %d: before %+v, after %+v", facts[version], version, before, r)
				}
			},
			"claim": func(*rapid.T) {
				if r.Version > 0 && r.Claim(tick(), time.Second) {
					if fences[r.Fence] {
						t.Fatalf("fence %d was given twice", r.Fence)
					}
					fences[r.Fence] = true
					leases = append(leases, struct{ fence, version int64 }{r.Fence, r.Claimed})
				}
			},
			"decide": func(t *rapid.T) {
				version := end(t)
				if version < r.Decided {
					t.Fatalf("decided %d after %d", version, r.Decided)
				}
				r.Decide(tick())
				for v := range waits {
					if v <= version {
						delete(waits, v)
					}
				}
			},
			"release": func(t *rapid.T) { end(t); r.Release(tick()) },
			"fail": func(t *rapid.T) {
				end(t)
				now := tick()
				r.Fail(now, "x")
				if r.State == pending.Waiting && r.QueuedAt <= now.UnixMicro() {
					t.Fatalf("no pause after a failure: %+v", r)
				}
				pausedUntil = r.QueuedAt
			},
			"expire": func(t *rapid.T) {
				if r.State == pending.Leased {
					r.Expire(tick())
				}
			},
			"retry": func(*rapid.T) { r.Retry(tick()) },
			"": func(t *rapid.T) {
				if r.Owes() != (len(waits) > 0) {
					t.Fatalf("owes %v, %d versions wait: %+v", r.Owes(), len(waits), r)
				}
				if r.State == pending.Idle && r.Owes() || r.State != pending.Idle && r.State != pending.Leased && !r.Owes() {
					t.Fatalf("owes %v in state %d: %+v", r.Owes(), r.State, r)
				}
				oldest := r.Serving
				oldest.Add(r.Newer)
				want, count := int64(0), int64(0)
				for v, accepted := range waits {
					count += facts[v]
					if want == 0 || accepted < want {
						want = accepted
					}
				}
				if oldest.Accepted != want || oldest.Facts != count {
					t.Fatalf("%d facts since %d wait; want %d since %d", oldest.Facts, oldest.Accepted, count, want)
				}
				if r.State == pending.Waiting && r.QueuedAt != want && r.QueuedAt != pausedUntil {
					t.Fatalf("queued since %d, want %d", r.QueuedAt, want)
				}
			},
		})
	})
}
