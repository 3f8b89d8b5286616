package engine

// Decision is a plan folded by the combination rule of each action.
type Decision struct{}
