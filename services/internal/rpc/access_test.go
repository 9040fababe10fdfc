package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	_ "github.com/assay-hq/assay/gen/go/assay/behavior/v1" // registers the methods
	_ "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	_ "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	_ "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	_ "google.golang.org/grpc/health/grpc_health_v1" // methods without the option
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Over every method of this binary and every role: allowed exactly where the option
// says so. A method without the option is refused to everyone.
func TestAccessIsWhatTheOptionSays(t *testing.T) {
	methods, without := 0, 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				m := file.Services().Get(i).Methods().Get(j)
				methods++
				access := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
				if access == nil {
					without++
				}
				name := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
				for number := range typev1.Role_name {
					role := typev1.Role(number)
					want := role != typev1.Role_ROLE_UNSPECIFIED && slices.Contains(access.GetRoles(), role)
					if rpc.Allowed(name, role) != want {
						t.Errorf("%s for %v: allowed %v, want %v", name, role, !want, want)
					}
				}
			}
		}
		return true
	})
	if methods < 30 || without == 0 { // health has none
		t.Errorf("saw %d methods, %d of them without the option", methods, without)
	}
	for _, unknown := range []string{"", "/", "/a.B/C", "/assay.ingest.v1.IngestService", "/assay.ingest.v1.IngestService/Nope"} {
		for number := range typev1.Role_name {
			if rpc.Allowed(unknown, typev1.Role(number)) {
				t.Errorf("%q is allowed", unknown)
			}
		}
	}
}

// counting counts the questions and answers as told.
type counting struct {
	asked int
	until time.Time
	err   error
}

func (c *counting) Verify(context.Context, string) (caller.Caller, time.Time, error) {
	c.asked++
	return ana, c.until, c.err
}

func TestKeysAreCachedForFiveSeconds(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	store := &counting{}
	cache := rpc.CacheKeys(store, func() time.Time { return now })
	verify := func(secret string, wantAsked int, wantErr error) {
		t.Helper()
		who, _, err := cache.Verify(t.Context(), secret)
		if !errors.Is(err, wantErr) || store.asked != wantAsked || (err == nil && who != ana) {
			t.Errorf("%v %v after %d questions, want %v after %d", who, err, store.asked, wantErr, wantAsked)
		}
	}
	verify("a", 1, nil)
	verify("a", 1, nil)
	verify("b", 2, nil)
	now = now.Add(rpc.KeyCacheLife - time.Nanosecond)
	verify("a", 2, nil)
	now = now.Add(time.Nanosecond)
	store.err = rpc.ErrUnknownKey // revoked
	verify("a", 3, rpc.ErrUnknownKey)
	verify("a", 3, rpc.ErrUnknownKey)
	away := errors.New("away")
	store.err = away
	verify("c", 4, away)
	verify("c", 5, away) // an open answer is not kept
	store.err = nil
	now = now.Add(rpc.KeyCacheLife)
	verify("a", 6, nil) // granted again

	// What ends sooner is kept no longer.
	store.until = now.Add(2 * time.Second)
	verify("token", 7, nil)
	now = now.Add(2*time.Second - time.Nanosecond)
	verify("token", 7, nil)
	now = now.Add(time.Nanosecond)
	verify("token", 8, nil)

	// Why it is refused is kept too.
	left := apierr.PermissionDeniedFor("the user is not active")
	store.err = left
	verify("left", 9, left)
	verify("left", 9, left)
}

func TestCacheOfKeysIsBounded(t *testing.T) {
	store := &counting{}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cache := rpc.CacheKeys(store, func() time.Time { return now })
	if _, _, err := cache.Verify(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	store.err = rpc.ErrUnknownKey
	for i := range 25_000 { // guessing
		_, _, _ = cache.Verify(t.Context(), fmt.Sprint(i))
	}
	asked := store.asked
	if _, _, err := cache.Verify(t.Context(), "mine"); err != nil || store.asked != asked {
		t.Errorf("guessing pushed out a key that works: %v", err)
	}
}
