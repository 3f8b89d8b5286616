package htmlpath

// Find returns at most max results in the order of the document. spend is told
// of each unit of work, about one for each element looked at and each 64 bytes
// of text made; an error of it ends the search and is returned.
func (p *Path) Find(d *Doc, max int, spend func(n int) error) ([]Node, error) {
	f := &finder{max: max, spend: spend}
	for _, steps := range p.alternatives {
		if err := f.alternative(d.root, steps); err != nil {
			return nil, err
		}
	}
	return f.out, nil
}

type finder struct {
	max   int
	spend func(int) error
	out   []Node
	err   error // of spend, inside a condition
}

func (f *finder) alternative(root *element, steps []step) error {
	set := []*element{root}
	for i, s := range steps {
		if !selectsElements(s.name) {
			return f.values(set, s)
		}
		next, err := f.next(set, s)
		if err != nil {
			return err
		}
		set = next
		if i == len(steps)-1 {
			return f.elements(set)
		}
	}
	return nil
}

// next takes one step from every element of a set.
func (f *finder) next(set []*element, s step) ([]*element, error) {
	var out []*element
	seen := map[*element]bool{}
	walked := map[*element]bool{}
	for _, e := range set {
		if err := f.step(e, s, seen, walked, &out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// step collects the children, or with // everything below, that fit. What lies
// below an element is walked once however many ways lead there.
func (f *finder) step(e *element, s step, seen, walked map[*element]bool, out *[]*element) error {
	if walked[e] {
		return nil
	}
	walked[e] = true
	if err := f.spend(1 + len(e.children)); err != nil {
		return err
	}
	position := 0
	for _, c := range e.children {
		if c.elem == nil {
			continue
		}
		if s.name == "*" || s.name == c.elem.name {
			position++
			ok, err := f.fits(c.elem, s, position)
			if err != nil {
				return err
			}
			if ok && !seen[c.elem] {
				seen[c.elem] = true
				*out = append(*out, c.elem)
			}
		}
		if s.deep {
			if err := f.step(c.elem, s, seen, walked, out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *finder) fits(e *element, s step, position int) (bool, error) {
	for _, c := range s.conds {
		if f.pay(1); f.err != nil || !c.holds(f, e, position) {
			return false, f.err
		}
	}
	return true, f.err
}

// pay spends, and remembers that it could not.
func (f *finder) pay(n int) {
	if f.err == nil {
		f.err = f.spend(n)
	}
}

// text is the text of an element, "" once there is nothing left to spend.
func (f *finder) text(e *element) string {
	if f.err != nil {
		return ""
	}
	s := e.text()
	f.pay(1 + len(s)/64)
	return s
}

func (f *finder) elements(set []*element) error {
	for _, e := range set {
		if len(f.out) == f.max {
			return nil
		}
		if f.add(Node{e.name, f.text(e), e.attr}); f.err != nil {
			return f.err
		}
	}
	return nil
}

func (f *finder) add(n Node) {
	if len(f.out) < f.max {
		f.out = append(f.out, n)
	}
	f.pay(1)
}

// values collects attributes or texts of the elements, with // also of all below.
func (f *finder) values(set []*element, s step) error {
	if s.deep {
		below, err := f.next(set, step{deep: true, name: "*"})
		if err != nil {
			return err
		}
		set = append(set, below...)
	}
	for _, e := range set {
		if err := f.valuesOf(e, s.name); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) valuesOf(e *element, name string) error {
	if name != "text()" {
		if v, ok := e.attr[name[1:]]; ok {
			f.add(Node{e.name, v, e.attr})
		}
		f.pay(1)
		return f.err
	}
	for _, c := range e.children {
		if c.elem == nil {
			f.add(Node{e.name, c.text, e.attr})
		}
	}
	f.pay(1)
	return f.err
}
