package sqlite

import _ "embed"

// applicationID marks a results database: "TQMR" in ASCII.
const applicationID = 0x54514d52

//go:embed schema1.sql
var schema1 string

// steps is the schema, one script a version. docs/reference/sqlite.md explains
// it; a test holds both together.
var steps = []string{schema1}
