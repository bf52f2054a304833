//go:build !cgo

package statekeep

// The core is C, so a build without cgo stops here, at a name that says why.
var _ = statekeep_needs_CGO_ENABLED_1_and_a_C_compiler
