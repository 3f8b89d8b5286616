package engine_test

import (
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

// TestWhatASpearphishIsCalledIsAnIndicator wants subject and attachment names of a
// spearphish among its indicators, and those of a report not.
func TestWhatASpearphishIsCalledIsAnIndicator(t *testing.T) {
	mail := func(subject string) *engine.Message {
		m := message(subject, "ioc-x")
		m.Attachments = []*engine.Part{
			{FileName: "a.iso", Path: "2", SHA256: "aa", Content: engine.Bytes("x")},
			{FileName: "logo.png", Path: "3", SHA256: "bb", Content: engine.Bytes("y"), IsInline: true},
		}
		return m
	}
	tests := []struct {
		name, subject string
		action        engine.Action
		want          string
	}{
		{"a report", "Lure", engine.TreatAs{As: engine.Intelligence}, "String ioc-x"},
		{"a spearphish", "Lure", engine.TreatAs{As: engine.Spearphish}, "Email Subject Lure|Email Attachment a.iso|String ioc-x"},
		{"without a subject", "", engine.TreatAs{As: engine.Spearphish}, "Email Attachment a.iso|String ioc-x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := process(t, engine.Defaults{}, mail(tt.subject), engine.PhaseMessage, map[string][]engine.Action{"*": {tt.action}})
			var got []string
			for _, ind := range out.Items[0].Indicators {
				got = append(got, ind.Type+" "+ind.Value)
			}
			if strings.Join(got, "|") != tt.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), tt.want)
			}
		})
	}
	only := map[string][]engine.Action{"*": {engine.TreatAs{As: engine.Spearphish}, engine.Extract{Only: []string{"words"}}}}
	if out := process(t, engine.Defaults{}, mail("Lure"), engine.PhaseMessage, only); len(out.Items[0].Indicators) != 1 {
		t.Errorf("with only one extractor: %d indicators", len(out.Items[0].Indicators))
	}
}
