package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
	"github.com/tqmailrules/tqmailrules/rules"
)

// benchCorpus is the folder that TQ_CORPUS names, else the examples.
func benchCorpus() string {
	if dir := os.Getenv("TQ_CORPUS"); dir != "" {
		return dir
	}
	return "../../examples/rules/corpus"
}

// benchRules are n conditions of the kinds that rule files hold, none of which
// needs an attachment.
func benchRules(n int) []byte {
	kinds := []string{
		"regex.icontains(subject.subject, `\\bword%d\\b`)",
		`any(body.links, .href_url.domain.root_domain == "host%d.com")`,
		`sender.email.domain.root_domain in ["a%[1]d.com", "b%[1]d.net"] && len(body.links) > 3`,
		`any(attachments, .encrypted) && strings.icontains(subject.base, "word%d")`,
		`strings.icontains(body.text, "word%d") && auth.dmarc.result != "pass"`,
	}
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - id: r%d\n    when: '%s'\n    then: [ { score: 1 } ]\n", i, fmt.Sprintf(kinds[i%len(kinds)], i))
	}
	return []byte(b.String())
}

// BenchmarkPipeline runs a corpus through everything that a dry run does, on one
// worker, under 10, 100 and 1,000 rules.
func BenchmarkPipeline(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			set, diags := rules.Load([]rules.File{{Name: "bench.yaml", Data: benchRules(n)}}, rules.Options{})
			if len(diags.Errors()) > 0 {
				b.Fatal(diags)
			}
			b.ReportAllocs()
			mails, bytes := 0, int64(0)
			for b.Loop() {
				m, s := benchRun(b, set)
				mails, bytes = mails+m, bytes+s
			}
			b.ReportMetric(float64(mails)/b.Elapsed().Seconds(), "mails/s")
			b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
		})
	}
}

func benchRun(b *testing.B, set *rules.Set) (int, int64) {
	src, err := files.Open(files.Config{Paths: []string{benchCorpus()}, Stdin: io.MultiReader()})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	e, err := engine.New(engine.Config{
		Source: src, Parser: parserFor(&settings.Config{}), Rules: set, Extractors: builtin().all, DomainOf: domainOf, MarkupAt: mail.MarkupAt(engine.Limits{}),
		Store: mem.New(), Sinks: []engine.Sink{recorder("default")}, Clock: &engine.StillClock{}, Workers: 1,
	})
	if err != nil {
		b.Fatal(err)
	}
	sum, err := e.Run(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return sum.Read, sum.Bytes
}
