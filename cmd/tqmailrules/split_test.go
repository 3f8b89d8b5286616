package main

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/rules"
)

// TestASplitLosesNothing splits every example mail (and those of TQ_CORPUS) at its
// headings: the sections and the rest have the indicators of the whole, whatever
// markup they are made of.
func TestASplitLosesNothing(t *testing.T) {
	mails := readMails(t, "../../examples/rules/corpus")
	mails = append(mails, readMails(t, "../../examples/rules/newsletters")...)
	if dir := os.Getenv("TQ_CORPUS"); dir != "" {
		mails = append(mails, readMails(t, dir)...)
	}
	whole, split := actionProcessor(t, "{ tag: whole }"), actionProcessor(t, "{ split: headings }")
	sections := 0
	for i, raw := range mails {
		d := engine.Delivery{Raw: engine.Bytes(raw), Origin: engine.Origin{Source: "test", ID: fmt.Sprint(i)}}
		want, got := indicatorsOf(t, whole, d), indicatorsOf(t, split, d)
		for _, w := range want.all {
			if !slices.Contains(got.all, w) {
				t.Errorf("mail %d: lost in %d sections: %s\n%.200q", i, got.items-1, w, raw)
			}
		}
		for _, g := range got.all {
			if !slices.Contains(want.all, g) {
				t.Errorf("mail %d: made by a split: %s\n%.200q", i, g, raw)
			}
		}
		sections += got.items - 1
	}
	t.Logf("%d mails, %d sections", len(mails), sections)
	if sections < 5 {
		t.Errorf("only %d sections", sections)
	}
}

type indicatorSet struct {
	all   []string
	items int
}

func indicatorsOf(t *testing.T, p *engine.Engine, d engine.Delivery) (set indicatorSet) {
	t.Helper()
	out, err := p.Process(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range out.Items {
		for _, ind := range it.Indicators {
			set.all = append(set.all, ind.Type+" "+ind.Value)
		}
	}
	set.items = len(out.Items)
	return set
}

// actionProcessor does one thing with every mail.
func actionProcessor(t *testing.T, action string) *engine.Engine {
	t.Helper()
	text := "version: 1\nrules: [ { id: all, when: 'message.carrier.via == \"\"', then: [ " + action + " ] } ]\n"
	set, diags := rules.Load([]rules.File{{Name: "all.yaml", Data: []byte(text)}}, rules.Options{Extractors: []string{builtinName}})
	if len(diags.Errors()) > 0 {
		t.Fatal(diags)
	}
	cfg := &settings.Config{}
	p, err := engine.NewProcessor(engine.Config{
		Parser: parserFor(cfg), Rules: set, Extractors: []engine.Extractor{extract.New(extract.Config{})}, DomainOf: domainOf, MarkupAt: mail.MarkupAt(cfg.Limits),
		Sinks: recordingSinks(cfg, set), Unpacker: unpack.New(unpack.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
