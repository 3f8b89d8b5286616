package dictionary

// choose returns which of several things of one name a candidate is: the one whose
// kind a word beside it names, else the first that may be written so.
func (s *scan) choose(c candidate) int32 {
	if hint := s.hintBeside(&c); hint != "" {
		original := s.text[c.start:c.end]
		for f := c.form; f >= 0; f = s.forms[f].next {
			if s.cfg.Entries[s.forms[f].entry].Type == hint && (s.forms[f].flags&exact == 0 || asWritten(original, s.forms[f].text)) {
				return f
			}
		}
	}
	return c.form
}

// hintBeside returns the type that the nearest of the words beside a name hints at.
func (s *scan) hintBeside(c *candidate) string {
	before, after := s.tokensBefore(c), s.tokensAfter(c)
	for i := range 2 {
		if i < len(after) {
			if m := s.meaningOf(after[i]); m.hint != 0 {
				return m.hint.kind()
			}
		}
		if i < len(before) {
			if m := s.meaningOf(before[i]); m.hint != 0 {
				return m.hint.kind()
			}
		}
	}
	return ""
}
