package engine

import "strconv"

// Password is a secret: a reference to the configuration, or a literal. It never
// prints its value.
type Password struct {
	Secret  string // name under `secrets:` of the configuration
	literal string
}

// LiteralPassword wraps a password that stands in a rule file or a mail.
func LiteralPassword(s string) Password { return Password{literal: s} }

// Reveal returns the password, looking a reference up in secrets.
func (p Password) Reveal(secrets map[string]string) (string, bool) {
	if p.Secret == "" {
		return p.literal, true
	}
	v, ok := secrets[p.Secret]
	return v, ok
}

func (p Password) String() string {
	if p.Secret != "" {
		return "[secret " + p.Secret + "]"
	}
	return "[password]"
}

// GoString keeps %#v from printing the literal.
func (p Password) GoString() string { return p.String() }

// MarshalText keeps encoders from writing the literal.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Secret is a password that stood in a mail, and where.
type Secret struct {
	Password Password
	Part     string // an ID of InputPart
	Span     Span   // of the text of that part
}

// Candidate is a password to try on a locked file.
type Candidate struct {
	Password Password // never a reference
	Origin   CandidateOrigin
	Mail     string // Origin.Name of the mail it stood in; "" for the mail of the file itself
	Part     string // where in that mail; "" when it stood in none
	Span     Span
}

// CandidateOrigin says why a candidate is one. They are tried in this order.
type CandidateOrigin uint8

const (
	FromRule      CandidateOrigin = iota // an unlock action names it
	FromPrefix                           // stood in the same mail where a password is announced
	FromPartner                          // another mail offered it
	FromDefault                          // default_password of a pair action
	FromToken                            // a plausible token of the same mail
	FromWellKnown                        // what many archives are locked with
)

func (o CandidateOrigin) String() string {
	return [...]string{"rule", "same mail", "partner", "default", "token", "well-known password"}[o]
}

// String says where a candidate stood, never what it is.
func (c Candidate) String() string {
	s := c.Origin.String()
	if c.Mail != "" {
		s += " " + c.Mail
	}
	if c.Part != "" {
		s += ", " + c.Part + " " + strconv.Itoa(c.Span.Start) + "-" + strconv.Itoa(c.Span.End)
	}
	return s
}
