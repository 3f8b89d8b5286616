// Package main says what it was handed, for the tests of the library.
package main

import (
	"strconv"
	"strings"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

func init() { tqx.Extract(find) }

func main() {}

func find(in *tqx.Input, out *tqx.Output) {
	for i, p := range in.Parts {
		out.Add(tqx.Indicator{
			Type: "echo", Value: p.Kind, Part: i, End: len(p.Data), Confidence: 1, RelatedTo: in.ConfigString("text", "none"),
			Attributes: map[string]string{
				"id": p.ID, "mime": p.MIME, "name": p.Name, "sha256": p.SHA256, "size": strconv.Itoa(p.Size), "text": p.Text(),
				"truncated": strconv.FormatBool(p.Truncated),
			},
		})
	}
	out.Info("message " + in.Message.ID + " of " + in.Message.Date + ", " + strconv.FormatInt(in.Message.Unix, 10))
	out.Warn(strings.Join(in.ConfigStrings("list"), "|") + " " + strconv.FormatInt(in.ConfigInt("number", 7), 10) + " " +
		strconv.FormatBool(in.ConfigBool("flag", true)) + " " + in.Config.Get("deep").Get("inner").Text("none"))
}
