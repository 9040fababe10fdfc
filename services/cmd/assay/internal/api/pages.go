package api

import (
	"context"
	"fmt"
	"maps"
	"net/url"

	"google.golang.org/protobuf/proto"
)

// maxPage is the most items that the API puts on a page.
const maxPage = 1000

// Page is a page of a list.
type Page interface {
	proto.Message
	GetNextPageToken() string
}

// Each calls each with the items of a list, page by page, at most limit of them; 0:
// all.
func Each[P Page, T any](ctx context.Context, client *Client, path string, query url.Values, limit int, items func(P) []T, each func(T) error) error {
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	for seen := 0; ; {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-seen)
		}
		query.Set("pageSize", fmt.Sprint(size))
		var none P
		page := none.ProtoReflect().New().Interface().(P)
		if _, err := client.Get(ctx, path, query, page); err != nil {
			return err
		}
		for _, item := range items(page) {
			if err := each(item); err != nil {
				return err
			}
			if seen++; seen == limit {
				return nil
			}
		}
		if page.GetNextPageToken() == "" {
			return nil
		}
		query.Set("pageToken", page.GetNextPageToken())
	}
}
