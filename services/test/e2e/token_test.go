package e2e

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/test/oidc"
)

// Somebody logs in at the company's identity provider and works with its token, at both
// doors; who leaves is out within five seconds, and with the provider away keys go on.
func TestTokensOfAnIssuer(t *testing.T) {
	issuer := oidc.Start(t)
	token := func(subject, email string, life time.Duration) string {
		return issuer.Sign(issuer.RSA, map[string]any{
			"iss": issuer.URL, "aud": "assay", "sub": subject, "email": email, "email_verified": true,
			"groups": strings.Repeat("a group with a long name,", 200), // tokens are longer than keys
			"iat":    time.Now().Unix(), "exp": time.Now().Add(life).Unix(),
		})
	}
	inBothModes(t, func(t *testing.T, in *installation) {
		in.must(t, "POST", "/v1/users?userId=jane", map[string]any{"role": "ROLE_SALES", "email": "jane@example.com"})
		jane := token("00u1", "jane@example.com", time.Hour)
		if a := in.call(t, jane, "GET", "/v1/users/jane", nil); a.status != 200 || a.str("subject") != "00u1" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		if a := in.must(t, "GET", "/v1/auditEntries?pageSize=1", nil); a.str("auditEntries", 0, "resource") != "users/jane" || a.str("auditEntries", 0, "fields", 0) != "subject" {
			t.Errorf("that the token is hers: %s", a.text)
		}
		if _, err := handoffv1.NewUserServiceClient(in.dial(t, jane)).GetUser(t.Context(), &handoffv1.GetUserRequest{Name: "users/jane"}); err != nil {
			t.Errorf("gRPC: %v", err)
		}
		// The role is that of the record.
		if a := in.call(t, jane, "GET", "/v1/apiKeys", nil); a.status != 403 {
			t.Errorf("sales at the keys: %d %s", a.status, a.text)
		}
		// What she does is hers.
		if a := in.call(t, jane, "POST", "/v1/users/jane:setAbsences", map[string]any{}); a.status != 200 {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := in.must(t, "GET", "/v1/auditEntries?pageSize=1", nil); a.str("auditEntries", 0, "actor") != "jane" || a.str("auditEntries", 0, "role") != "ROLE_SALES" {
			t.Errorf("%s", a.text)
		}

		// Refused, each with its reason.
		for name, c := range map[string]struct {
			token  string
			status int
			words  string
		}{
			"a stranger":                {token("00u2", "tom@example.com", time.Hour), 403, "an admin adds one"},
			"her address, not she":      {token("00u3", "jane@example.com", time.Hour), 403, "an admin adds one"},
			"expired":                   {token("00u1", "jane@example.com", -time.Hour), 401, "expired"},
			"garbled":                   {jane[:len(jane)-8], 401, "expected a token of"},
			"longer than a token is":    {jane + strings.Repeat("x", 8<<10), 401, ""},
			"without a signature":       {jane[:strings.LastIndex(jane, ".")+1], 401, "expected a token of"},
			"of somebody else's issuer": {oidc.Start(t).Sign(issuer.RSA, map[string]any{"iss": "https://example.com"}), 401, "expected a token of"},
		} {
			a := in.call(t, c.token, "GET", "/v1/users/jane", nil)
			if a.status != c.status || !strings.Contains(a.str("detail"), c.words) {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
			for _, personal := range []string{"00u", "@example.com"} {
				if strings.Contains(a.text, personal) {
					t.Errorf("%s: the answer repeats what the token says: %s", name, a.text)
				}
			}
		}
		_, err := handoffv1.NewUserServiceClient(in.dial(t, token("00u2", "tom@example.com", time.Hour))).GetUser(t.Context(), &handoffv1.GetUserRequest{Name: "users/jane"})
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("gRPC: %v", err)
		}

		// She leaves: her token and her key are refused within five seconds.
		key := in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": "jane", "role": "ROLE_SALES"}).str("secret")
		if a := in.call(t, key, "GET", "/v1/users/jane", nil); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		in.must(t, "PATCH", "/v1/users/jane", map[string]any{"inactive": true})
		left := time.Now()
		for name, secret := range map[string]string{"token": jane, "key": key} {
			eventually(t, "the "+name+" of who left is refused", func() bool {
				return in.call(t, secret, "GET", "/v1/users/jane", nil).status == 403
			})
		}
		if took := time.Since(left); took > 7*time.Second {
			t.Errorf("it took %v", took)
		}
	}, func(s *app.Settings) { s.Tokens = handoff.Tokens{Issuer: issuer.URL, Audience: "assay"} })
}

func TestAnIssuerThatIsAwayAtTheStart(t *testing.T) {
	issuer := oidc.Start(t)
	issuer.Away(true)
	in := oneProcess(t, func(s *app.Settings) { s.Tokens = handoff.Tokens{Issuer: issuer.URL, Audience: "assay"} })
	in.must(t, "POST", "/v1/users?userId=jane", map[string]any{"role": "ROLE_SALES", "email": "jane@example.com"})
	token := issuer.Sign(issuer.EC, map[string]any{
		"iss": issuer.URL, "aud": "assay", "sub": "1", "email": "jane@example.com", "email_verified": true, "exp": time.Now().Add(time.Hour).Unix(),
	})
	if a := in.call(t, token, "GET", "/v1/users/jane", nil); a.status != 503 {
		t.Errorf("%d %s", a.status, a.text)
	}
	in.must(t, "GET", "/v1/users/jane", nil) // by a key
	issuer.Away(false)
	eventually(t, "tokens are taken again", func() bool { return in.call(t, token, "GET", "/v1/users/jane", nil).status == 200 })
}
