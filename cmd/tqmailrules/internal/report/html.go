package report

import (
	"html/template"
	"io"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

// HTML writes one self-contained page: no script, no link, nothing loaded.
// Mails are written as they come and the summary last; the page shows it first.
func HTML(w io.Writer, title string) (Writer, error) {
	h := &htmlWriter{w: w}
	return h, page.ExecuteTemplate(w, "head", title)
}

type htmlWriter struct{ w io.Writer }

func (h *htmlWriter) Mail(m Mail) error { return page.ExecuteTemplate(h.w, "mail", m) }

func (h *htmlWriter) Summary(s Summary) error { return page.ExecuteTemplate(h.w, "summary", s) }

var page = template.Must(template.New("").Funcs(template.FuncMap{
	"size":  ui.Size,
	"line":  func(s string) string { return ui.Line(s, 300) },
	"order": byCount,
	"tried": TriedText,
	"few":   func(all []string) []string { return all[:min(3, len(all))] },
	"count": func(m map[string]int, k string) int { return m[k] },
}).Parse(`{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root{color-scheme:light dark;--line:#8884;--dim:#8889}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;display:flex;flex-direction:column}
h1{font-size:1.3rem;order:-2}.summary{order:-1;display:flex;flex-wrap:wrap;gap:2rem;margin-bottom:1.5rem}
table{border-collapse:collapse}td,th{text-align:left;padding:.1rem .8rem .1rem 0;vertical-align:top}td.n,th.n{text-align:right}
details{border-top:1px solid var(--line);padding:.35rem 0}summary{cursor:pointer}
body{overflow-wrap:anywhere}td,th{overflow-wrap:normal}td:last-child{overflow-wrap:anywhere}
code{font:12.5px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}.dim{opacity:.65}
.b{display:inline-block;min-width:6.5rem;font-weight:600}.quarantined,.error{color:#c22}.shipped{color:#287}.skipped,.nothing{opacity:.6}
details.inner{border:0;padding:0}.tag{border:1px solid var(--line);border-radius:.6rem;padding:0 .5rem}
section.item{margin:.4rem 0 .4rem 1.2rem;border-left:2px solid var(--line);padding-left:.8rem}
</style></head><body><h1>{{.}}</h1>
{{end}}
{{define "mail"}}<details><summary><span class="b {{.Disposition}}">{{.Disposition}}</span> {{line .Subject}} <span class="dim">{{line .Name}}</span></summary>
{{with .Reason}}<p class="dim">{{line .}}</p>{{end}}
{{range .Items}}<section class="item">{{with .Path}}<b>{{.}}</b> {{end}}{{line .Subject}}
{{with .Why}}<p class="dim">ships not: {{line .}}</p>{{end}}
<table>
{{range .Rules}}{{if ne .Result "stopped"}}<tr{{if .Error}} class="error"{{end}}><th>rule</th><td>{{.ID}}</td><td>{{.Result}}{{if .Shadow}} (shadow){{end}}{{with .Error}}: {{line .}}{{end}} <span class="dim">{{.Phase}}</span></td></tr>{{end}}{{end}}
{{with .Event}}<tr><th>event</th><td>{{.Type}}</td><td>{{line .Title}} <span class="dim">{{.When}} {{.TLP}}</span>
{{with .Attributes}}<details class="inner"><summary class="dim">{{len .}} attributes</summary><table>{{range .}}<tr><td>{{line .Name}}</td><td>{{line .Value}}</td></tr>{{end}}</table></details>{{end}}</td></tr>{{end}}
{{with .Tags}}<tr><th>tags</th><td colspan="2">{{range .}}<span class="tag">{{line .}}</span> {{end}}</td></tr>{{end}}
{{with .Score}}<tr><th>score</th><td>{{.}}</td><td></td></tr>{{end}}
{{with .Sinks}}<tr><th>sinks</th><td colspan="2">{{range .}}{{.}} {{end}}</td></tr>{{end}}
{{with .Cut}}<tr class="dim"><th>cut</th><td colspan="2">{{line .}}</td></tr>{{end}}
{{range .Files}}<tr><th>file</th><td>{{line .Type}}</td><td>{{line .Within}} {{with .State}}<b>{{.}}</b> {{end}}{{line .Remarks}} <span class="dim">{{size .Size}} <code>{{.SHA256}}</code></span></td></tr>{{end}}
{{with .Tried}}<tr class="dim"><th>passwords</th><td colspan="2">{{tried .}}</td></tr>{{end}}
{{with .Pair}}{{if ne .State "none"}}<tr><th>pair</th><td colspan="2">{{.}}</td></tr>{{end}}{{end}}
{{range .Indicators}}<tr><th>indicator</th><td>{{.Type}}</td><td><code>{{line .Value}}</code> <span class="dim">{{range .Contexts}}{{.}} {{end}}{{range .Flags}}· {{.}} {{end}}{{range few .Locations}}· {{line .}} {{end}}</span></td></tr>{{end}}
{{range .Dropped}}<tr class="dim"><th>dropped</th><td>{{.Type}}</td><td><code>{{line .Value}}</code> by {{.Rule}}</td></tr>{{end}}
{{range .Trimmed}}<tr class="dim"><th>trimmed</th><td>{{.Type}}</td><td><code>{{line .Value}}</code></td></tr>{{end}}
{{range .Related}}<tr><th>relates</th><td colspan="2">{{line .}}</td></tr>{{end}}
</table></section>{{end}}
{{range .Defects}}<p class="error">{{line .String}}</p>{{end}}
</details>
{{end}}
{{define "counts"}}<table>{{$m := .}}{{range order .}}<tr><td>{{.}}</td><td class="n">{{count $m .}}</td></tr>{{end}}</table>{{end}}
{{define "summary"}}<div class="summary">
<div><b>{{.Mails}} mails</b>, {{size .Bytes}}<br>{{.Events}} events, {{.Files}} files{{template "counts" .Dispositions}}</div>
{{if .Indicators}}<div><b>indicators</b>{{template "counts" .Indicators}}</div>{{end}}
{{if .Rules}}<div><b>rules</b><table><tr><th>rule</th><th>mode</th><th class="n">matches</th><th class="n">errors</th><th class="n">dropped</th></tr>
{{range .Rules}}<tr><td>{{.ID}}</td><td>{{.Mode}}</td><td class="n">{{.Matches}}</td><td class="n">{{.Errors}}</td><td class="n">{{.Dropped}}</td></tr>{{end}}</table></div>{{end}}
{{if .Defects}}<div><b>defects</b>{{template "counts" .Defects}}</div>{{end}}
{{if .Skipped}}<div class="dim">{{.Skipped}} files of the corpus are no mail and were left out</div>{{end}}
{{with .Errors}}<div class="error">{{range .}}{{line .}}<br>{{end}}</div>{{end}}
</div></body></html>
{{end}}`))
