package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
)

// progress shows how far a command is, on a terminal.
type progress struct {
	w     io.Writer
	began time.Time
	shown bool
}

func newProgress(t *terminal) *progress {
	p := &progress{w: io.Discard, began: time.Now()}
	if t.interactive {
		p.w = t.err
	}
	return p
}

func (p *progress) line(format string, args ...any) {
	p.shown = true
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

// captured shows how much of what is to do, from 0 to 1, became leads.
func (p *progress) captured(s upload.Summary, part float64) {
	rate := float64(s.Leads()) / max(time.Since(p.began).Seconds(), 0.001)
	p.line("%s %d leads captured, %d rejected, %.0f leads/s", bar(part), s.Leads(), s.Rejected, rate)
}

func (p *progress) decided(decided, all int) {
	p.line("%s %d of %d leads decided", bar(float64(decided)/float64(max(all, 1))), decided, all)
}

func bar(part float64) string {
	const width = 30
	full := int(part * width)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}
