// Package arch holds the table of who may import what, and checks a source tree
// against it. It reads files itself and runs nothing.
//
// The project is a star with leaves: engine imports the standard library only;
// leaves under internal/ import engine at most; every other package imports
// engine and leaves, and no sibling; cmd wires them. A third-party module has
// one owner.
package arch

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the module path of the project.
const Module = "github.com/tqmailrules/tqmailrules"

// Package says what one package may import beside the standard library, engine
// and the leaves under internal/.
type Package struct {
	Project []string // paths below Module, without a leading slash
	Modules []string // third-party modules that it owns
	Tested  []string // third-party modules that its test files compare it with
	NoLeaf  bool     // not even leaves (and, for engine itself, not engine)
}

// Table lists every package that has code. One that is missing here fails.
var Table = map[string]Package{
	"engine":                            {NoLeaf: true},
	"engine/enginetest":                 {NoLeaf: true},
	"engine/mail":                       {Modules: []string{"github.com/jhillyerd/enmime/v2"}},
	"engine/extract":                    {},
	"engine/extract/dictionary":         {},
	"engine/wasm":                       {Project: []string{"engine/wasm/meter"}, Modules: []string{"github.com/tetratelabs/wazero"}},
	"engine/wasm/internal/schema":       {NoLeaf: true},
	"engine/wasm/meter":                 {NoLeaf: true, Tested: []string{"github.com/tetratelabs/wazero"}},
	"engine/unpack":                     {Project: []string{"engine/unpack/task", "engine/unpack/pdf", "engine/unpack/office", "engine/unpack/picture", "engine/unpack/sealed", "engine/unpack/agenda", "engine/unpack/archive", "engine/unpack/mails", "engine/unpack/shortcut", "engine/unpack/smuggled", "engine/unpack/tnef"}},
	"engine/unpack/pdf":                 {Project: []string{"engine/unpack/task"}, Modules: []string{"github.com/pdfcpu/pdfcpu", "golang.org/x/text/unicode/norm"}},
	"engine/unpack/office":              {Project: []string{"engine/unpack/office/crypt", "engine/unpack/office/legacy", "engine/unpack/office/odf", "engine/unpack/office/ooxml", "engine/unpack/office/rtf", "engine/unpack/office/zipped", "engine/unpack/task"}, Tested: []string{"golang.org/x/crypto"}},
	"engine/unpack/office/cell":         {Project: []string{"engine/unpack/office/remark", "engine/unpack/task"}},
	"engine/unpack/office/crypt":        {Project: []string{"engine/unpack/office/markup"}},
	"engine/unpack/office/field":        {Project: []string{"engine/unpack/office/remark", "engine/unpack/task"}},
	"engine/unpack/office/legacy":       {Project: []string{"engine/unpack/office/cell", "engine/unpack/office/crypt", "engine/unpack/office/field", "engine/unpack/office/object", "engine/unpack/office/remark", "engine/unpack/office/vba", "engine/unpack/task"}},
	"engine/unpack/office/markup":       {},
	"engine/unpack/office/object":       {Project: []string{"engine/unpack/office/remark", "engine/unpack/task"}},
	"engine/unpack/office/odf":          {Project: []string{"engine/unpack/office/cell", "engine/unpack/office/markup", "engine/unpack/office/reading", "engine/unpack/office/remark", "engine/unpack/office/vba", "engine/unpack/office/zipped", "engine/unpack/task"}, Modules: []string{"golang.org/x/crypto"}},
	"engine/unpack/office/ooxml":        {Project: []string{"engine/unpack/office/cell", "engine/unpack/office/field", "engine/unpack/office/markup", "engine/unpack/office/reading", "engine/unpack/office/remark", "engine/unpack/office/vba", "engine/unpack/office/zipped", "engine/unpack/task"}},
	"engine/unpack/office/reading":      {Project: []string{"engine/unpack/office/markup", "engine/unpack/office/object", "engine/unpack/office/remark", "engine/unpack/office/zipped", "engine/unpack/task"}},
	"engine/unpack/office/remark":       {Project: []string{"engine/unpack/task"}},
	"engine/unpack/office/rtf":          {Project: []string{"engine/unpack/office/field", "engine/unpack/office/object", "engine/unpack/office/remark", "engine/unpack/task"}},
	"engine/unpack/office/vba":          {Project: []string{"engine/unpack/office/remark", "engine/unpack/task"}},
	"engine/unpack/office/zipped":       {Project: []string{"engine/unpack/task"}},
	"engine/unpack/mails":               {Project: []string{"engine/unpack/task"}},
	"engine/unpack/picture":             {Project: []string{"engine/unpack/task"}, Modules: []string{"github.com/makiuchi-d/gozxing"}},
	"engine/unpack/agenda":              {Project: []string{"engine/unpack/task"}},
	"engine/unpack/shortcut":            {Project: []string{"engine/unpack/task"}},
	"engine/unpack/smuggled":            {Project: []string{"engine/unpack/task"}},
	"engine/unpack/archive":             {Project: []string{"engine/unpack/archive/cabinet", "engine/unpack/archive/disc", "engine/unpack/archive/rar", "engine/unpack/archive/sevenz", "engine/unpack/archive/stream", "engine/unpack/archive/zipfile", "engine/unpack/task"}},
	"engine/unpack/archive/cabinet":     {Project: []string{"engine/unpack/archive/member", "engine/unpack/task"}},
	"engine/unpack/archive/disc":        {Project: []string{"engine/unpack/archive/member", "engine/unpack/task"}},
	"engine/unpack/archive/rar":         {Project: []string{"engine/unpack/archive/codec", "engine/unpack/archive/member", "engine/unpack/task"}, Modules: []string{"github.com/nwaples/rardecode/v2"}},
	"engine/unpack/archive/codec":       {Project: []string{"engine/unpack/task"}, Modules: []string{"github.com/klauspost/compress", "github.com/ulikunitz/xz"}},
	"engine/unpack/archive/member":      {Project: []string{"engine/unpack/task"}},
	"engine/unpack/archive/sevenz":      {Project: []string{"engine/unpack/archive/codec", "engine/unpack/archive/member", "engine/unpack/task"}, Modules: []string{"github.com/bodgit/sevenzip"}},
	"engine/unpack/archive/stream":      {Project: []string{"engine/unpack/archive/codec", "engine/unpack/archive/member", "engine/unpack/task"}},
	"engine/unpack/archive/zipfile":     {Project: []string{"engine/unpack/archive/codec", "engine/unpack/archive/member", "engine/unpack/task"}},
	"engine/unpack/tnef":                {Project: []string{"engine/unpack/task"}},
	"engine/unpack/sealed":              {Project: []string{"engine/unpack/task"}, Modules: []string{"github.com/smallstep/pkcs7", "github.com/ProtonMail/go-crypto"}},
	"engine/unpack/task":                {},
	"engine/unpack/task/tasktest":       {NoLeaf: true, Project: []string{"engine/unpack/task"}},
	"engine/unpack/worker":              {Project: []string{"engine/unpack/task"}},
	"engine/source/files":               {},
	"engine/source/ews":                 {Project: []string{"engine/source/ews/ewssim", "engine/source/ews/ntlm"}}, // the simulator in its tests
	"engine/source/ews/ewssim":          {NoLeaf: true, Modules: []string{"golang.org/x/crypto/md4"}},
	"engine/source/ews/ntlm":            {NoLeaf: true, Modules: []string{"golang.org/x/crypto/md4"}},
	"engine/source/imap":                {Project: []string{"engine/source/imap/imapsim", "engine/source/imap/imaptest"}, Modules: []string{"github.com/emersion/go-imap/v2", "github.com/emersion/go-sasl"}},
	"engine/source/imap/imapsim":        {NoLeaf: true, Modules: []string{"github.com/emersion/go-imap/v2"}},
	"engine/source/imap/imaptest":       {NoLeaf: true, Project: []string{"engine/enginetest"}},
	"engine/sink/sqlite":                {},
	"engine/sink/jsonl":                 {},
	"engine/sink/stix":                  {Project: []string{"engine/sink/stix/stixtest"}}, // in its tests
	"engine/sink/stix/stixtest":         {NoLeaf: true},
	"engine/sink/threatq":               {Project: []string{"engine/sink/threatq/threatqsim", "engine/sink/threatq/wire"}}, // the simulator in its tests
	"engine/sink/threatq/threatqsim":    {Project: []string{"engine/sink/threatq/wire"}},
	"engine/sink/threatq/wire":          {NoLeaf: true},
	"engine/store/mem":                  {},
	"engine/store/sqlite":               {},
	"rules":                             {Modules: []string{"github.com/expr-lang/expr"}},
	"rules/ruletest":                    {Project: []string{"rules"}},
	"internal/arch":                     {NoLeaf: true},
	"internal/multimatch":               {NoLeaf: true},
	"internal/names":                    {NoLeaf: true, Modules: []string{"golang.org/x/net/publicsuffix", "golang.org/x/net/idna"}},
	"internal/htmltext":                 {NoLeaf: true, Modules: []string{"golang.org/x/net/html"}},
	"internal/blobdir":                  {NoLeaf: true},
	"internal/cms":                      {NoLeaf: true},
	"internal/cfb":                      {Project: []string{"internal/cfb/cfbtest"}, Tested: []string{"github.com/richardlehane/mscfb"}},
	"internal/cfb/cfbtest":              {NoLeaf: true},
	"internal/charset":                  {NoLeaf: true, Modules: []string{"golang.org/x/text", "github.com/gogs/chardet"}},
	"internal/dial":                     {NoLeaf: true},
	"internal/dial/dialtest":            {NoLeaf: true, Project: []string{"engine/enginetest"}},
	"internal/mailbox":                  {},
	"internal/mbox":                     {NoLeaf: true},
	"internal/outlook":                  {Project: []string{"internal/outlook/msg/msgtest"}},
	"internal/outlook/msg":              {Project: []string{"internal/outlook/msg/msgtest"}},
	"internal/outlook/msg/msgtest":      {},
	"internal/outlook/pst":              {Project: []string{"internal/outlook/pst/psttest"}}, // the writer in its tests
	"internal/outlook/pst/coding":       {NoLeaf: true},
	"internal/outlook/pst/psttest":      {Project: []string{"internal/outlook/pst/coding"}},
	"internal/oauth":                    {Modules: []string{"golang.org/x/oauth2"}},
	"internal/filetype":                 {NoLeaf: true},
	"internal/fold":                     {NoLeaf: true},
	"internal/htmlpath":                 {NoLeaf: true, Modules: []string{"golang.org/x/net/html"}}, // the one exception: htmltext is a pass, htmlpath a tree
	"internal/yamlfile":                 {NoLeaf: true, Modules: []string{"go.yaml.in/yaml/v3"}},
	"internal/warninglist":              {},
	"internal/sqlitedb":                 {NoLeaf: true, Modules: []string{"modernc.org/sqlite"}},
	"cmd/tqmailrules":                   {Project: []string{"*"}},
	"cmd/tqmailrules/internal/extkit":   {Project: []string{"engine/wasm", "wasm-extractors"}},
	"cmd/tqmailrules/internal/report":   {Project: []string{"cmd/tqmailrules/internal/ui"}},
	"cmd/tqmailrules/internal/ui":       {Modules: []string{"golang.org/x/term"}},
	"cmd/tqmailrules/internal/settings": {},
	"examples":                          {NoLeaf: true},
	"wasm-extractors":                   {NoLeaf: true, Project: []string{"engine/wasm", "engine/mail", "engine/extract"}}, // its tests run the modules
	"wasm-extractors/sdk/go":            {NoLeaf: true},
}

