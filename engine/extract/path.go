package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// windowsPath reads a path or registry key that starts in the word at start:
// "C:\x", "\\server\share", "%APPDATA%\x", "HKLM\x". They may hold spaces, so
// they are read from the text itself. It returns where to go on, 0 for none.
func (s *scanner) windowsPath(start, end int) int {
	t := s.text
	for i := start; i < end; i++ {
		if strings.HasPrefix(t[i:end], `\\?\`) { // a path as the kernel wants it
			i += len(`\\?\`) - 1
			continue
		}
		if i > start && (isAlnum(t[i-1]) || t[i-1] == ':' && t[i]|0x20 != 'h') {
			continue // "https:\\host": slashes to a browser
		}
		switch typ := pathStart(t[i:min(len(t), i+40)]); typ {
		case "":
			if t[i] == '\\' && i > start {
				return 0 // a backslash inside a word that is no path
			}
		default:
			stop := pathEnd(t, i)
			if stop-i < 4 {
				return 0
			}
			s.before(start, i)
			s.path(typ, i, stop)
			return stop
		}
	}
	return 0
}

// before reads what stands in a word before the path in it.
func (s *scanner) before(start, end int) {
	if end-start < 5 {
		return
	}
	s.word, s.start, s.at = s.text[start:end], start, nil
	s.unit()
}

// pathStart tells what starts here.
func pathStart(t string) string {
	switch {
	case len(t) > 3 && isLetter(t[0]) && t[1] == ':' && t[2] == '\\' && t[3] != '\\' && class[t[3]] != space:
		return typeFilePath
	case len(t) > 4 && isLetter(t[0]) && t[1] == ':' && t[2] == '\\' && t[3] == '\\' && isAlnum(t[4]):
		return typeFilePath
	case len(t) > 4 && isLetter(t[0]) && t[1] == ':' && t[2] == '/' && isAlnum(t[3]):
		return typeFilePath
	case len(t) > 8 && t[0] == '$' && strings.EqualFold(t[:5], "$env:"):
		if k := strings.IndexByte(t, '\\'); k > 6 && variable(t[5:k]) {
			return typeFilePath
		}
	case share(t):
		return typeFilePath
	case t[0] == '%':
		if k := strings.IndexByte(t[1:], '%'); k > 1 && len(t) > k+3 && t[k+2] == '\\' && variable(t[1:k+1]) {
			return typeFilePath
		}
	case t[0]|0x20 == 'h' && registryRoot(t):
		return typeRegKey
	}
	return ""
}

// share tells whether "\\server\name" starts here; escapes of programs such as
// "\\d+\\n" have one letter, or double every backslash.
func share(t string) bool {
	if len(t) < 6 || t[0] != '\\' || t[1] != '\\' {
		return false
	}
	k := strings.IndexByte(t[2:], '\\')
	if k < 2 || k+3 >= len(t) || t[k+3] == '\\' || class[t[k+3]] == space {
		return false
	}
	for i := 2; i < k+2; i++ {
		if t[i] >= 0x80 || !hostByte[t[i]] && t[i] != '@' { // WebDAV: "\\host@SSL\x", "\\host@8080\x"
			return false
		}
	}
	return true
}

// drive tells whether a word has "X:/" at its start, past a quote or bracket.
func drive(w string) bool {
	if len(w) > 5 && !isAlnum(w[0]) {
		w = w[1:]
	}
	return len(w) > 4 && isLetter(w[0]) && w[1] == ':' && w[2] == '/' && isAlnum(w[3])
}

func variable(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) && strings.IndexByte("_()", s[i]) < 0 {
			return false
		}
	}
	return true
}

func registryRoot(t string) bool {
	k := strings.IndexByte(t, '\\')
	if k < 3 || len(t) < k+2 || class[t[k+1]] == space {
		return false
	}
	switch strings.ToUpper(strings.TrimSuffix(t[:k], ":")) {
	case "HKLM", "HKCU", "HKU", "HKCR", "HKCC", "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER", "HKEY_USERS", "HKEY_CLASSES_ROOT", "HKEY_CURRENT_CONFIG":
		return true
	}
	return false
}

// maxPath is the longest path, in bytes.
const maxPath = 1024

// pathEnd finds the end of a path. A space belongs to it when words in capitals
// lead to a next backslash ("Program Files\", "Windows NT\") or to the rest of
// a file name with a known extension.
func pathEnd(t string, i int) int {
	limit := min(len(t), i+maxPath)
	end := i
	quote := byte(0)
	if i > 0 && (t[i-1] == '"' || t[i-1] == '\'' || t[i-1] == '`') {
		quote = t[i-1]
	}
	if quote != 0 {
		if k := strings.IndexByte(t[i:limit], quote); k > 0 && strings.IndexFunc(t[i:i+k], unicode.IsControl) < 0 {
			return i + k
		}
	}
	for end < limit {
		c := t[end]
		if c >= utf8.RuneSelf && ideographStarts(t[end:limit]) && knownFile(t[i+strings.LastIndexAny(t[i:end], `\/`)+1:end]) {
			break // the sentence goes on, in a script without spaces
		}
		if c == ' ' {
			next := spacedSegment(t, end, limit)
			if next == 0 {
				break
			}
			end = next
			continue
		}
		if n := placeholder(t[end:limit]); n > 0 {
			end += n
			continue
		}
		if c < ' ' || c == 0x7f || strings.IndexByte("\"<>|*?`;,", c) >= 0 {
			break
		}
		if c == '\'' && quote == '\'' || c == ')' && strings.LastIndexByte(t[i:end], '(') < 0 || c == ':' && end > i+1 && t[i] != '$' && !(t[i]|0x20 == 'h' && t[end-1] != '\\') {
			break
		}
		end++
	}
	for end > i && strings.IndexByte(".:!')]}", t[end-1]) >= 0 && !closesOwn(t[i:end]) {
		end--
	}
	return end
}

// closesOwn tells whether a path ends in a bracket that was opened in it, as
// that of a class identifier is.
func closesOwn(path string) bool {
	switch path[len(path)-1] {
	case ')':
		return strings.IndexByte(path, '(') >= 0
	case '}':
		return strings.IndexByte(path, '{') >= 0
	case ']':
		return strings.IndexByte(path, '[') >= 0
	}
	return false
}

// placeholder returns the length of "<user>" or "*" as a whole segment of a path.
func placeholder(t string) int {
	if len(t) > 2 && t[0] == '*' && t[1] == '\\' {
		return 1
	}
	if len(t) < 4 || t[0] != '<' {
		return 0
	}
	n := 1
	for n < len(t) && n < 24 && (isAlnum(t[n]) || t[n] == '_' || t[n] == '-' || t[n] == ' ') {
		n++
	}
	if n < 2 || n+1 >= len(t) || t[n] != '>' || t[n+1] != '\\' {
		return 0
	}
	return n + 1
}

// spacedSegment returns where the backslash after the words at a space is.
func spacedSegment(t string, i, limit int) int {
	words := 0
	for k := i; k < limit && k-i < 48; k++ {
		switch c := t[k]; {
		case c == '\\':
			return k
		case c == ' ':
			if words++; words > 3 || k+1 >= limit {
				return 0
			}
			n := t[k+1]
			if !(n >= 'A' && n <= 'Z' || isDigit(n) || n == '(' || strings.HasPrefix(t[k+1:], "and ")) {
				return 0
			}
		case c < ' ' || c >= 0x80 || strings.IndexByte("\"<>|*?`;,:'=", c) >= 0:
			return 0
		}
	}
	return 0
}

// path reports a path or key, and the file that a path names.
func (s *scanner) path(typ string, i, j int) {
	value, ok := forms[typ](s.text[i:j])
	if !ok || typ == typeFilePath && strings.HasPrefix(value, `\\.`) {
		return
	}
	f := *s.emitSpan(typ, value, i, j, 0)
	if name := value[strings.LastIndexAny(value, `\/`)+1:]; typ == typeFilePath && knownFile(name) {
		s.derive(f, typeFilename, name, 0)
	}
}

func knownFile(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && len(name) <= 255 && extensions[lowerASCII(name[dot+1:])]
}

// unixPath reports an absolute path below a directory that systems have, or
// below the home directory.
func (s *scanner) unixPath(i, j int) bool {
	w := s.word
	if w[i] != '/' {
		return s.variablePath(i, j)
	}
	if i > 0 && w[i-1] == '.' && (i < 2 || w[i-2] != '.') { // "./x/y.json"
		if name := i + strings.LastIndexByte(w[i:j], '/') + 1; knownFile(w[name:j]) {
			s.file(name, j)
		}
		return true
	}
	if k := s.homeBefore(i); k < i {
		i = k
	} else if !systemDirectory(w[i:j]) || i > 0 && (isAlnum(w[i-1]) || w[i-1] == '<') {
		return false
	}
	if j-i > maxPath {
		return true
	}
	f := *s.emit(typeFilePath, w[i:j], i, j, 0)
	f.Flags &^= engine.Defanged
	if name := w[i:j][strings.LastIndexByte(w[i:j], '/')+1:]; knownFile(name) {
		s.derive(f, typeFilename, name, 0)
	}
	return true
}

// homeBefore returns where "~" or "${HOME}" before the slash at i begins, i if
// there is none.
func (s *scanner) homeBefore(i int) int {
	w := s.word
	if i > 0 && w[i-1] == '~' {
		return i - 1
	}
	if i < 5 || w[i-1] != '}' {
		return i
	}
	k := i - 2
	for k > 1 && i-k < 24 && (w[k] >= 'A' && w[k] <= 'Z' || w[k] == '_') {
		k--
	}
	if k < i-2 && w[k] == '{' && k > 0 && w[k-1] == '$' && (k == 1 || w[k-2] != '/') {
		return k - 1
	}
	return i
}

// variablePath reports "$HOME/.config/x".
func (s *scanner) variablePath(i, j int) bool {
	w := s.word
	k := i
	for k < j && (w[k] >= 'A' && w[k] <= 'Z' || w[k] == '_') {
		k++
	}
	if i == 0 || w[i-1] != '$' || k-i < 2 || k+1 >= j || w[k] != '/' || j-i >= maxPath {
		return false
	}
	f := *s.emit(typeFilePath, w[i-1:j], i-1, j, 0)
	if name := w[i:j][strings.LastIndexByte(w[i:j], '/')+1:]; knownFile(name) {
		s.derive(f, typeFilename, name, 0)
	}
	return true
}

func systemDirectory(p string) bool {
	head, rest, ok := strings.Cut(p[1:], "/")
	if !ok || rest == "" || len(p) > maxPath {
		return false
	}
	switch head {
	case "etc", "tmp", "var", "usr", "home", "opt", "bin", "sbin", "dev", "root", "proc", "mnt", "srv", "lib", "lib64", "run", "boot", "sys",
		"Users", "Library", "Applications", "System", "private", "Volumes", "data", "sdcard", "storage", "system":
		return true
	}
	return false
}
