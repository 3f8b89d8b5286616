package rules

// schema is a piece of JSON Schema.
type schema map[string]any