// Test files may use these in any package.
var testModules = []string{"github.com/google/go-cmp", "github.com/rogpeppe/go-internal"}

// Test files may import these packages of the project from anywhere.
var testPackages = []string{"engine/enginetest", "engine/store/mem", "engine/unpack/task/tasktest", "engine/mail", "engine/extract"} // the last two: what speeds are compared on, and with

// Violation is one import that the table does not allow.
type Violation struct {
	File   string // slash-separated, below the root
	Line   int
	Import string
	Why    string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: imports %s: %s", v.File, v.Line, v.Import, v.Why)
}

// Check reads every Go file of the tree and returns what table does not allow,
// sorted. Folders with a go.mod of their own, testdata and hidden folders are
// left out.
func Check(tree fs.FS, table map[string]Package) ([]Violation, error) {
	var all []Violation
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(tree, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		found, err := checkFile(tree, name, table)
		all = append(all, found...)
		return err
	})
	slices.SortFunc(all, func(a, b Violation) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return all, err
}

func skipped(tree fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func checkFile(tree fs.FS, name string, table map[string]Package) ([]Violation, error) {
	src, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	dir := path.Dir(name)
	pkg, listed := table[dir]
	if !listed {
		return []Violation{{name, 1, dir, "the package is not in the table of internal/arch"}}, nil
	}
	var found []Violation
	for _, imp := range file.Imports {
		target, _ := strconv.Unquote(imp.Path.Value)
		if why := refuse(dir, pkg, target, strings.HasSuffix(name, "_test.go")); why != "" {
			found = append(found, Violation{name, set.Position(imp.Pos()).Line, target, why})
		}
	}
	return found, nil
}

// refuse says why a package may not import target; "" when it may.
func refuse(dir string, pkg Package, target string, test bool) string {
	if own, inside := strings.CutPrefix(target, Module+"/"); inside {
		return refuseProject(dir, pkg, own, test)
	}
	if !strings.Contains(strings.SplitN(target, "/", 2)[0], ".") {
		return "" // standard library
	}
	allowed := slices.Clone(pkg.Modules)
	if test {
		allowed = append(allowed, pkg.Tested...)
	}
	if test || dir == "engine/enginetest" {
		allowed = append(allowed, testModules...)
	}
	if slices.ContainsFunc(allowed, under(target)) {
		return ""
	}
	return "third-party modules have one owner, and it is not " + dir
}

func under(target string) func(string) bool {
	return func(module string) bool { return target == module || strings.HasPrefix(target, module+"/") }
}

func refuseProject(dir string, pkg Package, own string, test bool) string {
	leaf := strings.HasPrefix(own, "internal/")
	switch {
	case own == dir || strings.HasPrefix(own, dir+"/internal/"):
	case slices.Contains(pkg.Project, "*") || slices.Contains(pkg.Project, own):
	case own == "engine" && dir != "engine":
	case leaf && (!pkg.NoLeaf || test):
	case test && (slices.Contains(testPackages, own) || own == "engine"):
	case dir == "engine":
		return "engine imports the standard library only"
	case leaf:
		return "a leaf imports no other leaf"
	default:
		return "siblings do not know each other: cmd injects what one needs of another"
	}
	return ""
}
