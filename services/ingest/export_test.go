package ingest

import "time"

// Crowd lets so many captures be on their way until leave is called.
func (s *Service) Crowd(n int) (leave func()) { return s.store.Crowd().Enter(n, time.Now()) }
