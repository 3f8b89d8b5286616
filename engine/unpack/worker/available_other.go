//go:build !unix

package worker

// Available tells whether files can be handed to a process here, which a Pool
// needs.
const Available = false
