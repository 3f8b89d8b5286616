package codec_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/codec"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

func TestWindowsThatAreTooLargeAreRefused(t *testing.T) {
	lzma := binary.LittleEndian.AppendUint32([]byte{93}, 1<<31)
	for name, open := range map[string]func() (io.Reader, error){
		"lzma": func() (io.Reader, error) {
			return codec.LZMA(bytes.NewReader(append(lzma, bytes.Repeat([]byte{0xff}, 64)...)))
		},
		"lzma2": func() (io.Reader, error) { return codec.LZMA2(40, bytes.NewReader(nil)) },
		"lzip": func() (io.Reader, error) {
			return codec.Lzip(bytes.NewReader([]byte("LZIP\x01\x1d0123456789012345678901234567890"))), nil
		},
		"zstd": func() (io.Reader, error) { // a frame header with a window of 2 GiB
			r, err := codec.Zstd(bytes.NewReader([]byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00")))
			return r, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := open()
			if err == nil {
				_, err = io.ReadAll(r)
			}
			var own *task.Trouble
			if !errors.As(err, &own) || own.Code != engine.DefectUnpackMemory {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzDeflate64 holds streams without what is new in Deflate64 against the
// standard library.
func FuzzDeflate64(f *testing.F) {
	f.Add([]byte("some text, some text"))
	f.Add(bytes.Repeat([]byte("a"), 100_000))
	f.Fuzz(func(t *testing.T, b []byte) {
		io.Copy(io.Discard, io.LimitReader(codec.Deflate64(bytes.NewReader(b)), 4<<20)) // any bytes
		var packed bytes.Buffer
		w, _ := flate.NewWriter(&packed, 6)
		w.Write(b[:min(len(b), 200)]) // no match is as long as 258, which is coded otherwise
		w.Close()
		got, err := io.ReadAll(codec.Deflate64(&packed))
		if err != nil || !bytes.Equal(got, b[:min(len(b), 200)]) {
			t.Errorf("%d bytes came back as %d, %v", len(b), len(got), err)
		}
	})
}
