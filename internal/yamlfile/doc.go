// Package yamlfile reads YAML that people write, and talks to them about it.
//
// A Node knows where it stands, and a scalar knows where each of its bytes
// stands: Node.At maps an offset of the decoded text to a line and column of
// the file, through quotes, escapes, folding and block indentation. On that
// rest Diagnostics, which show the line, a caret, what was expected and the
// nearest name, all of them at once.
//
// The dialect is the strict part of YAML 1.2 that a careful author uses: one
// document, UTF-8, no duplicate keys, no merge keys, no cyclic aliases, and
// aliases that expand to a bounded number of nodes.
//
// The package knows no words of any particular file. It never opens a file,
// never prints, and never guesses: what it cannot place it places at the start
// of the node.
package yamlfile
