package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var importConfigCommand = command{
	name:    "import-config",
	args:    "[-c DIR] [-n NAME] [flags] FILE",
	summary: "make a configuration of a vendor connector's",
	long: `
Reads the parameters of the IMAP or the Exchange connector, as their guides name
them, from a file of keys and values (INI, or JSON), and writes what init would. Flags
of init add what the file does not say, or replace it. docs/vendor.md has the
table of what becomes of which parameter.

The file is not changed. What it says and we have no use for is told.

examples:
  tqmailrules import-config -c /etc/tqmailrules /etc/tq_labs/exchange.conf
  tqmailrules import-config -c conf --ews-password-file ews.pw exchange.json`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := newInitializer()
		i.register(fs)
		return i.importConfig
	},
}

// maxVendorConfig bounds a configuration file, in bytes.
const maxVendorConfig = 1 << 20

func (i *initializer) importConfig(ctx context.Context, a *app, args []string) exit {
	if len(args) != 1 {
		return a.usage("import-config", "takes one file")
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return a.fail(err)
	}
	if len(b) > maxVendorConfig {
		return a.usage("import-config", "%s: more than %d bytes", args[0], maxVendorConfig)
	}
	given, err := vendorParameters(b)
	if err != nil {
		return a.usage("import-config", "%s: %v", args[0], err)
	}
	found, remarks := translate(given)
	if len(found) == 0 {
		return a.usage("import-config", "%s: none of the connectors' parameters", args[0])
	}
	for _, r := range remarks {
		fmt.Fprintln(a.err, r)
	}
	for flag, v := range found {
		if _, said := i.answers[flag]; !said && i.files[flag] == "" {
			i.answers[flag] = v
		}
	}
	return i.run(ctx, a, nil)
}

// vendorParameter is a key of a file and its value.
type vendorParameter struct {
	key, value string
	line       int // 0 when it is not known
}

// vendorParameters reads keys and values, whether they stand in JSON or in an INI
// file.
func vendorParameters(b []byte) ([]vendorParameter, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[' && json.Valid(trimmed)) {
		return jsonParameters(trimmed)
	}
	return iniParameters(b)
}

// jsonParameters flattens an object: parameters may stand in a group of them, or as
// records of a name and a value.
func jsonParameters(b []byte) (all []vendorParameter, err error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("no JSON: something stands behind it")
	}
	flatten("", v, &all, 0)
	return all, nil
}

const maxGroups = 8 // inside each other

func flatten(key string, v any, all *[]vendorParameter, depth int) {
	if depth > maxGroups {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["name"].(string); ok && v["value"] != nil {
			flatten(name, v["value"], all, depth+1)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			flatten(k, v[k], all, depth+1)
		}
	case []any:
		if texts, ok := allTexts(v); ok && key != "" {
			*all = append(*all, vendorParameter{key: key, value: strings.Join(texts, ", ")})
			return
		}
		for _, one := range v {
			flatten(key, one, all, depth+1)
		}
	case nil:
	default:
		*all = append(*all, vendorParameter{key: key, value: fmt.Sprint(v)})
	}
}

// allTexts is a list of folders as a text that can be taken apart again.
func allTexts(list []any) (texts []string, ok bool) {
	for _, one := range list {
		s, ok := one.(string)
		if !ok {
			return nil, false
		}
		if strings.Contains(s, ",") {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		texts = append(texts, s)
	}
	return texts, true
}

// iniParameters reads lines of a key and a value behind = or :. Sections do not count;
// # and ; begin remarks; a value may stand in quotation marks.
func iniParameters(b []byte) (all []vendorParameter, err error) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxVendorConfig+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' || line[0] == '[' && line[len(line)-1] == ']' {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at <= 0 {
			return nil, fmt.Errorf("line %d: neither a key with a value nor a section", n)
		}
		value := strings.TrimSpace(line[at+1:])
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] && strings.Count(value, value[:1]) == 2 {
			value = value[1 : len(value)-1]
		}
		all = append(all, vendorParameter{strings.TrimSpace(line[:at]), value, n})
	}
	return all, lines.Err()
}

// plainKey is a name without what spellings of it differ in: "Mailbox Folders",
// mailbox_folders and MailboxFolders are one.
func plainKey(key string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}

// translate makes answers of parameters, and says what is to be known about that.
func translate(given []vendorParameter) (found answers, remarks []string) {
	t := &translation{found: answers{}, extra: map[string]string{}}
	t.exchange = slices.ContainsFunc(given, func(p vendorParameter) bool { return exchangeParameters[plainKey(p.key)] != "" })
	for _, p := range given {
		t.take(p)
	}
	t.finish()
	return t.found, t.remarks
}

type translation struct {
	exchange bool
	found    answers
	extra    map[string]string // what belongs together with something else
	remarks  []string
}

