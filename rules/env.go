package rules

import (
	"github.com/tqmailrules/tqmailrules/engine"
)

// env is what a compiled expression sees: the roots of the environment, as
// pointers into the view, and the state of the run. It is built once per
// evaluation of a view; indicator alone changes between two keep conditions.
type env struct {
	Meta        *engine.Meta        `expr:"message"`
	Mailbox     *engine.Mailbox     `expr:"mailbox"`
	Direction   string              `expr:"direction"`
	Sender      *engine.Address     `expr:"sender"`
	Recipients  *engine.Recipients  `expr:"recipients"`
	Subject     *engine.Subject     `expr:"subject"`
	Headers     *engine.Headers     `expr:"headers"`
	Auth        *engine.Auth        `expr:"auth"`
	Body        *engine.Body        `expr:"body"`
	Attachments []*engine.Part      `expr:"attachments"`
	Nested      []*engine.Message   `expr:"nested"`
	Forward     *engine.Forward     `expr:"forward"`
	Pair        *engine.PairFacts   `expr:"pair"`
	Indicators  []*engine.Indicator `expr:"indicators"`
	Indicator   *engine.Indicator   `expr:"indicator"`
	Score       int                 `expr:"score"`
	Tags        []string            `expr:"tags"`

	Run *run `expr:"run\u00b7"` // no author can write this name
}

// zeroIndicator stands for `indicator` outside keep rules.
var zeroIndicator = &engine.Indicator{}

// emptyMessage stands for a message that is not there.
var emptyMessage = &engine.Message{Raw: engine.Empty}

func newEnv(v *engine.View, r *run) *env {
	m := v.Message
	if m == nil {
		m = emptyMessage
	}
	r.msg = m
	return &env{
		Meta: &m.Meta, Mailbox: &m.Mailbox, Direction: m.Direction, Sender: &m.Sender, Recipients: &m.Recipients,
		Subject: &m.Subject, Headers: &m.Headers, Auth: &m.Auth, Body: &m.Body, Attachments: m.Attachments,
		Nested: m.Nested, Forward: &m.Forward, Pair: &m.Pair,
		Indicators: v.Indicators, Indicator: zeroIndicator, Score: v.Score, Tags: v.Tags,
		Run: r,
	}
}
