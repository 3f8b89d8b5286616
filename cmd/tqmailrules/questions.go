package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// initQuestion is one thing that a configuration needs to know.
type initQuestion struct {
	flag, use string // of the command line
	prompt    string // of the terminal
	fallback  string // when the answer is empty
	secret    bool   // asked for without showing it
	optional  bool
	options   []string           // when it is one of a few
	only      func(answers) bool // whether it means anything
	asked     func(answers) bool // whether it is asked for on a terminal; nil: always
	check     func(string) string
}

// wrong says what is wrong with an answer; "" when nothing is.
func (q initQuestion) wrong(v string) string {
	switch {
	case len(q.options) > 0 && !slices.Contains(q.options, v):
		return "one of " + strings.Join(q.options, ", ") + ", not " + strconv.Quote(v)
	case q.check != nil:
		return q.check(v)
	}
	return ""
}

// answers by flag.
type answers map[string]string

// infer takes the kind of mailbox from what is said of one.
func (a answers) infer() {
	if a["mailbox"] != "" {
		return
	}
	for flag := range a {
		if strings.HasPrefix(flag, "ews-") {
			a["mailbox"] = "exchange"
		}
		if strings.HasPrefix(flag, "imap-") {
			a["mailbox"] = "imap"
			return
		}
	}
}

func hasThreatQ(a answers) bool   { return a["threatq-host"] != "" }
func isExchange(a answers) bool   { return a["mailbox"] == "exchange" }
func isIMAP(a answers) bool       { return !isExchange(a) }
func hasIMAPProxy(a answers) bool { return isIMAP(a) && a["imap-proxy"] != "" }
func hasEWSProxy(a answers) bool  { return isExchange(a) && a["ews-proxy"] != "" }

const inProcesses = "; others can see it in the list of processes, so rather the one that names a file"

// questions in the order in which they are asked. They are those of the vendor's
// connectors.
var questions = []initQuestion{
	{flag: "threatq-host", use: "`host` of ThreatQ", prompt: "ThreatQ Host (empty: findings stay in a database here)", optional: true},
	{flag: "threatq-client-id", use: "`id` of the OAuth client", prompt: "ThreatQ Client ID", only: hasThreatQ},
	{flag: "threatq-user", use: "`email` of the user", prompt: "ThreatQ Username", only: hasThreatQ},
	{flag: "threatq-password", use: "`password`" + inProcesses, prompt: "ThreatQ Password", secret: true, only: hasThreatQ},
	{flag: "status", use: "default `status` of indicators", prompt: "Status", fallback: "Review"},
	{flag: "mailbox", use: "`imap|exchange`; known when a flag speaks of one", prompt: "Mailbox: imap or exchange", fallback: "imap", options: []string{"imap", "exchange"}},

	{flag: "imap-host", use: "`host` of the mailbox, host:port", prompt: "IMAP Server", only: isIMAP},
	{flag: "imap-security", use: "`tls|starttls|plain`", prompt: "IMAP Security", fallback: "tls", options: []string{"tls", "starttls", "plain"}, only: isIMAP},
	{flag: "imap-user", use: "`user` of the mailbox", prompt: "IMAP Username", only: isIMAP},
	{flag: "imap-password", use: "`password`" + inProcesses, prompt: "IMAP Password", secret: true, only: isIMAP},
	{flag: "imap-folders", use: "`folders`, separated by commas", prompt: "IMAP Folders", fallback: "INBOX", only: isIMAP},
	{flag: "imap-proxy", use: "`address` of a SOCKS proxy: socks5://host:port", prompt: "Proxy (socks4://, socks4a://, socks5://host:port)", optional: true, only: isIMAP},
	{flag: "imap-proxy-password", use: "`password` of the proxy's user", prompt: "Proxy Password", secret: true, optional: true, only: hasIMAPProxy},

	{flag: "ews-auth", use: "`auto|ntlm|basic`: how Exchange is shown who we are", prompt: "Authentication method: auto, ntlm or basic", fallback: "auto", options: []string{"auto", "ntlm", "basic"}, only: isExchange},
	{flag: "ews-server", use: "`server`: address, host, host:port or URL", prompt: "Exchange Server IP/Hostname", only: isExchange},
	{flag: "ews-email", use: "`address` of the mailbox", prompt: "Email Address", only: isExchange},
	{flag: "ews-user", use: "`user`, when it is not the address: DOMAIN\\user", prompt: "Exchange Username (empty: the email address)", optional: true, only: isExchange},
	{flag: "ews-password", use: "`password`" + inProcesses, prompt: "Exchange Password", secret: true, only: isExchange},
	{flag: "ews-folders", use: "`folders`, separated by commas; one with a comma in quotation marks", prompt: "Mailbox Folders", fallback: "Inbox", only: isExchange},
	{flag: "ews-proxy", use: "`address` of a proxy: http://host:port, socks5://host:port", prompt: "Proxy (http://, socks5://host:port)", optional: true, only: isExchange},
	{flag: "ews-proxy-password", use: "`password` of the proxy's user", prompt: "Proxy Password", secret: true, optional: true, only: hasEWSProxy},

	{flag: "mailbox-type", use: "`intelligence|spearphish`: every mail counts, or those inside others", prompt: "Mailbox Type: intelligence or spearphish", fallback: "intelligence", options: []string{"intelligence", "spearphish"}, asked: isExchange},
	{flag: "trim", use: "`number` of characters to trim from the beginning of bodies", prompt: "Trim Number of Characters", fallback: "0", asked: isExchange, check: isCount},
	{flag: "default-file-password", use: "`password` of attachments, when no mail brings one" + inProcesses, prompt: "Default File Password", secret: true, optional: true, asked: isExchange},
	{flag: "subject-string", use: "`text` or pattern that the subjects of a locked attachment's mail and of its password's share", prompt: "Subject String", optional: true, asked: isExchange, check: isPattern},
	{flag: "password-prefix", use: "`text` or pattern that stands before a password", prompt: "Password Prefix String", optional: true, asked: isExchange, check: isPattern},

	{flag: "forwards-as-spearphish", use: "`yes|no`: forwarded mails are spearphish", prompt: "Treat forwarded emails as spearphish", fallback: "yes", options: []string{"yes", "no"}},
	{flag: "own-domains", use: "`domains` of the organisation, separated by commas", prompt: "Own domains", optional: true},
}

func isCount(v string) string {
	if n, err := strconv.Atoi(v); err != nil || n < 0 {
		return "a number of characters, not " + strconv.Quote(v)
	}
	return ""
}

func isPattern(v string) string {
	if _, err := regexp.Compile(v); err != nil {
		return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	return ""
}
