package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// linksPath is where the links in messages lead.
const linksPath = "/links/"

const (
	// linkTimeout bounds a call for a link.
	linkTimeout = 5 * time.Second
	// maxForm is the most of a form that is read.
	maxForm = 4 << 10
	// maxToken is the longest token that is looked at.
	maxToken = 200
	// linksPerSecond and linksBurst bound what strangers may make the services do.
	linksPerSecond, linksBurst = 50, 100
)

// links serves the links in messages. They need no key: the token is one. A GET only
// shows what a link would do, since mail and chat follow links by themselves; the one
// button of the page does it.
type links struct {
	callbacks handoffv1.CallbackServiceClient
	rate      *bucket
}

func newLinks(conns Conns) *links {
	return &links{
		callbacks: handoffv1.NewCallbackServiceClient(conns.Handoff),
		rate:      &bucket{perSecond: linksPerSecond, size: linksBurst, tokens: linksBurst},
	}
}

// page is what the page says.
type page struct {
	Title, Text string
	// Button does what the link is for; empty: nothing is left to do.
	Button string
	// Problem says why it was not done.
	Problem string
	// Reasons to choose from, where one is needed.
	Reasons []string
	// AsksWho: whoever follows it says who they are.
	AsksWho bool
}

// ServeHTTP answers for one link.
func (l *links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(caller.With(r.Context(), caller.System("gateway")), linkTimeout)
	defer cancel()
	token := strings.TrimPrefix(r.URL.Path, linksPath)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		write(w, http.StatusMethodNotAllowed, page{Title: "This page is opened, or its button pressed", Text: "It takes nothing else."})
	case !l.rate.take(time.Now()):
		w.Header().Set("Retry-After", "1")
		write(w, http.StatusTooManyRequests, page{Title: "Too many at once", Text: "Try again in a second."})
	case token == "" || len(token) > maxToken:
		write(w, http.StatusNotFound, problemPage(apierr.ForgedLink()))
	case r.Method == http.MethodPost:
		l.follow(ctx, w, r, token)
	default:
		l.show(ctx, w, token)
	}
}

func (l *links) show(ctx context.Context, w http.ResponseWriter, token string) {
	link, err := l.callbacks.ShowLink(ctx, &handoffv1.ShowLinkRequest{Token: token})
	if err != nil {
		write(w, linkStatus(err), problemPage(err))
		return
	}
	write(w, http.StatusOK, pageOf(link))
}

func (l *links) follow(ctx context.Context, w http.ResponseWriter, r *http.Request, token string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		write(w, http.StatusBadRequest, page{Title: "The form did not arrive whole", Text: "Go back and try again."})
		return
	}
	link, err := l.callbacks.FollowLink(ctx, &handoffv1.FollowLinkRequest{
		Token: token, Reason: r.PostForm.Get("reason"), Actor: strings.ToLower(strings.TrimSpace(r.PostForm.Get("actor"))),
	})
	switch status.Code(err) {
	case codes.OK:
		write(w, http.StatusOK, donePage(link))
	case codes.InvalidArgument, codes.FailedPrecondition:
		// Show where it stands, with what was wrong.
		now, again := l.callbacks.ShowLink(ctx, &handoffv1.ShowLinkRequest{Token: token})
		if again != nil {
			write(w, linkStatus(again), problemPage(again))
			return
		}
		p := pageOf(now)
		if p.Button != "" {
			p.Problem = inWords(err)
		}
		write(w, linkStatus(err), p)
	default:
		write(w, linkStatus(err), problemPage(err))
	}
}

// inWords is what was wrong with a form.
func inWords(err error) string {
	if violations := apierr.Violations(err); len(violations) > 0 {
		return "Expected " + violations[0].Expected + "."
	}
	return "That is not possible now."
}

