package statekeep

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const consumerMain = `package main

import (
	"context"
	"fmt"
	"os"

	statekeep "github.com/statekeep/statekeep/go"
	"github.com/statekeep/statekeep/go/statestore"
)

type state struct {
	Agent   string ` + "`json:\"agent_id\"`" + `
	Session string ` + "`json:\"session_id\"`" + `
}

func main() {
	store, err := statestore.Open[state](context.Background(), statestore.Config{ConnString: os.Args[1]})
	if err == nil {
		defer store.Close()
		err = store.Save(context.Background(), &state{"packaging", "test"})
	}
	fmt.Println(statekeep.Version(), err)
}
`

const consumerMod = `module consumer

go 1.19

require github.com/statekeep/statekeep v0.0.0

replace github.com/statekeep/statekeep => `

// A program of somebody else builds the core with nothing but Go, a C compiler and the libraries, also when it vendors;
// without cgo the build says what is missing.
func TestConsumerBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the core anew")
	}
	root, err := filepath.Abs("..")
	must(t, err)
	directory := t.TempDir()
	must(t, os.WriteFile(filepath.Join(directory, "main.go"), []byte(consumerMain), 0o600))
	must(t, os.WriteFile(filepath.Join(directory, "go.mod"), []byte(consumerMod+root+"\n"), 0o600))
	run := func(environment string, arguments ...string) (string, error) {
		command := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), arguments...)
		command.Dir = directory
		command.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=", environment)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	output, err := run("CGO_ENABLED=0", "build", "-o", "without", ".")
	if err == nil || !strings.Contains(output, "statekeep_needs_CGO_ENABLED_1_and_a_C_compiler") {
		t.Errorf("without cgo: %v\n%s", err, output)
	}
	if output, err = run("", "mod", "vendor"); err != nil {
		t.Fatalf("go mod vendor: %v\n%s", err, output)
	}
	if output, err = run("", "build", "-mod=vendor", "-o", "program", "."); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	answer, err := exec.Command(filepath.Join(directory, "program"), testDSN).CombinedOutput()
	if want := Version() + " <nil>\n"; err != nil || string(answer) != want {
		t.Errorf("the program said %q, %v; want %q", answer, err, want)
	}
}