// Parameters and the questions of init that they answer.
var (
	commonParameters = map[string]string{
		"threatqhost": "threatq-host", "host": "threatq-host", "tqhost": "threatq-host",
		"threatqclientid": "threatq-client-id", "clientid": "threatq-client-id", "tqclientid": "threatq-client-id",
		"threatqusername": "threatq-user", "tqusername": "threatq-user", "threatquser": "threatq-user",
		"threatqpassword": "threatq-password", "tqpassword": "threatq-password",
		"status": "status", "defaultstatus": "status", "indicatorstatus": "status",
	}
	imapParameters = map[string]string{
		"imapserver": "imap-host", "imaphost": "imap-host", "imapusername": "imap-user", "imapuser": "imap-user", "imappassword": "imap-password",
		"imapfolders": "imap-folders", "imapfolder": "imap-folders",
	}
	exchangeParameters = map[string]string{
		"serveriphostname": "ews-server", "server": "ews-server", "exchangeserver": "ews-server", "serverip": "ews-server", "serverhostname": "ews-server",
		"emailaddress": "ews-email", "email": "ews-email", "mailboxfolders": "ews-folders", "folders": "ews-folders",
		"mailboxtype": "mailbox-type", "trimnumberofcharacters": "trim", "trimbody": "trim", "trim": "trim",
		"defaultfilepassword": "default-file-password", "subjectstring": "subject-string", "passwordprefixstring": "password-prefix", "passwordprefix": "password-prefix",
		"selecttheauthenticationmethodfortheexchangeserver": "ews-auth", "authenticationmethod": "ews-auth", "authmethod": "ews-auth",
	}
	// Those of which more than a value must be known.
	extraParameters = []string{
		"username", "password", "proxyaddress", "proxyport", "proxytype", "emailaddressandusernamearethesame", "sameusername",
		"treatforwardedemailsasspearfishemails", "treatforwardedemailsasspearphishemails", "useaceparserforattachments", "useaceparser",
	}
)

// take puts one parameter where it belongs.
func (t *translation) take(p vendorParameter) {
	key := plainKey(p.key)
	if strings.TrimSpace(p.value) == "" {
		return
	}
	for _, table := range []map[string]string{commonParameters, imapParameters, exchangeParameters} {
		if flag := table[key]; flag != "" {
			t.found[flag] = t.value(flag, p.value)
			return
		}
	}
	if slices.Contains(extraParameters, key) {
		t.extra[key] = p.value
		return
	}
	where := ""
	if p.line > 0 {
		where = "line " + strconv.Itoa(p.line) + ": "
	}
	t.remark("%s%s: not one of the connector's parameters; left out", where, p.key)
}

func (t *translation) remark(format string, args ...any) {
	t.remarks = append(t.remarks, fmt.Sprintf(format, args...))
}

// value says in our words what a parameter says in the vendor's.
func (t *translation) value(flag, v string) string {
	switch flag {
	case "ews-auth":
		if strings.EqualFold(v, "ntlm") {
			return "ntlm"
		}
		return "basic" // "Username and Password"
	case "mailbox-type":
		return strings.ToLower(v)
	case "subject-string", "password-prefix":
		return t.pattern(flag, v)
	}
	return v
}

// pattern keeps a pattern that we can read, too. Theirs may look around, ours not.
func (t *translation) pattern(flag, v string) string {
	if isPattern(v) == "" {
		return v
	}
	t.remark("--%s: %q is no pattern of ours (%s); it is taken as the text that it is: look at the rules", flag, v, isPattern(v))
	return regexp.QuoteMeta(v)
}

func (t *translation) finish() {
	user, password := "imap-user", "imap-password"
	if t.exchange {
		user, password = "ews-user", "ews-password"
	}
	same := isYes(cmp.Or(t.extra["emailaddressandusernamearethesame"], t.extra["sameusername"]))
	if v := t.extra["username"]; v != "" && !(t.exchange && (same || v == t.found["ews-email"])) {
		t.found[user] = v
	}
	if v := t.extra["password"]; v != "" {
		t.found[password] = v
	}
	if v := cmp.Or(t.extra["treatforwardedemailsasspearfishemails"], t.extra["treatforwardedemailsasspearphishemails"]); v != "" {
		t.found["forwards-as-spearphish"] = map[bool]string{true: "yes", false: "no"}[isYes(v)]
	}
	if v := cmp.Or(t.extra["useaceparserforattachments"], t.extra["useaceparser"]); v != "" && !isYes(v) {
		t.remark("Use ACE Parser for Attachments: attachments are always parsed; extract: { from: [body] } in a rule keeps to the text of mails")
	}
	t.proxy()
}

func (t *translation) proxy() {
	host, kind := t.extra["proxyaddress"], strings.ToLower(cmp.Or(t.extra["proxytype"], "socks5"))
	if host == "" {
		return
	}
	if port := t.extra["proxyport"]; port != "" {
		host = net.JoinHostPort(host, port)
	}
	flag := "imap-proxy"
	if t.exchange {
		flag = "ews-proxy"
	}
	t.found[flag] = kind + "://" + host
}

// isYes reads a box that is checked.
func isYes(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true", "yes", "1", "on", "checked", "enabled":
		return true
	}
	return false
}
