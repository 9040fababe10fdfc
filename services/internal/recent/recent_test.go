package recent_test

import (
	"errors"
	"testing"

	"github.com/assay-hq/assay/services/internal/recent"
)

func TestWhatIsUsedStays(t *testing.T) {
	m := recent.New[string, int](4)
	m.Put("used", 1)
	m.Put("unused", 2)
	for i := range 100 {
		m.Add(map[string]int{string(rune('a' + i)): i})
		if v, ok := m.Get("used"); !ok || v != 1 {
			t.Fatalf("after %d others: %d, %v", i, v, ok)
		}
	}
	if _, ok := m.Get("unused"); ok {
		t.Error("the map is not bounded")
	}
	m.Drop("used")
	if _, ok := m.Get("used"); ok {
		t.Error("dropped and there")
	}
	m.Put("used", 3)
	m.Clear()
	if _, ok := m.Get("used"); ok {
		t.Error("cleared and there")
	}
}

func TestMadeOnce(t *testing.T) {
	m := recent.New[string, int](4)
	for _, want := range []struct {
		made int
		err  error
		got  int
	}{{0, errors.New("away"), 0}, {2, nil, 2}, {3, nil, 2}} {
		got, err := m.GetOrMake("a", func() (int, error) { return want.made, want.err })
		if got != want.got || !errors.Is(err, want.err) {
			t.Errorf("%d, %v; want %d, %v", got, err, want.got, want.err)
		}
	}
}
