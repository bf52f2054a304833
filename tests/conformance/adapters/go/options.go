package main

import (
	"encoding/json"
	"fmt"
	"time"

	statekeep "github.com/statekeep/statekeep/go"
)

// options are a store's options by their names in C. The Go package has a typed field for each, so what cannot be put
// into its field is refused here as the compiler would refuse it there.
type options map[string]json.RawMessage

func (o options) convert() (statekeep.Options, error) {
	var converted statekeep.Options
	milliseconds := map[string]*time.Duration{
		"deadline_ms":   &converted.Deadline,
		"connect_ms":    &converted.ConnectTimeout,
		"lock_ms":       &converted.LockTimeout,
		"queue_ms":      &converted.QueueTimeout,
		"lease_idle_ms": &converted.LeaseIdle,
	}
	numbers := map[string]*int{
		"connections":    &converted.Connections,
		"queue":          &converted.Queue,
		"queue_bytes":    &converted.QueueBytes,
		"batch":          &converted.Batch,
		"batch_bytes":    &converted.BatchBytes,
		"argument_bytes": &converted.ArgumentBytes,
	}
	for name, raw := range o {
		var err error
		var number int
		switch {
		case name == "tables":
			err = json.Unmarshal(raw, &converted.Tables)
		case milliseconds[name] != nil:
			err = json.Unmarshal(raw, &number)
			*milliseconds[name] = time.Duration(number) * time.Millisecond
			if name == "lease_idle_ms" && number == 0 {
				converted.LeaseIdle = -1 // for ever
			}
		case numbers[name] != nil:
			err = json.Unmarshal(raw, numbers[name])
			if err == nil && *numbers[name] == 0 {
				err = fmt.Errorf("0 stands for the default")
			}
		default:
			err = fmt.Errorf("there is no such field")
		}
		if err != nil {
			return converted, &statekeep.Error{Status: statekeep.Invalid, Message: fmt.Sprintf("%s: %v", name, err)}
		}
	}
	return converted, nil
}
