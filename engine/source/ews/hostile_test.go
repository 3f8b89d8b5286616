package ews_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

func mimeOf(text []byte) string {
	return `<t:MimeContent CharacterSet="UTF-8">` + base64.StdEncoding.EncodeToString(text) + `</t:MimeContent>`
}

// endless writes text until the connection is closed.
func (a *asked) endless(head, text string) bool {
	a.w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	io.WriteString(a.w, head)
	for {
		if _, err := io.WriteString(a.w, text); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// TestAnAnswerThatIsWrongCostsAtMostTheMail lets the server answer wrongly for
// the second of three mails.
func TestAnAnswerThatIsWrongCostsAtMostTheMail(t *testing.T) {
	t.Parallel()
	mega := strings.Repeat("A", 1<<20)
	whole := mimeOf(raw("Inbox 2"))
	tests := []struct {
		name string
		mime func(id string) string // what stands in the answer for mail 2
		came bool                   // it comes as it is
		over bool                   // it comes up to the cap
	}{
		{"as it should be", func(id string) string { return item(id, whole) }, true, false},
		{"no MIME", func(id string) string { return item(id, "") }, false, false},
		{"empty MIME", func(id string) string { return item(id, "<t:MimeContent/>") }, false, false},
		{"no base64", func(id string) string { return item(id, "<t:MimeContent>!!!!</t:MimeContent>") }, false, false},
		{"base64 that breaks off", func(id string) string {
			return item(id, "<t:MimeContent>U3ViamVjdDogSW5ib3ggMg0KDQp4eA</t:MimeContent>")
		}, false, false},
		{"base64 in lines", func(id string) string {
			s := base64.StdEncoding.EncodeToString(raw("Inbox 2"))
			return item(id, "<t:MimeContent>\r\n "+s[:20]+"&#xD;\n"+s[20:]+"\n</t:MimeContent>")
		}, true, false},
		{"base64 in CDATA", func(id string) string {
			return item(id, "<t:MimeContent><![CDATA["+base64.StdEncoding.EncodeToString(raw("Inbox 2"))+"]]></t:MimeContent>")
		}, false, false},
		{"an element in MIME", func(id string) string { return item(id, "<t:MimeContent>U3ViamVjdDog<b/>SW5ib3ggMg0K</t:MimeContent>") }, false, false},
		{"the tag is not closed", func(id string) string {
			return strings.Replace(item(id, whole), "</t:Message>", "", 1)
		}, false, false},
		{"a document type", func(id string) string { return `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>` + item(id, whole) }, false, false},
		{"an entity that nobody knows", func(id string) string { return item(id, whole+"<t:Subject>&bomb;</t:Subject>") }, false, false},
		{"elements without end", func(id string) string { return item(id, strings.Repeat("<t:x>", 100_000)+whole) }, false, false},
		{"many attributes", func(id string) string {
			var b strings.Builder
			for i := range 50_000 {
				fmt.Fprintf(&b, ` a%d="x"`, i)
			}
			return item(id, "<t:Body"+b.String()+"/>"+whole)
		}, true, false},
		{"a long text", func(id string) string { return item(id, "<t:Subject>"+strings.Repeat(mega, 2)+"</t:Subject>"+whole) }, true, false},
		{"a text in many pieces", func(id string) string {
			return item(id, "<t:Subject>"+strings.Repeat("aaaaaaaa<!--x-->", 20_000)+"</t:Subject>"+whole)
		}, true, false},
		{"control characters", func(id string) string {
			return item(id, whole+"<t:Subject>a\x00b\x1f&#x1F;&#0;&#xFFFF;\xff\xfe\xed\xa0\x80</t:Subject>")
		}, true, false},
		{"a size above the cap", func(id string) string { return item(id, mimeOf(bytes.Repeat([]byte("A"), 150_000))) }, false, true},
		{"a size far above the cap", func(id string) string { return item(id, mimeOf(bytes.Repeat([]byte("A"), 5<<20))) }, false, true},
		{"the id of another", func(id string) string { return item("AAAA", whole) }, true, false},
		{"no id", func(id string) string { return strings.Replace(item(id, whole), `Id="`+id+`"`, "", 1) }, true, false},
		{"no item", func(id string) string {
			return `<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items/></m:GetItemResponseMessage>`
		}, false, false},
		{"no message", func(id string) string { return "" }, false, false},
		{"a refusal without a code", func(id string) string { return `<m:GetItemResponseMessage ResponseClass="Error"/>` }, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t)
			ids := fill(t, s, "Inbox", 3)
			cfg.Limits.Message = 100_000
			cfg.Server = "http://" + between(t, s, func(a *asked) bool {
				if a.op != "GetItem" || !bytes.Contains(a.body, []byte("IncludeMimeContent")) {
					return false
				}
				var b strings.Builder
				for _, id := range itemID.FindAllSubmatch(a.body, -1) {
					switch string(id[1]) {
					case ids[1]:
						b.WriteString(tt.mime(ids[1]))
					case ids[0]:
						b.WriteString(item(ids[0], mimeOf(raw("Inbox 1"))))
					default:
						b.WriteString(item(ids[2], mimeOf(raw("Inbox 3"))))
					}
				}
				return a.soap(getItem(b.String()))
			})
			var came []string
			src := open(t, cfg)
			for tries := 0; ; {
				d, err := src.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					if tries++; tries > 10 || !errors.Is(err, engine.ErrTemporary) {
						t.Fatalf("Next: %v", err)
					}
					continue
				}
				switch {
				case d.Raw.Size() == cfg.Limits.Message+1:
					came = append(came, "up to the cap")
				case len(d.Defects) > 0:
					came = append(came, d.Defects[0].Code)
				default:
					came = append(came, subject(t, d))
				}
			}
			want := map[bool]string{true: "Inbox 2", false: ews.DefectRemade}[tt.came]
			if tt.over {
				want = "up to the cap"
			}
			got := map[string]int{}
			for _, c := range came {
				got[c]++
			}
			if len(came) != 3 || got["Inbox 1"] != 1 || got["Inbox 3"] != 1 || got[want] != 1 {
				t.Errorf("came %q, want %q among them", came, want)
			}
		})
	}
}

