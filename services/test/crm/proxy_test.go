package crm

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// proxy stands before Tryton and can cut a connection after Tryton did what was asked and
// before its answer arrives.
type proxy struct {
	addr string
	to   string

	mu   sync.Mutex
	word []byte // cut the answer to the next call that holds it
	cuts int
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), to: to}
	var group sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.carry(client) })
		}
	})
	return p
}

// cutAfter cuts the connection on which the next call with these bytes is answered.
func (p *proxy) cutAfter(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word = []byte(word)
}

func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// carry carries one connection. Tryton closes each after its answer.
func (p *proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	var doomed bool
	var mu sync.Mutex
	go func() {
		buffer := make([]byte, 1<<16)
		var seen []byte
		for {
			n, err := client.Read(buffer)
			if n > 0 {
				seen = append(seen, buffer[:n]...)
				p.mu.Lock()
				if len(p.word) > 0 && bytes.Contains(seen, p.word) {
					p.word, p.cuts, seen = nil, p.cuts+1, nil
					mu.Lock()
					doomed = true
					mu.Unlock()
				}
				p.mu.Unlock()
				if _, err := server.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		mu.Lock()
		cut := doomed
		mu.Unlock()
		if cut {
			return // Tryton answers after its commit: it is done
		}
		if n > 0 {
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
