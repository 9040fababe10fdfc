package ingest

import "time"

// Crowd lets so many captures be on their way until leave is called.
func (s *Service) Crowd(n int) (leave func()) {
	s.store.Crowd().Enter(n)
	return func() { s.store.Crowd().Leave(n, time.Now()) }
}