// TestAServerWithoutAnEndGetsNoMemory lets a server send as much as it likes.
func TestAServerWithoutAnEndGetsNoMemory(t *testing.T) {
	mega := strings.Repeat("A", 1<<20)
	page := `<m:FindItemResponse><m:ResponseMessages><m:FindItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RootFolder IncludesLastItemInRange="%v"><t:Items>%s</t:Items></m:RootFolder></m:FindItemResponseMessage></m:ResponseMessages></m:FindItemResponse>`
	var n atomic.Int64
	tests := []struct {
		name string
		say  func(a *asked) bool
		want string
	}{
		{"an answer of spaces", func(a *asked) bool { return a.op == "FindItem" && a.endless(envelope, strings.Repeat(" ", 1<<16)) }, "cannot be read"},
		{"a page of items", func(a *asked) bool {
			return a.op == "FindItem" && a.endless(envelope+`<m:FindItemResponse><m:ResponseMessages><m:FindItemResponseMessage ResponseClass="Success"><m:RootFolder><t:Items>`, `<t:Message><t:ItemId Id="x"/></t:Message>`)
		}, "cannot be read"},
		{"an attribute", func(a *asked) bool { return a.op == "FindItem" && a.endless(envelope+`<m:FindItemResponse a="`, mega) }, "cannot be read"},
		{"elements in each other", func(a *asked) bool {
			return a.op == "FindItem" && a.endless(envelope+`<m:FindItemResponse><m:FindItemResponseMessage>`, "<x>")
		}, "cannot be read"},
		{"envelopes in each other", func(a *asked) bool { return a.op == "FindItem" && a.endless(envelope, "<s:Body>") }, "cannot be read"},
		{"remarks", func(a *asked) bool {
			return a.op == "FindItem" && a.endless(envelope, "<!--"+strings.Repeat("x", 1<<16)+"-->")
		}, "longer than what was asked for"},
		{"a page of a million pages", func(a *asked) bool {
			if a.op != "FindItem" {
				return false
			}
			var b strings.Builder
			for range 1000 {
				fmt.Fprintf(&b, `<t:Message><t:ItemId Id="%0152d"/><t:Size>100</t:Size></t:Message>`, n.Add(1))
			}
			return a.soap(fmt.Sprintf(page, false, b.String()))
		}, ""},
		{"ids without end", func(a *asked) bool {
			if a.op != "FindItem" {
				return false
			}
			var b strings.Builder
			for range 300 {
				fmt.Fprintf(&b, `<t:Message><t:ItemId Id="%0*d"/></t:Message>`, 32<<10, n.Add(1))
			}
			return a.soap(fmt.Sprintf(page, false, b.String()))
		}, ""},
		{"the same page for ever", func(a *asked) bool {
			return a.op == "FindItem" && a.soap(fmt.Sprintf(page, false, `<t:Message><t:ItemId Id="x"/></t:Message><t:Message><t:ItemId Id="y"/></t:Message>`))
		}, ""},
		{"empty pages for ever", func(a *asked) bool { return a.op == "FindItem" && a.soap(fmt.Sprintf(page, false, "")) }, ""},
		{"other mails in each page", func(a *asked) bool {
			return a.op == "FindItem" && a.soap(fmt.Sprintf(page, false, fmt.Sprintf(`<t:Message><t:ItemId Id="m%d"/></t:Message><t:Message><t:ItemId Id="n%d"/></t:Message>`, n.Add(1), n.Add(1))))
		}, ""},
		{"a compressed answer", func(a *asked) bool {
			if a.op != "FindItem" {
				return false
			}
			a.w.Header().Set("Content-Encoding", "gzip")
			a.w.Header().Set("Content-Type", "text/xml")
			z := gzip.NewWriter(a.w)
			io.WriteString(z, envelope)
			for {
				if _, err := io.WriteString(z, strings.Repeat(" ", 1<<20)); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
		}, "cannot be read"},
		{"a refusal with a page", func(a *asked) bool {
			a.w.WriteHeader(401)
			return a.endless("", mega)
		}, "the server refuses"},
		{"a header", func(a *asked) bool {
			for i := range 10_000 {
				a.w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
			}
			return a.soap("")
		}, "connection was lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, cfg := sim(t)
			cfg.Auth = ews.Basic
			cfg.Server = "http://" + between(t, s, func(a *asked) bool {
				if a.op == "GetItem" { // so that the listing alone is looked at
					return a.plain(503, "text/html", "")
				}
				return tt.say(a)
			})
			cfg.Clock = &frozenSleeps{quick: &quick{}}
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			src := open(t, cfg)
			done := make(chan error, 1)
			began := time.Now()
			go func() { _, err := src.Next(t.Context()); done <- err }()
			var peak uint64
			for {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
				select {
				case err := <-done:
					if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
						t.Errorf("Next: %v, want %q", err, tt.want)
					}
					if peak > before.HeapAlloc+250<<20 || time.Since(began) > 20*time.Second {
						t.Errorf("%d MiB in use, after %s", peak>>20, time.Since(began))
					}
					t.Logf("peak %d MiB, %s: %v", peak>>20, time.Since(began), err)
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
	}
}

// TestALargeMailboxNeedsLittleMemory reads many MB of mails.
func TestALargeMailboxNeedsLittleMemory(t *testing.T) {
	const mails, size = 16, 5 << 20
	s, cfg := sim(t)
	body := bytes.Repeat([]byte("0123456789abcdef\r\n"), size/18)
	for i := range mails {
		s.AddMail("Inbox", append(raw(fmt.Sprint(i)), body...), epoch, false)
	}
	cfg.TempDir = t.TempDir()
	src := open(t, cfg)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak uint64
	n, total := 0, int64(0)
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, total = n+1, total+d.Raw.Size()
		if n%4 != 0 {
			continue
		}
		runtime.GC() // the simulator's rubbish is not ours
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	grown := int64(peak) - int64(before.HeapAlloc)
	t.Logf("%d mails, %d MiB: %d MiB more than before", n, total>>20, grown>>20)
	if n != mails || total < mails*size || grown > 64<<20 {
		t.Errorf("%d mails of %d MiB took %d MiB", n, total>>20, grown>>20)
	}
}

// TestASilentServerIsGivenUp in the middle of an answer, and when the context
// ends.
func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"GetFolder", "FindItem", "GetItem"} {
		s, cfg := sim(t)
		fill(t, s, "Inbox", 1)
		release := make(chan struct{})
		cfg.Timeout = 200 * time.Millisecond
		cfg.Server = "http://" + between(t, s, func(a *asked) bool {
			if a.op != op {
				return false
			}
			a.w.Header().Set("Content-Type", "text/xml")
			io.WriteString(a.w, envelope)
			a.w.(http.Flusher).Flush()
			<-release
			return true
		})
		t.Cleanup(func() { close(release) })
		_, err := open(t, cfg).Next(t.Context())
		if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "silent for 200ms") {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// TestASlowAnswerIsWaitedFor: it goes on, if slowly.
func TestASlowAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t)
	fill(t, s, "Inbox", 3)
	cfg.Timeout = 300 * time.Millisecond
	if err := s.Fault(ewssim.Fault{Operation: "GetItem", What: ewssim.SlowBody, Delay: 700 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, open(t, cfg)); len(got) != 3 {
		t.Errorf("%d mails", len(got))
	}
}
