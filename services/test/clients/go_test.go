package clients

import (
	"testing"
	"time"

	rudder "github.com/rudderlabs/analytics-go/v4"
	segment "github.com/segmentio/analytics-go/v3"
)

func segmentGo(t *testing.T, v visit, url, key string) {
	t.Helper()
	arrived := make(arrivals, 10)
	client, err := segment.NewWithConfig(key, segment.Config{
		Endpoint: url, BatchSize: 3, Interval: 200 * time.Millisecond, Callback: segmentArrivals{arrived},
		RetryAfter: func(int) time.Duration { return 300 * time.Millisecond },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []segment.Message{
		segment.Page{AnonymousId: v.anonymousID(), Name: "Pricing", Properties: segment.NewProperties().SetPath("/pricing").SetURL("https://www.example.com/pricing")},
		segment.Identify{UserId: v.userID(), AnonymousId: v.anonymousID(), Traits: segment.NewTraits().SetEmail(v.email()).SetFirstName("Ada").SetTitle("VP Operations").Set("plan", "trial")},
		segment.Track{UserId: v.userID(), AnonymousId: v.anonymousID(), Event: "Trial Started", Properties: segment.NewProperties().Set("plan", "team").Set("seats", 7)},
		segment.Group{UserId: v.userID(), AnonymousId: v.anonymousID(), GroupId: v.groupID(), Traits: segment.NewTraits().SetName("Initech").Set("industry", "Software").Set("employees", 250)},
		segment.Alias{UserId: v.userID(), PreviousId: v.previousID()},
	} {
		if err := client.Enqueue(message); err != nil {
			t.Error(err)
		}
	}
	arrived.wait(t, 5)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

func rudderGo(t *testing.T, v visit, url, key string) {
	t.Helper()
	arrived := make(arrivals, 10)
	client, err := rudder.NewWithConfig(key, rudder.Config{
		DataPlaneUrl: url, BatchSize: 3, Interval: 200 * time.Millisecond, Callback: rudderArrivals{arrived},
		RetryAfter: func(int) time.Duration { return 300 * time.Millisecond },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []rudder.Message{
		rudder.Page{AnonymousId: v.anonymousID(), Name: "Pricing", Properties: rudder.NewProperties().SetPath("/pricing").SetURL("https://www.example.com/pricing")},
		rudder.Identify{UserId: v.userID(), AnonymousId: v.anonymousID(), Traits: rudder.NewTraits().SetEmail(v.email()).SetFirstName("Ada").SetTitle("VP Operations").Set("plan", "trial")},
		rudder.Track{UserId: v.userID(), AnonymousId: v.anonymousID(), Event: "Trial Started", Properties: rudder.NewProperties().Set("plan", "team").Set("seats", 7)},
		rudder.Group{UserId: v.userID(), AnonymousId: v.anonymousID(), GroupId: v.groupID(), Traits: rudder.NewTraits().SetName("Initech").Set("industry", "Software").Set("employees", 250)},
		rudder.Alias{UserId: v.userID(), PreviousId: v.previousID()},
	} {
		if err := client.Enqueue(message); err != nil {
			t.Error(err)
		}
	}
	arrived.wait(t, 5)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// arrivals are told of each message that was taken. A client that is closed before drops
// what it would have sent again.
type arrivals chan error

func (a arrivals) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case err := <-a:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a message was not taken within a minute")
		}
	}
}

type segmentArrivals struct{ arrivals }

func (a segmentArrivals) Success(segment.Message)            { a.arrivals <- nil }
func (a segmentArrivals) Failure(_ segment.Message, e error) { a.arrivals <- e }

type rudderArrivals struct{ arrivals }

func (a rudderArrivals) Success(rudder.Message)            { a.arrivals <- nil }
func (a rudderArrivals) Failure(_ rudder.Message, e error) { a.arrivals <- e }
