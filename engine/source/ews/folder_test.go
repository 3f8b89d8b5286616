package ews_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

func TestAFolderIsFoundByWhatPeopleCallIt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, language, where string
		want                  string // in the error; "" finds the folder
	}{
		{"inbox", "de", "Inbox", ""},
		{"INBOX", "ja", "Inbox", ""},
		{"Junk Email", "de", "junkemail", ""},
		{"junkemail", "fr", "junkemail", ""},
		{"DeletedItems", "ja", "deleteditems", ""},
		{"Posteingang", "de", "Inbox", ""},
		{"posteingang/abuse", "de", "Inbox/Abuse", ""},
		{"Inbox/Abuse", "de", "Inbox/Abuse", ""},
		{"/Inbox/Abuse/", "en", "Inbox/Abuse", ""},
		{"Abuse", "de", "Inbox/Abuse", ""},
		{"Abuse/2026", "de", "Inbox/Abuse/2026", ""},
		{"2026", "en", "Inbox/Abuse/2026", ""},
		{"Phish, reported", "en", "Phish, reported", ""},
		{"Top/Same", "en", "Top/Same", ""},
		{"Same", "en", "", `folder "Same": there are several of that name: "Other/Same", "Top/Same": give the whole path`},
		{"Inbx", "en", "", `folder "Inbx": there is none of that name; is it "Inbox"?`},
		{"Inbox/Abus", "en", "", `there is none of that name; is it "Inbox/Abuse"?`},
		{"Elsewhere/Abuse", "en", "", `there is none of that name; is it "Inbox/Abuse"?`},
		{"Nothing like it at all", "en", "", `folder "Nothing like it at all": there is none of that name`},
		{"archive", "en", "Archive", ""},
	}
	for _, tt := range tests {
		t.Run(tt.language+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			for _, version := range []string{"Exchange2010_SP2", "Exchange2016"} {
				s, cfg := sim(t, func(c *ewssim.Config) { c.Language, c.Version = tt.language, version })
				for _, f := range []string{"Inbox/Abuse/2026", "Phish, reported", "Top/Same", "Other/Same"} {
					s.AddFolder(f)
				}
				if tt.where != "" {
					fill(t, s, tt.where, 1)
				}
				cfg.Folders = []string{tt.name}
				good, _, err := read(t, open(t, cfg))
				if tt.want == "" && (err != nil || len(good) != 1) {
					t.Errorf("%s: %d mails: %v", version, len(good), err)
				}
				if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary)) {
					t.Errorf("%s: %v, want %q", version, err, tt.want)
				}
			}
		})
	}
}

func TestAMissingFolderDoesNotKeepTheOthersBack(t *testing.T) {
	s, cfg := sim(t)
	fill(t, s, "Inbox", 2)
	cfg.Folders = []string{"Inbax", "Inbox"}
	good, _, err := read(t, open(t, cfg))
	if !slices.Equal(good, []string{"Inbox 1", "Inbox 2"}) || err == nil || !strings.Contains(err.Error(), `folder "Inbax": there is none of that name; is it "Inbox"?`) {
		t.Errorf("%q: %v", good, err)
	}
	log := &logged{}
	cfg.Folders, cfg.Log = []string{"Inbox", "msgfolderroot/Inbox"}, log.logger()
	if good, _, err := read(t, open(t, cfg)); len(good) != 2 || err != nil || !strings.Contains(log.String(), "two names of the configuration are one folder") {
		t.Errorf("one folder by two names: %q: %v\n%s", good, err, log)
	}
}

