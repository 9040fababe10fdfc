// Package textfile opens a local table in a text file, plain or gzipped, in whatever
// encoding and with whatever delimiter it was written.
package textfile

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/assay-hq/assay/services/internal/tabular"
)

// File is an open table.
type File struct {
	*tabular.Table
	file *os.File
	size int64
	read atomic.Int64
}

// Open opens a file and reads its header. One whose name ends in .gz is unpacked.
func Open(path string) (*File, error) {
	f := &File{}
	var err error
	if f.file, err = os.Open(path); err != nil {
		return nil, err
	}
	if err := f.start(); err != nil {
		_ = f.file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// headBytes is how much is looked at to find the delimiter.
const headBytes = 64 << 10

func (f *File) start() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	// Once to see how it is written, once to read it.
	var sniffer tabular.Sniffer
	plain, err := f.plain()
	if err != nil {
		return err
	}
	if _, err := io.Copy(&sniffer, plain); err != nil {
		return err
	}
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f.read.Store(0)
	if plain, err = f.plain(); err != nil {
		return err
	}
	text, err := tabular.Decode(plain, sniffer.Encoding())
	if err != nil {
		return err
	}
	head := make([]byte, headBytes)
	n, _ := io.ReadFull(text, head) // what is wrong shows again when it is read
	begin := string(head[:n])
	f.Table, err = tabular.NewTable(io.MultiReader(strings.NewReader(begin), text), tabular.Delimiter(begin))
	return err
}

func (f *File) plain() (io.Reader, error) {
	if !strings.HasSuffix(f.file.Name(), ".gz") {
		return (*counted)(f), nil
	}
	packed, err := gzip.NewReader((*counted)(f))
	if err != nil {
		return nil, fmt.Errorf("expected gzip: %w", err)
	}
	return packed, nil
}

type counted File

// Read counts what it reads.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Progress returns which part of the file was read, from 0 to 1.
func (f *File) Progress() float64 { return min(1, float64(f.read.Load())/float64(max(f.size, 1))) }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
