package statekeep

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// What the README's examples take for granted.
const readmeHead = `package main

import (
	"context"
	"io"
	"log"

	"readme/sdk"

	statekeep "github.com/statekeep/statekeep/go"
	"github.com/statekeep/statekeep/go/statestore"
)

type Person struct {
	ID   int
	Name string
}

var (
	ctx         context.Context
	store       *statekeep.Store
	checkpoints *statekeep.Checkpoint
	state       struct{ Step int }
	changed     any
	id, count   int
	name        string
	reader      io.Reader
	connString  string
	_           = log.Fatal
)

func main() {}
`

const readmeMod = `module readme

go 1.19

require github.com/statekeep/statekeep v0.0.0

replace github.com/statekeep/statekeep => `

var (
	readmeBlock    = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	readmeVariable = regexp.MustCompile(`(?m)^([\w, ]+) :=`)
)

// Statements become the body of a function that uses whatever they declare; declarations stay as they are.
func readmeCode(number int, block string) string {
	block = strings.ReplaceAll(block, "{ … }", "{ return nil }")
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+block, 0); err == nil {
		return block
	}
	var uses strings.Builder
	for _, found := range readmeVariable.FindAllStringSubmatch(block, -1) {
		names := strings.Split(found[1], ", ")
		fmt.Fprintf(&uses, "%s = %s\n", strings.TrimSuffix(strings.Repeat("_, ", len(names)), ", "), found[1])
	}
	return fmt.Sprintf("func example%d() {\n%s%s}\n", number, block, uses.String())
}

// The examples of the README compile; those of example_test.go run.
func TestReadmeCompiles(t *testing.T) {
	text, err := os.ReadFile("README.md")
	must(t, err)
	root, err := filepath.Abs("..")
	must(t, err)
	blocks := readmeBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no examples")
	}
	code := readmeHead
	for number, block := range blocks {
		code += "\n" + readmeCode(number, block[1])
	}
	directory := t.TempDir()
	must(t, os.Mkdir(filepath.Join(directory, "sdk"), 0o700))
	for name, content := range map[string]string{
		"go.mod":     readmeMod + root + "\n",
		"main.go":    code,
		"sdk/sdk.go": "package sdk\n\ntype AgentState struct{}\n",
	} {
		must(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	command := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), "build", ".")
	command.Dir = directory
	command.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
