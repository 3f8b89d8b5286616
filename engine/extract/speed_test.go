package extract_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// expressions are what the scanner replaces, as they are usually written. They
// match only; the scanner validates besides.
var expressions = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\bh(?:tt|xx)ps?(?:\[?:\]?)//[^\s"<>]+`),
	regexp.MustCompile(`(?i)\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\[?\.\]?))+[a-z]{2,24}\b`),
	regexp.MustCompile(`\b(?:\d{1,3}(?:\[?\.\]?)){3}\d{1,3}\b`),
	regexp.MustCompile(`(?i)\b[a-z0-9._%+-]+(?:@|\[at\])(?:[a-z0-9-]+(?:\[?\.\]?))+[a-z]{2,24}\b`),
	regexp.MustCompile(`(?i)\b(?:[a-f0-9]{128}|[a-f0-9]{96}|[a-f0-9]{64}|[a-f0-9]{40}|[a-f0-9]{32})\b`),
	regexp.MustCompile(`(?i)\bcve-\d{4}-\d{4,7}\b`),
	regexp.MustCompile(`(?i)\b(?:[a-f0-9]{1,4}:){2,7}[a-f0-9]{1,4}\b`),
}

// mailText is decoded mail as it comes: mostly prose, here and there an indicator.
var mailText = strings.Repeat(strings.Repeat(prose, 5)+report, 10)

func BenchmarkExpressions(b *testing.B) {
	b.SetBytes(int64(len(mailText)))
	for b.Loop() {
		for _, e := range expressions {
			e.FindAllStringIndex(mailText, -1)
		}
	}
}

// TestScanIsTwentyTimesTheSpeedOfExpressions compares them in the same run, so
// that a busy machine is busy for both.
func TestScanIsTwentyTimesTheSpeedOfExpressions(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: takes seconds")
	}
	best := 0.0
	for range 5 {
		slow := elapsed(func() {
			for _, e := range expressions {
				e.FindAllStringIndex(mailText, -1)
			}
		})
		fast := elapsed(func() {
			for range 10 {
				extract.FindText(mailText)
			}
		}) / 10
		if best = max(best, float64(slow)/float64(fast)); best >= 20 {
			return
		}
	}
	t.Errorf("%.1f times the speed of seven expressions, want 20", best)
}

func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// TestHostileTokens holds one word of 40 KB to 20 ms, and twice the size to 2.3
// times the time, on a machine that has nothing else to do (TQ_SOAK); on others to
// what no quadratic scanner reaches.
func TestHostileTokens(t *testing.T) {
	const size = 40_000
	longest, growth := 100*time.Millisecond, 3.5
	if os.Getenv("TQ_SOAK") != "" {
		longest, growth = 20*time.Millisecond, 2.3
	}
	for name, unit := range map[string]string{
		"base64": "QWxhZGRpbjpvcGVuIHNlc2FtZQ+/", "dots": "a.a.a.", "square brackets": "[", "bracketed dots": "a[.]", "brackets": "([{<>}])",
		"percent signs": "%", "percent signs and letters": "%a%", "at signs": "@@@", "at and letters": "a@", "colons": ":", "colons and digits": "1:2:",
		"slashes": "/", "backslashes": `\`, "letters": "a", "hex": "deadbeef01", "digits": "1234567890", "equals signs": "a=", "equals, url": "http://a.com/=",
		"ideographs": "访", "ideographs and hex": "访a1", "umlauts": "ü.", "invisible": "\u200b", "full stops": "a\u3002", "data": "data:text/html,", "quotes": `"'`,
		"escapes": `\u0026`, "schemes": "hxxp://", "nested": "http://a.com/http://", "mac": "00:1b:44:11:3a:b7", "mutex": "CreateMutexA(", "mozilla": "Mozilla/5.0(",
		"file references": "Main.java:42", "soft breaks": "http://a.com/=\n", "angle brackets over lines": "<http://a.com/\n", "one-word lines": "http://x\n>",
		"open brackets and words": "a[ at b", "spoken": "a dot b at ", "ids": "<a@b.com> ", "user": "user agent ", "variables": "$A/",
	} {
		t.Run(name, func(t *testing.T) {
			small, large := strings.Repeat(unit, size/len(unit)), strings.Repeat(unit, 2*size/len(unit))
			var one, two time.Duration
			for range 20 { // the machine may be busy
				one, two = best(5, small), best(5, large)
				if one < longest && (two < 500*time.Microsecond || float64(two) <= growth*float64(one)) {
					return
				}
			}
			t.Errorf("%v for %d bytes, %v for twice that", one, size, two)
		})
	}
}

func best(n int, text string) time.Duration {
	d := time.Hour
	for range n {
		d = min(d, elapsed(func() { extract.FindText(text) }))
	}
	return d
}

// TestOneAllocationForAFinding counts them where nothing repeats; the scratch
// buffers come on top.
func TestOneAllocationForAFinding(t *testing.T) {
	text := strings.Repeat(prose, 5) + report + "see https://a.evil-shop.icu/x, joe@evil-shop.icu and 45.77.12.9"
	found := float64(len(extract.FindText(text)))
	if n := testing.AllocsPerRun(20, func() { extract.FindText(text) }); n > found+3 {
		t.Errorf("%v allocations for %v findings", n, found)
	}
}
