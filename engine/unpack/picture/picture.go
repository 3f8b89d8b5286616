// Package picture reads two-dimensional codes in pictures: QR codes, which
// attackers use to carry an address past whatever reads text. It reads no
// letters.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders of the formats that mail programs show
	_ "image/jpeg"
	_ "image/png"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/multi/qrcode"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Caps on what is looked at.
const (
	maxFile   = 32 << 20
	maxPixels = 24 << 20 // of a picture before it is decoded
	minSide   = 21       // modules of the smallest code
	workSide  = 1200     // larger pictures are looked at in this size
)

// Read is a task.Reader of PNG, JPEG and GIF.
func Read(ctx context.Context, t *task.Task) error {
	raw, err := t.Bytes(maxFile)
	if err != nil {
		return err
	}
	if err := Codes(ctx, t, raw, ""); err != nil && !errors.Is(err, image.ErrFormat) {
		return err
	}
	return nil
}

// Codes notes the codes of a picture in its file format. place names where it
// stands; "" when it is the file itself.
func Codes(ctx context.Context, t *task.Task, raw []byte, place string) error {
	head, _, err := image.DecodeConfig(bytes.NewReader(raw))
	switch {
	case err != nil:
		return err
	case head.Width < minSide || head.Height < minSide:
		return nil
	case head.Width > maxPixels/head.Height:
		return fmt.Errorf("a picture of %d by %d points: %w", head.Width, head.Height, engine.ErrLimit)
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	Look(ctx, t, grey(img), place)
	return nil
}

// Look notes the codes of a picture.
func Look(ctx context.Context, t *task.Task, img *image.Gray, place string) {
	for _, payload := range read(ctx, img) {
		t.QR(payload)
		where := "QR code"
		if place != "" {
			where = place + ", QR code"
		}
		t.Text.At(where)
		t.Text.Line(payload)
	}
}

// read tries a picture as it is and, if that gives nothing, inverted and in half
// its size, in which a coarse photograph is smoother.
func read(ctx context.Context, img *image.Gray) []string {
	img = shrink(img, workSide)
	for i, try := range []func(*image.Gray) *image.Gray{same, inverted, half} {
		if ctx.Err() != nil || i == 1 && !suspicious(img) {
			return nil
		}
		if found := decode(try(img)); len(found) > 0 {
			return found
		}
	}
	return nil
}

func decode(img *image.Gray) (found []string) {
	b := img.Bounds()
	if b.Dx() < minSide || b.Dy() < minSide || !contrasts(img) {
		return nil
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return nil
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	results, err := qrcode.NewQRCodeMultiReader().DecodeMultiple(bitmap, hints)
	if err != nil {
		return nil // there is none
	}
	for _, r := range results {
		found = append(found, r.GetText())
	}
	return found
}

// contrasts tells whether there is light and dark enough for a code: most logos
// and photographs of one tone are left at once.
func contrasts(img *image.Gray) bool {
	low, high := byte(255), byte(0)
	for i := 0; i < len(img.Pix); i += 7 {
		low, high = min(low, img.Pix[i]), max(high, img.Pix[i])
	}
	return int(high)-int(low) > 40
}
