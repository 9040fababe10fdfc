package main

import (
	"context"
	"net/url"

	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

// listing is a list of the API and how it is printed: a row of a table or a line of
// JSON for each item.
type listing[P api.Page, T proto.Message] struct {
	path  string
	query url.Values
	limit int // 0: all
	items func(P) []T
	head  []string
	row   func(T) []string
}

func (l listing[P, T]) print(ctx context.Context, t *terminal, c connection) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	if c.json() {
		return api.Each(ctx, client, l.path, l.query, l.limit, l.items, func(item T) error {
			line, err := messageLine(item)
			if err != nil {
				return err
			}
			return printLine(t.out, line)
		})
	}
	tab := newTable(t.out, l.head...)
	err = api.Each(ctx, client, l.path, l.query, l.limit, l.items, func(item T) error {
		tab.row(l.row(item)...)
		return nil
	})
	if err != nil {
		return err
	}
	return tab.flush()
}