// linkStatus is the HTTP status of an error about a link.
func linkStatus(err error) int {
	switch {
	case apierr.Reason(err) == "EXPIRED":
		return http.StatusGone
	case status.Code(err) == codes.Unauthenticated:
		return http.StatusNotFound
	}
	return httpStatus(status.Code(err), apierr.Reason(err))
}

func problemPage(err error) page {
	switch {
	case apierr.Reason(err) == "EXPIRED":
		return page{Title: "This link has expired", Text: "Open the lead in Assay instead."}
	case status.Code(err) == codes.Unauthenticated, status.Code(err) == codes.NotFound, status.Code(err) == codes.InvalidArgument:
		return page{Title: "There is no such link", Text: "It may have been cut off: open it from the message again."}
	case status.Code(err) == codes.PermissionDenied:
		return page{Title: "That is not for you to do", Text: "Only somebody who works leads may."}
	}
	return page{Title: "Not now", Text: "Assay cannot answer at the moment. Nothing was changed: try again in a minute."}
}

// what each action is called, and what it did.
var actions = map[string]struct{ title, text, button, done string }{
	"claim":  {"Claim this lead", "The lead is yours from then on, and marketing sees that you took it.", "Claim", "claimed"},
	"reject": {"Not a fit?", "The lead goes back to marketing, with your reason.", "Send it back", "sent back"},
}

// pageOf is the page of a link: its button, or what became of it.
func pageOf(l *handoffv1.Link) page {
	action := actions[l.GetAction()]
	if l.GetFollowTime() != nil {
		return page{
			Title: "Done already",
			Text:  "The lead was " + action.done + " with this link by " + l.GetActor() + " on " + l.GetFollowTime().AsTime().Format("2 January 2006 at 15:04 UTC") + ".",
		}
	}
	if l.GetHandoffState() != "OPEN" {
		return page{Title: "Nothing is left to do", Text: "The lead is " + strings.ToLower(l.GetHandoffState()) + with(l.GetOwner()) + "."}
	}
	if l.GetPassed() {
		return page{Title: "The lead is not yours any more", Text: "It is now" + with(l.GetOwner()) + "."}
	}
	return page{Title: action.title, Text: action.text, Button: action.button, Reasons: l.GetReasons(), AsksWho: l.GetActor() == ""}
}

func with(owner string) string {
	if owner == "" {
		return " with nobody"
	}
	return " with " + owner
}

func donePage(l *handoffv1.Link) page {
	return page{Title: "Done", Text: "The lead is " + actions[l.GetAction()].done + ". You can close this page."}
}

const style = `body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.5rem}label{display:block;margin:1rem 0 .25rem}
input,select,button{font:inherit;padding:.6rem .8rem;border:1px solid #595959;border-radius:.4rem;min-height:2.75rem;max-width:100%}
button{margin-top:1.25rem;background:#0b5394;color:#fff;border-color:#0b5394;cursor:pointer}
:focus-visible{outline:3px solid #f90;outline-offset:2px}.problem{border-left:.3rem solid #b00020;padding-left:.8rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}}`

var policy = func() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{.Title}} – Assay</title>
<style>` + style + `</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{with .Problem}}<p class="problem" role="alert">{{.}}</p>
{{end}}{{if .Button}}<form method="post">
{{if .AsksWho}}<label for="actor">Who are you in Assay?</label>
<input id="actor" name="actor" required autocomplete="username" autocapitalize="none" placeholder="jane" pattern="[a-zA-Z0-9][a-zA-Z0-9._\-]{0,62}">
{{end}}{{with .Reasons}}<label for="reason">Why?</label>
<select id="reason" name="reason" required>
<option value="">Choose a reason</option>
{{range .}}<option>{{.}}</option>
{{end}}</select>
{{end}}<div><button type="submit">{{.Button}}</button></div>
</form>
{{end}}</main>
</body>
</html>
`))

func write(w http.ResponseWriter, code int, p page) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer") // the address of this page is the token
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
}
