package sqldb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClosed is returned by [Committer.Submit] after Close.
var ErrClosed = errors.New("sqldb: committer is closed")

// Committer shares transactions between callers: group commit without a timer. An
// idle committer commits an item at once; what arrives while a commit is running
// goes into the next one together.
//
// There is one transaction at a time, on PostgreSQL too: a larger batch costs less than
// a second transaction that waits for the locks of the first.
type Committer[T any] struct {
	db       *DB
	name     string
	apply    func(tx *Tx, items []T) []error
	o        committerOptions
	size     func(T) int
	queue    chan *submission[T]
	mu       sync.RWMutex // closed is set while no Submit is sending
	closed   bool
	finished chan struct{}
}

type submission[T any] struct {
	item T
	done chan error // buffered: nobody waits for a caller that left
}

type committerOptions struct {
	maxItems, maxBytes int
	size               any
	onCommit           func(items int, took time.Duration, err error)
}

// CommitterOption changes how a [Committer] batches.
type CommitterOption func(*committerOptions)

// MaxItems sets the most items of one transaction. Default 256.
func MaxItems(n int) CommitterOption { return func(o *committerOptions) { o.maxItems = n } }

// MaxBytes sets about the most bytes of one transaction, by the size of each item.
// Default: no limit. size must take the committer's item type.
func MaxBytes[T any](n int, size func(T) int) CommitterOption {
	return func(o *committerOptions) { o.maxBytes, o.size = n, size }
}

// OnCommit is told of each transaction: how many items it had, how long it took from
// its begin to its durable end, and whether it failed. For metrics; it must be quick.
func OnCommit(f func(items int, took time.Duration, err error)) CommitterOption {
	return func(o *committerOptions) { o.onCommit = f }
}

// rejected marks an error of one item that leaves the transaction sound.
type rejected struct{ error }

func (r rejected) Unwrap() error { return r.error }

// Reject marks err as the outcome of one item that has written nothing, such as a
// changed etag: the rest of the batch commits and Submit returns err itself.
func Reject(err error) error { return rejected{err} }

// All returns err for each of n items: the batch as a whole has failed.
func All(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// NewCommitter starts a committer. name appears in its errors.
//
// apply writes items, in their order, in the transaction and returns nil, or one
// error per item (nil where it went well). If an error is not marked with [Reject]
// the transaction is rolled back and each item is tried alone, so that a bad item
// harms nobody. apply may therefore see an item more than once and must be
// repeatable. An item that is a pointer may carry results back; its submitter reads
// them only if Submit returned nil.
func NewCommitter[T any](db *DB, name string, apply func(tx *Tx, items []T) []error, opts ...CommitterOption) *Committer[T] {
	c := &Committer[T]{
		db: db, name: name, apply: apply, finished: make(chan struct{}),
		o: committerOptions{maxItems: 256},
	}
	for _, opt := range opts {
		opt(&c.o)
	}
	if c.o.size != nil {
		c.size = c.o.size.(func(T) int)
	}
	c.queue = make(chan *submission[T], 2*c.o.maxItems)
	go c.run()
	return c
}

// Submit hands over an item and returns after the durable commit, with the error of
// this item. If ctx ends first it returns the error of ctx while the item may still
// be committed: a caller that leaves never cancels the transaction of others.
func (c *Committer[T]) Submit(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &submission[T]{item: item, done: make(chan error, 1)}
	if err := c.send(ctx, s); err != nil {
		return err
	}
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Committer[T]) send(ctx context.Context, s *submission[T]) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	select {
	case c.queue <- s:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Queued returns how many items wait for a transaction. For metrics.
func (c *Committer[T]) Queued() int { return len(c.queue) }

// Close commits what was submitted and stops. Later submissions fail with
// [ErrClosed].
func (c *Committer[T]) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.mu.Unlock()
	<-c.finished
}

// run takes one, takes what else is there, commits, tells each, until the queue ends.
func (c *Committer[T]) run() {
	defer close(c.finished)
	batch := make([]*submission[T], 0, c.o.maxItems)
	for first := range c.queue {
		batch = c.gather(append(batch[:0], first))
		c.commit(batch)
		clear(batch)
	}
}

func (c *Committer[T]) gather(batch []*submission[T]) []*submission[T] {
	bytes := c.sizeOf(batch[0])
	for len(batch) < c.o.maxItems && (c.o.maxBytes == 0 || bytes < c.o.maxBytes) {
		select {
		case s, open := <-c.queue:
			if !open {
				return batch
			}
			bytes += c.sizeOf(s)
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

func (c *Committer[T]) sizeOf(s *submission[T]) int {
	if c.size == nil {
		return 0
	}
	return c.size(s.item)
}

func (c *Committer[T]) commit(batch []*submission[T]) {
	errs, err := c.transact(batch)
	if err != nil && len(batch) > 1 && !IsUnavailable(err) {
		for i := range batch {
			one, err := c.transact(batch[i : i+1])
			batch[i].done <- outcome(one, 0, err)
		}
		return
	}
	for i, s := range batch {
		s.done <- outcome(errs, i, err)
	}
}

// outcome is what the submitter of item i learns.
func outcome(errs []error, i int, err error) error {
	if err == nil && errs != nil {
		err = errs[i]
	}
	if r, ok := err.(rejected); ok { //nolint:errorlint // the mark is always outermost
		return r.error
	}
	return err
}

// transact runs one transaction. It returns the errors of the items if the
// transaction committed, else its own.
func (c *Committer[T]) transact(batch []*submission[T]) (errs []error, err error) {
	items := make([]T, len(batch))
	for i, s := range batch {
		items[i] = s.item
	}
	begin := time.Now()
	defer func() {
		if p := recover(); p != nil { // the others outlive a bug in apply
			errs, err = nil, fmt.Errorf("sqldb: committer %s: panic: %v", c.name, p)
		}
		if c.o.onCommit != nil {
			c.o.onCommit(len(items), time.Since(begin), err)
		}
	}()
	err = c.db.Write(context.Background(), func(tx *Tx) error {
		errs = c.apply(tx, items)
		if errs != nil && len(errs) != len(items) {
			return fmt.Errorf("sqldb: committer %s: apply returned %d errors for %d items", c.name, len(errs), len(items))
		}
		for _, e := range errs {
			if _, ok := e.(rejected); e != nil && !ok { //nolint:errorlint // the mark is always outermost
				return e
			}
		}
		return nil
	})
	return errs, err
}
