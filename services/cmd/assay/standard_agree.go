package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
	"github.com/assay-hq/assay/services/handoff"
)

// store sends the standard in a file as a version; it is stored once. What the server
// refuses is told with its line in the file.
func (c connection) store(ctx context.Context, t *terminal, file *handoff.StandardFile, query string, v *handoffv1.StandardVersion) ([]byte, error) {
	line, err := c.post(ctx, t, "/v1/standards/"+url.PathEscape(file.Spec.GetId())+"/versions"+query, file.Spec, v)
	var refused *api.Error
	if errors.As(err, &refused) && len(refused.FieldViolations) > 0 {
		return nil, located(file, refused)
	}
	return line, err
}

type standardDraftCmd struct {
	connection
	File string `arg:"" help:"The standard as YAML."`
}

// Run stores a version.
func (c *standardDraftCmd) Run(ctx context.Context, t *terminal) error {
	file, err := readStandard(c.File)
	if err != nil {
		return err
	}
	var v handoffv1.StandardVersion
	line, err := c.store(ctx, t, file, "", &v)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s is stored: %s.", shortName(v.GetName()), standing(&v))
}

type standardSignOffCmd struct {
	connection
	Version string `arg:"" help:"The version, e.g. default@VERSION, or the file with its content."`
	Side    string `help:"Who agrees: marketing or sales. Default: the side of your role."`
	Comment string `help:"What you have to say."`
}

// Run signs a version off. A file only names the version: what is signed is what the
// file says, if it is stored.
func (c *standardSignOffCmd) Run(ctx context.Context, t *terminal) error {
	name, _, err := fileOrVersion(c.Version)
	if err != nil {
		return err
	}
	in := &handoffv1.SignOffStandardVersionRequest{Comment: c.Comment}
	if c.Side != "" {
		side, err := enumNamed(c.Side, "SIDE_", handoffv1.SignOff_Side_value, "--side")
		if err != nil {
			return err
		}
		in.Side = handoffv1.SignOff_Side(handoffv1.SignOff_Side_value["SIDE_"+side])
	}
	var v handoffv1.StandardVersion
	line, err := c.post(ctx, t, "/v1/"+name+":signOff", in, &v)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s: %s.", shortName(v.GetName()), standing(&v))
}

type standardPublishCmd struct {
	connection
	Version        string `arg:"" help:"The version, e.g. default@VERSION, or the file with its content, which is stored if it is new."`
	OverrideWindow string `help:"Publish although the change window is shut; the reason is logged. For managers and admins." placeholder:"REASON"`
}

// Run publishes a version. It never signs.
func (c *standardPublishCmd) Run(ctx context.Context, t *terminal) error {
	name, file, err := fileOrVersion(c.Version)
	if err != nil {
		return err
	}
	var v handoffv1.StandardVersion
	if file != nil {
		if _, err := c.store(ctx, t, file, "", &v); err != nil {
			return err
		}
	}
	line, err := c.post(ctx, t, "/v1/"+name+":publish", &handoffv1.PublishStandardVersionRequest{
		OverrideChangeWindow: c.OverrideWindow != "", OverrideReason: c.OverrideWindow,
	}, &v)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s decides now. All leads are decided again by it: assay operation wait", shortName(v.GetName()))
}

// standing says in words where a version stands.
func standing(v *handoffv1.StandardVersion) string {
	var signed, missing []string
	for _, side := range []handoffv1.SignOff_Side{handoffv1.SignOff_SIDE_MARKETING, handoffv1.SignOff_SIDE_SALES} {
		name := strings.ToLower(word(side, "SIDE_"))
		actor := ""
		for _, s := range v.GetSignOffs() {
			if s.GetSide() == side {
				actor = s.GetActor()
			}
		}
		if actor == "" {
			missing = append(missing, name)
		} else {
			signed = append(signed, name+" ("+plain(actor)+")")
		}
	}
	state := strings.ToLower(strings.ReplaceAll(word(v.GetState(), "STATE_"), "_", " "))
	switch {
	case len(missing) == 0 && v.GetState() == handoffv1.StandardVersion_STATE_SIGNED_OFF:
		return "signed off by " + strings.Join(signed, " and ")
	case len(missing) == 0:
		return state + ", signed off by " + strings.Join(signed, " and ")
	case len(signed) == 0:
		return state + ", to be signed off by " + strings.Join(missing, " and ")
	}
	return state + ", signed off by " + strings.Join(signed, " and ") + ", to be signed off by " + strings.Join(missing, " and ")
}

type standardLogCmd struct {
	connection
	Standard string `arg:"" help:"The standard, e.g. default."`
}

// Run lists the log.
func (c *standardLogCmd) Run(ctx context.Context, t *terminal) error {
	id, err := standardID(c.Standard)
	if err != nil {
		return err
	}
	return listing[*handoffv1.ListStandardLogResponse, *handoffv1.StandardLogEntry]{
		path:  "/v1/standards/" + url.PathEscape(id) + "/log",
		items: (*handoffv1.ListStandardLogResponse).GetEntries,
		head:  []string{"#", "TIME", "WHO", "WHAT", "VERSION", "COMMENT"},
		row: func(e *handoffv1.StandardLogEntry) []string {
			what := strings.ToLower(strings.ReplaceAll(word(e.GetKind(), "KIND_"), "_", " "))
			switch {
			case e.GetSide() != handoffv1.SignOff_SIDE_UNSPECIFIED:
				what += " for " + strings.ToLower(word(e.GetSide(), "SIDE_"))
			case e.GetChangeWindowOverridden():
				what += " outside of the change window"
			}
			return []string{fmt.Sprint(e.GetSequence()), when(e.GetCreateTime()), e.GetActor(), what, version(e.GetVersion()), orDash(e.GetComment())}
		},
	}.print(ctx, t, c.connection)
}

type standardFeedbackCmd struct {
	connection
	Standard string `arg:"" help:"The standard, e.g. default."`
	Text     string `arg:"" optional:"" help:"What is good or wrong about it; never names or addresses of people. Left out: what was said so far."`
	Lead     string `help:"The lead it was noticed at, leads/ID or ID."`
	Rule     string `help:"The id of the rule, criterion or gate it is about."`
}

// Run records feedback, or lists it.
func (c *standardFeedbackCmd) Run(ctx context.Context, t *terminal) error {
	id, err := standardID(c.Standard)
	if err != nil {
		return err
	}
	path := "/v1/standards/" + url.PathEscape(id) + "/feedback"
	if c.Text == "" {
		return listing[*handoffv1.ListStandardFeedbackResponse, *handoffv1.StandardFeedback]{
			path:  path,
			items: (*handoffv1.ListStandardFeedbackResponse).GetFeedback,
			head:  []string{"TIME", "WHO", "VERSION", "RULE", "LEAD", "FEEDBACK"},
			row: func(f *handoffv1.StandardFeedback) []string {
				return []string{
					when(f.GetCreateTime()), f.GetActor(), version(f.GetVersion()),
					orDash(f.GetRule()), orDash(f.GetLead()), f.GetText(),
				}
			},
		}.print(ctx, t, c.connection)
	}
	in := &handoffv1.StandardFeedback{Text: c.Text, Rule: c.Rule}
	if c.Lead != "" {
		if in.Lead, err = leadName(c.Lead); err != nil {
			return err
		}
	}
	var out handoffv1.StandardFeedback
	line, err := c.post(ctx, t, path, in, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s is recorded.", out.GetName())
}
