package sqlite

import "context"

// Cursor returns where a source continues; nil when it never said.
func (s *Store) Cursor(ctx context.Context, source string) (value []byte, err error) {
	err = s.look(ctx, func(t *tx) {
		t.get("SELECT value FROM cursors WHERE source = ?", []any{source}, &value)
	})
	return value, err
}

// SetCursor makes durable where a source continues.
func (s *Store) SetCursor(ctx context.Context, source string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return s.change(ctx, s.full, func(t *tx) {
		t.exec("INSERT INTO cursors (source, value) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET value = excluded.value", source, value)
	})
}
