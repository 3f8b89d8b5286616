package ewssim

import (
	"maps"
	"slices"
	"strings"
)

// account is somebody who can log in.
type account struct {
	key      string // as Config.Users has it
	name     string // without the domain, lower case
	domain   string // "" when it has none
	password string
	boxes    []string // that he owns, lower case and sorted
	shared   []string // that he may open
	acts     bool     // may impersonate
}

type accounts []*account

func newAccounts(cfg Config) accounts {
	var all accounts
	for _, key := range slices.Sorted(maps.Keys(cfg.Users)) {
		domain, name := split(key)
		all = append(all, &account{key: key, name: name, domain: domain, password: cfg.Users[key]})
	}
	for _, email := range slices.Sorted(maps.Keys(cfg.Mailboxes)) {
		if a := all.named(cfg.Mailboxes[email]); a != nil {
			a.boxes = append(a.boxes, strings.ToLower(email))
		}
	}
	for user, emails := range cfg.Delegates {
		if a := all.named(user); a != nil {
			for _, email := range emails {
				a.shared = append(a.shared, strings.ToLower(email))
			}
		}
	}
	for _, user := range cfg.Impersonators {
		if a := all.named(user); a != nil {
			a.acts = true
		}
	}
	return all
}

// split takes a spelling apart, in lower case.
func split(spelling string) (domain, name string) {
	spelling = strings.ToLower(spelling)
	if domain, name, both := strings.Cut(spelling, `\`); both {
		return domain, name
	}
	if at := strings.LastIndexByte(spelling, '@'); at >= 0 {
		return spelling[at+1:], spelling[:at]
	}
	return "", spelling
}

// named finds the account of a spelling; nil when none or several fit.
func (all accounts) named(spelling string) *account {
	var found *account
	for _, a := range all {
		switch {
		case strings.EqualFold(a.key, spelling):
			return a
		case a.fits(spelling) && found == nil:
			found = a
		case a.fits(spelling):
			return nil
		}
	}
	return found
}

func (a *account) fits(spelling string) bool {
	if slices.Contains(a.boxes, strings.ToLower(spelling)) {
		return true
	}
	domain, name := split(spelling)
	return name == a.name && sameDomain(domain, a.domain)
}

// sameDomain compares a NetBIOS name or a DNS name with either.
func sameDomain(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	return strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

func (a *account) opens(email string) bool {
	return slices.Contains(a.boxes, email) || slices.Contains(a.shared, email)
}
