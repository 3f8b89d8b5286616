package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/sqlitedb"
)

var queryCommand = command{
	name:    "query",
	args:    "[flags] DATABASE [VIEW|SQL]",
	summary: "ask a results database",
	long: `
Prints a view, a table, or what a SELECT returns, of a database that the sqlite
sink wrote. The file is opened for reading only. Without a question it lists the
views.

examples:
  tqmailrules query results.db
  tqmailrules query results.db v_indicators
  tqmailrules query --json results.db "select value from indicators where type = 'URL'"`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		q := &query{}
		fs.BoolVar(&q.json, "json", false, "write rows as JSON objects, one a line")
		fs.IntVar(&q.limit, "limit", 0, "print at most this `number` of rows of a view or table")
		return q.run
	},
}

type query struct {
	json  bool
	limit int
}

const listViews = "select name as view from sqlite_master where type = 'view' order by name"

func (q *query) run(ctx context.Context, a *app, args []string) exit {
	if len(args) < 1 || len(args) > 2 {
		return a.usage("query", "give a database, and a view or a SELECT")
	}
	info, err := os.Stat(args[0])
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", args[0])
	}
	if err != nil {
		return a.usage("query", "%v", err)
	}
	question := listViews
	if len(args) == 2 {
		question = q.statement(args[1])
	}
	cols, rows, err := ask(ctx, args[0], question)
	if errors.Is(err, engine.ErrTemporary) {
		return a.fail(err)
	}
	if err != nil {
		return a.usage("query", "%v", err)
	}
	q.write(a, cols, rows)
	return exitOK
}

// statement makes a SELECT of the name of a view or table.
func (q *query) statement(question string) string {
	if strings.ContainsAny(question, " \t\n(") {
		return question
	}
	s := `select * from "` + strings.ReplaceAll(question, `"`, `""`) + `"`
	if q.limit > 0 {
		s += fmt.Sprintf(" limit %d", q.limit)
	}
	return s
}

// ask runs one statement on a database opened for reading only.
func ask(ctx context.Context, path, question string) (cols []string, rows [][]any, err error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	dsn := url.URL{Scheme: "file", Path: full, RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, question)
	if err != nil {
		return nil, nil, refusal(err)
	}
	defer found.Close()
	if cols, err = found.Columns(); err != nil {
		return nil, nil, err
	}
	for found.Next() {
		row := make([]any, len(cols))
		into := make([]any, len(cols))
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return cols, rows, sqlitedb.Explain(found.Err())
}

// refusal says what is wrong with a question. A database opened for reading
// refuses every change, which is no trouble of the disk.
func refusal(err error) error {
	if strings.Contains(err.Error(), "readonly") {
		return errors.New("the database is opened for reading: ask with a SELECT")
	}
	return sqlitedb.Explain(err)
}

func (q *query) write(a *app, cols []string, rows [][]any) {
	if !q.json {
		writeRows(a, cols, rows, 60)
		return
	}
	for _, row := range rows {
		t := tree{}
		for i, c := range cols {
			t = append(t, branch{c, cell(row[i])})
		}
		line, err := t.MarshalJSON()
		if err != nil {
			line = []byte("{}") // texts and numbers always marshal
		}
		fmt.Fprintf(a.out, "%s\n", line)
	}
}

func writeRows(a *app, cols []string, rows [][]any, width int) {
	var t ui.Table
	head := make([]any, len(cols))
	for i, c := range cols {
		head[i] = c
	}
	t.Row(head...)
	for _, row := range rows {
		cells := make([]any, len(row))
		for i, v := range row {
			if v = cell(v); v == nil {
				v = ""
			}
			cells[i] = v // numbers stay numbers: they are aligned as such
			if text, ok := v.(string); ok {
				cells[i] = ui.Line(text, width)
			}
		}
		t.Row(cells...)
	}
	t.Write(a.out, "")
}

func cell(v any) any {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v
}
