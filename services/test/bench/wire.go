package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// wire is a connection that is kept and sends one request after another. It does no more
// than that: the load runs on the cores of what is measured, and a whole HTTP client would
// take a good part of them.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	head []byte
	out  []byte
}

// dial opens a connection for posts to a path.
func dial(ctx context.Context, addr, path, authorization string) (*wire, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	head := "POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nContent-Type: application/json\r\nAuthorization: " + authorization + "\r\nContent-Length: "
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), head: []byte(head)}, nil
}

func (w *wire) close() { w.conn.Close() }

// post sends a body and reads the answer, which must be 200.
func (w *wire) post(body []byte) error {
	w.out = append(w.out[:0], w.head...)
	w.out = strconv.AppendInt(w.out, int64(len(body)), 10)
	w.out = append(w.out, "\r\n\r\n"...)
	w.out = append(w.out, body...)
	if _, err := w.conn.Write(w.out); err != nil {
		return err
	}
	status, err := w.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	first := string(bytes.TrimSpace(status))
	length := -1
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if name, value, found := bytes.Cut(line, []byte(": ")); found && len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without Content-Length")
	}
	if ok {
		_, err = w.in.Discard(length)
		return err
	}
	answer := make([]byte, length)
	if _, err := io.ReadFull(w.in, answer); err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", first, answer)
}
