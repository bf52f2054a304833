// Package include carries the C headers to Go builds: `go mod vendor` keeps only directories with Go files, and
// because the headers are embedded, Go's build cache notices when one changes and compiles the C core anew.
package include

import "embed"

// Headers are the public C headers, statekeep.h and what it includes.
//
//go:embed *.h
var Headers embed.FS
