package meter

// Limits are the caps on a module. A field that is zero has the default in its
// comment.
type Limits struct {
	Bytes         int // of the file: 16 MiB
	Types         int // 10,000
	Values        int // parameters of one type, and results of one type: 1,000
	Imports       int // 1,000
	Functions     int // imported and defined: 100,000
	Exports       int // 10,000
	Globals       int // 10,000
	Tables        int // 16
	TableEntries  int // of all tables together, and of all element segments: 1 Mi
	Segments      int // data and element segments together: 100,000
	Code          int // bytes of one function: 1 MiB
	Locals        int // of one function, parameters included: 10,000
	Nesting       int // blocks inside each other: 4,096
	BranchTargets int // of one br_table, the default included: 4,096
	Pages         int // of memory, 64 KiB each: 1,024
	Stack         int // bytes of frames, before the host says otherwise: 8 MiB

	// Branches is the cap on branches of one function: 7,000. A compiler's time grows
	// with their square, so the squares of all functions together may be no more than
	// the square of this. Each if, else, br_if and br_table is a branch, a loop is
	// two, a bulk operation (memory.grow, too) four; 4 blocks make one more, and so do
	// 4 targets of a br_table and 16 operands that calls take and return or that
	// branches take along.
	Branches int

	// Lookups is the cap on the steps in which a compiler finds out which value a
	// local has where one function reads it, by an estimate: 2,000,000. All functions
	// together may need 4 times as many.
	Lookups int

	// Heavy is the cap on the KiB that a compiler needs for calls, divisions,
	// conversions that may trap, and accesses to tables of one function, by an
	// estimate: 100,000. All functions together may need 4 times as much.
	Heavy int
}

// maxPages is the size of a 32-bit address space in pages.
const maxPages = 1 << 16

func (l Limits) orDefault() Limits {
	return Limits{
		Bytes:         or(l.Bytes, 16<<20),
		Types:         or(l.Types, 10_000),
		Values:        or(l.Values, 1_000),
		Imports:       or(l.Imports, 1_000),
		Functions:     or(l.Functions, 100_000),
		Exports:       or(l.Exports, 10_000),
		Globals:       or(l.Globals, 10_000),
		Tables:        or(l.Tables, 16),
		TableEntries:  or(l.TableEntries, 1<<20),
		Segments:      or(l.Segments, 100_000),
		Code:          or(l.Code, 1<<20),
		Locals:        or(l.Locals, 10_000),
		Nesting:       or(l.Nesting, 4_096),
		BranchTargets: or(l.BranchTargets, 4_096),
		Pages:         min(or(l.Pages, 1_024), maxPages),
		Branches:      or(l.Branches, 7_000),
		Lookups:       or(l.Lookups, 2_000_000),
		Heavy:         or(l.Heavy, 100_000),
		Stack:         or(l.Stack, 8<<20),
	}
}

func or(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}
