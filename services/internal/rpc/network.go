package rpc

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc/test/bufconn"
)

// Memory is the network between the services of one process.
type Memory struct {
	mu        sync.Mutex
	listeners map[string]*bufconn.Listener
}

// NewMemory returns a network that nobody listens on yet.
func NewMemory() *Memory { return &Memory{listeners: map[string]*bufconn.Listener{}} }

// Listen returns the listener of a service. Who dials before it is served waits.
func (m *Memory) Listen(service string) net.Listener { return m.listener(service) }

// buffered is how much a connection holds in each direction.
const buffered = 1 << 20

func (m *Memory) listener(service string) *bufconn.Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.listeners[service]
	if !ok {
		l = bufconn.Listen(buffered)
		m.listeners[service] = l
	}
	return l
}

func (m *Memory) dial(ctx context.Context, service string) (net.Conn, error) {
	return m.listener(service).DialContext(ctx)
}
