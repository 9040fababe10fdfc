package ingest

import "time"

// Crowd lets so many captures be on their way until leave is called.
func (s *Service) Crowd(n int) (leave func()) {
	s.store.Crowd().Enter(n)
	return func() { s.store.Crowd().Leave(n, time.Now()) }
}

// Calm waits until no captures crowd.
func (s *Service) Calm() {
	for s.store.Crowd().Crowded(time.Now()) {
		time.Sleep(time.Millisecond)
	}
}
