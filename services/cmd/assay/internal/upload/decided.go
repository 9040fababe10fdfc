package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

const (
	// fewLeads is how many leads are asked for one by one instead of listing all.
	fewLeads  = 20
	pollPause = 250 * time.Millisecond
	// stallLimit is longer than a lease of the qualifier, 30 s: when the answer to a
	// claim is lost, its leads are decided after that.
	stallLimit = 45 * time.Second
)

// ErrStalled says that nothing was decided for a while although leads wait.
var ErrStalled = errors.New("no further decision came")

// Decided waits until each lead is decided for its facts version or a later one. The
// progress is told how many are. It gives up with ErrStalled when for 45 seconds
// none was decided, e.g. because no standard applies to the rest.
func Decided(ctx context.Context, client *api.Client, versions map[string]int32, progress func(decided, all int)) error {
	waiting := make(map[string]int32, len(versions))
	for lead, version := range versions {
		waiting[lead] = version
	}
	lastCount, lastChange := len(waiting), time.Now()
	for {
		err := settle(ctx, client, waiting)
		if err != nil && !api.Temporary(err) {
			return err
		}
		if progress != nil {
			progress(len(versions)-len(waiting), len(versions))
		}
		if len(waiting) == 0 {
			return nil
		}
		if len(waiting) < lastCount {
			lastCount, lastChange = len(waiting), time.Now()
		} else if time.Since(lastChange) > stallLimit {
			if err != nil {
				return err
			}
			return fmt.Errorf("%w for %s: %d of %d leads are not decided", ErrStalled, stallLimit, len(waiting), len(versions))
		}
		select {
		case <-time.After(pollPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle takes the leads that are decided off the waiting ones.
func settle(ctx context.Context, client *api.Client, waiting map[string]int32) error {
	take := func(q *handoffv1.Qualification) {
		if version, ok := waiting[q.GetLead()]; ok && q.GetFactsVersion() >= version {
			delete(waiting, q.GetLead())
		}
	}
	if len(waiting) <= fewLeads {
		for lead := range waiting {
			var q handoffv1.Qualification
			_, err := client.Get(ctx, "/v1/"+lead+"/qualification", nil, &q)
			var refused *api.Error
			switch {
			case err == nil:
				q.Lead = lead
				take(&q)
			case errors.As(err, &refused) && refused.Status == http.StatusNotFound: // not yet
			default:
				return err
			}
		}
		return nil
	}
	return Pages(ctx, client, "", 0, func(q *handoffv1.Qualification) error {
		take(q)
		return nil
	})
}

// Pages lists qualifications that match the filter, page by page, at most limit; 0:
// all.
func Pages(ctx context.Context, client *api.Client, filter string, limit int, each func(*handoffv1.Qualification) error) error {
	query := url.Values{}
	if filter != "" {
		query.Set("filter", filter)
	}
	return api.Each(ctx, client, "/v1/qualifications", query, limit, (*handoffv1.ListQualificationsResponse).GetQualifications, each)
}