func TestTheMailboxOfSomebodyElseIsRead(t *testing.T) {
	t.Parallel()
	const shared, other = "abuse@corp.example", `CORP\abuse`
	tests := []struct {
		name   string
		sim    func(*ewssim.Config)
		change func(*ews.Config)
		want   string
	}{
		{"as a delegate", func(c *ewssim.Config) { c.Delegates = map[string][]string{user: {shared}} }, func(*ews.Config) {}, ""},
		{"by impersonation", func(c *ewssim.Config) { c.Impersonators = []string{user} }, func(c *ews.Config) { c.Impersonate = true }, ""},
		{"without rights", func(*ewssim.Config) {}, func(*ews.Config) {}, `access is denied: CORP\phish has no rights`},
		{"without the role", func(*ewssim.Config) {}, func(c *ews.Config) { c.Impersonate = true }, `CORP\phish may not act as abuse@corp.example: give it the role ApplicationImpersonation`},
		{"one that is none", func(*ewssim.Config) {}, func(c *ews.Config) { c.Email = "nobody@corp.example" }, "there is no mailbox nobody@corp.example on this server"},
		{"an impersonation of nobody", func(c *ewssim.Config) { c.Impersonators = []string{user} }, func(c *ews.Config) { c.Impersonate, c.Email = true, "nobody@corp.example" }, "nobody@corp.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := sim(t, func(c *ewssim.Config) {
				c.Users[other], c.Mailboxes[shared] = "x", other
				tt.sim(c)
			})
			fill(t, s, shared+"/Inbox", 2)
			fill(t, s, shared+"/Inbox/Deep", 1)
			cfg.Email, cfg.Folders = shared, []string{"Inbox", "Deep"}
			tt.change(&cfg)
			src := open(t, cfg)
			good, _, err := read(t, src)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, engine.ErrTemporary) {
					t.Errorf("%v, want %q", err, tt.want)
				}
				return
			}
			if len(good) != 3 || err != nil {
				t.Errorf("%q: %v", good, err)
			}
			ack(t, src, drain(t, open(t, cfg)), engine.Route{})
			if n := unread(s, shared+"/Inbox") + unread(s, shared+"/Inbox/Deep"); n != 0 {
				t.Errorf("%d unread", n)
			}
		})
	}
}

func TestTenThousandFoldersInEachOtherAreNoTrouble(t *testing.T) {
	t.Parallel()
	s, cfg := sim(t)
	fill(t, s, "Goal", 1)
	page := func(parent func(i int) string) string {
		var b strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&b, `<t:Folder><t:FolderId Id="f%d"/><t:ParentFolderId Id="%s"/><t:DisplayName>n%d</t:DisplayName></t:Folder>`, i, parent(i), i)
		}
		fmt.Fprintf(&b, `<t:Folder><t:FolderId Id="%s"/><t:ParentFolderId Id="f9999"/><t:DisplayName>Goal</t:DisplayName></t:Folder>`, s.FolderID("Goal"))
		return `<m:FindFolderResponse><m:ResponseMessages><m:FindFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:RootFolder IncludesLastItemInRange="true"><t:Folders>` + b.String() + `</t:Folders></m:RootFolder></m:FindFolderResponseMessage></m:ResponseMessages></m:FindFolderResponse>`
	}
	for name, parent := range map[string]func(int) string{
		"in each other": func(i int) string { return fmt.Sprintf("f%d", i-1) },
		"in a circle":   func(i int) string { return fmt.Sprintf("f%d", (i+1)%10_000) },
		"in two":        func(i int) string { return fmt.Sprintf("f%d", i^1) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.Server = "http://" + between(t, s, func(a *asked) bool { return a.op == "FindFolder" && a.soap(page(parent)) })
			cfg.Folders = []string{"Goal", "Nowhere"}
			cfg.ReadOnly = true
			began := time.Now()
			good, _, err := read(t, open(t, cfg))
			if len(good) != 1 || err == nil || !strings.Contains(err.Error(), `folder "Nowhere"`) || time.Since(began) > 10*time.Second {
				t.Errorf("%q after %s: %v", good, time.Since(began), err)
			}
		})
	}
}

func TestProbeTellsWhatThereIs(t *testing.T) {
	s, cfg := safe(t, func(c *ewssim.Config) { c.Language = "de" })
	fill(t, s, "Inbox", 3)
	s.AddMail("Inbox", raw("read"), epoch, true)
	s.AddFolder("Gemeldet")
	cfg.Folders = []string{"Inbox", "gemeldet", "Gemeldt"}
	got, err := ews.Probe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := []ews.FolderReport{
		{Name: "Inbox", Exists: true, Shown: "Posteingang", Mails: 4, Unread: 3},
		{Name: "gemeldet", Exists: true, Shown: "Gemeldet"},
		{Name: "Gemeldt", Near: []string{"Gemeldet"}},
	}
	if diff := cmp.Diff(want, got.Folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if got.Scheme != "NTLM" || !strings.HasPrefix(got.Version, "Exchange2016 15.1.") && !strings.Contains(got.Version, "15.") || got.Asked != "Exchange2013_SP1" || !slices.Contains(got.Names, "Posteingang") {
		t.Errorf("%+v", got)
	}
	if n := unread(s, "Inbox"); n != 3 {
		t.Errorf("%d unread after looking", n)
	}
	cfg.Password = "wrong"
	if _, err := ews.Probe(t.Context(), cfg); !errors.Is(err, mailbox.ErrLogin) {
		t.Errorf("with a wrong password: %v", err)
	}
}
