package sqlite

import _ "embed"

// applicationID marks a store: "TQMS" in ASCII.
const applicationID = 0x54514d53

//go:embed schema1.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

// steps is the schema, one script a version. A script that was released is
// never edited.
var steps = []string{schema1, schema2}
