// Package src compiles the C core as part of a Go build: Go compiles each C file beside this one and notices when one
// changes. It has no Go interface; the package statekeep, which imports it, calls the symbols when all is linked.
package src

/*
#cgo pkg-config: libpq libcjson
#cgo CFLAGS: -std=c11 -D_GNU_SOURCE -fvisibility=hidden -I${SRCDIR}/../include
#cgo LDFLAGS: -pthread
*/
import "C"

import _ "github.com/statekeep/statekeep/core/include" // the headers, kept when vendored and watched by the build cache
