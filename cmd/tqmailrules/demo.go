package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/examples"
	wasmextractors "github.com/tqmailrules/tqmailrules/wasm-extractors"
)

var demoCommand = command{
	name:    "demo",
	args:    "[--dir DIR]",
	summary: "run the example rules over the example mails, from a mailbox to ThreatQ",
	long: `
Writes the example rules, mails and a configuration into a folder, serves the mails
by an IMAP server and a simulated ThreatQ in this process, runs the one into the
other and into a database, and shows what ThreatQ holds then, what was found, and
where to look. What an earlier demo left in the folder is replaced; nothing else in
it is touched, and nothing listens beyond this machine.`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		dir := fs.String("dir", "demo", "`folder` to work in")
		return func(ctx context.Context, a *app, args []string) exit {
			if len(args) > 0 {
				return a.usage("demo", "takes no arguments")
			}
			return a.demo(ctx, *dir)
		}
	},
}

// demoConfig is the configuration of the demo. The servers are told where they
// listen.
const demoConfig = `instance: demo
mailbox: { name: Phishing Desk, own_domains: [nordhafen.example], auth_servers: [mx.nordhafen.example] }
sources:
  - imap: { host: "IMAP", security: plain, user: phish@nordhafen.example, password: { file: secrets/imap } }
rules: [ rules/desk/hygiene.yaml, rules/desk/reports.yaml, rules/desk/intelligence.yaml, rules/desk/phishing.yaml, rules/desk/attachments.yaml, rules/extractors/*.yaml ]
extractors:
  - { name: wallets, wasm: wasm-extractors/wallets-c/wallets-c.wasm, sha256: any }
  - { name: phishkit, wasm: wasm-extractors/phishkit/phishkit.wasm, sha256: any, config: { brands: [nordhafen] } }
  - { name: ticket, wasm: wasm-extractors/ticket/ticket.wasm, sha256: any }
  - { name: iban, regex: '\b[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?\b', type: String, strip: ' ', validator: iban, attributes: { Kind: iban } }
  - { name: customer, regex: '\bKD-(\d{8})\b', type: String, validator: luhn, attributes: { Kind: customer } }
sinks:
  - threatq: { host: "THREATQ", client_id: demo, user: analyst@nordhafen.example, password: { file: secrets/threatq }, status: Review }
  - sqlite: { path: results.db }
store: { path: state.db, keep: 30d }
files: { dir: files }
log: { to: demo.log, verbosity: 2 }
`

func (a *app) demo(ctx context.Context, dir string) exit {
	config := filepath.Join(dir, "tqmailrules.yaml")
	if err := writeDemo(dir); err != nil {
		return a.fail(err)
	}
	ends, err := a.demoEnds(ctx, filepath.Join(dir, "rules", "corpus"))
	if err != nil {
		return a.fail(err)
	}
	defer ends.close()
	text := strings.NewReplacer("IMAP", ends.imap, "THREATQ", ends.threatq).Replace(demoConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return a.fail(err)
	}
	rc := rulesAndConfig{config: config}
	l, code := rc.load(ctx, a, "demo")
	if code != exitOK {
		return code
	}
	defer l.close()
	fmt.Fprintf(a.out, "$ tqmailrules run -c %s\n", config)
	sum, _, err := a.work(ctx, l, false)
	if err != nil {
		return a.fail(err)
	}
	writeSummary(a.out, sum)
	if err := ends.show(a.out, filepath.Join(dir, "threatq.json")); err != nil {
		return a.fail(err)
	}
	return worst(a.demoTables(ctx, dir, config), demoStatus(sum))
}

// demoStatus is fine with quarantined mail: one of the examples is no mail.
func demoStatus(sum engine.Summary) exit {
	if sum.Degraded() {
		return exitEnvironment
	}
	return exitOK
}

// writeDemo writes the examples and removes the results of an earlier demo.
func writeDemo(dir string) error {
	for _, name := range []string{"results.db", "results.db-wal", "results.db-shm", "state.db", "state.db-wal", "state.db-shm", "state.db.key", "state.db.lock", "state.db.blobs", "threatq.json", "demo.log"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := copyFiles(dir, examples.Rules, "rules"); err != nil {
		return err
	}
	if err := copyFiles(filepath.Join(dir, "wasm-extractors"), wasmextractors.Modules, "."); err != nil {
		return err
	}
	secrets := filepath.Join(dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return err
	}
	return errors.Join(writePrivate(filepath.Join(secrets, "imap"), demoPassword), writePrivate(filepath.Join(secrets, "threatq"), demoPassword))
}

// demoPassword is no secret: it opens two servers that end with the demo.
const demoPassword = "demo"

// copyFiles writes a folder of an embedded tree below dir.
func copyFiles(dir string, tree embed.FS, root string) error {
	return fs.WalkDir(tree, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		data, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	})
}

// demoTables shows what a person would ask first, and how to ask more.
func (a *app) demoTables(ctx context.Context, dir, config string) exit {
	db := filepath.Join(dir, "results.db")
	for _, q := range []struct{ title, sql string }{
		{"spearphish by score", "select score, substr(happened_at, 1, 10) as day, title, sender, coalesce(reporters, '') as reporters from v_spearphish order by score desc, title, event limit 12"},
		{"rules that matched most", "select rule, matches from v_top_rules where matches > 0 order by matches desc, rule limit 10"},
		{"hosts in most events", "select value, events, flags from v_indicators where type = 'FQDN' order by events desc, value limit 8"},
	} {
		cols, rows, err := ask(ctx, db, q.sql)
		if err != nil {
			return a.fail(err)
		}
		fmt.Fprintf(a.out, "\n%s\n", q.title)
		writeRows(a, cols, rows, 44)
	}
	fmt.Fprintf(a.out, "\nwhere to look\n")
	var t ui.Table
	t.Row("database", db, "sqlite3 "+db+" 'select * from v_indicators'")
	t.Row("ThreatQ", filepath.Join(dir, "threatq.json"), "every object with its attributes and relations")
	t.Row("status", config, "tqmailrules status -c "+config)
	t.Row("files", filepath.Join(dir, "files"), "attachments, by digest")
	t.Row("rules", filepath.Join(dir, "rules", "desk"), "change one and try: tqmailrules dry-run -c "+config+" "+filepath.Join(dir, "rules", "corpus"))
	t.Write(a.out, "  ")
	return exitOK
}
