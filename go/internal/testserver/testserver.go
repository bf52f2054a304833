// Package testserver gives the tests of a package one PostgreSQL server.
package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Run calls tests with the DSN of a server, $STATEKEEP_TEST_DSN or an embedded one in a directory of its own, which it
// deletes afterwards; it gives what tests gave.
func Run(tests func(dsn string) int) int {
	if dsn := os.Getenv("STATEKEEP_TEST_DSN"); dsn != "" {
		return tests(dsn)
	}
	directory, err := os.MkdirTemp("", "statekeep-go")
	if err == nil {
		err = os.Chmod(directory, 0o755) // as root the server runs under another account, which has to get through
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := tests("embedded:" + filepath.Join(directory, "server") + "?linger_ms=500")
	// The server stops by itself once its last user is gone; until then it writes into the directory.
	lock := filepath.Join(directory, "server", "data", "postmaster.pid")
	for tries := 0; tries < 500; tries++ {
		if _, err := os.Stat(lock); os.IsNotExist(err) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.RemoveAll(directory)
	return code
}
