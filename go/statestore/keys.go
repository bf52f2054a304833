package statestore

import (
	"fmt"
	"reflect"
	"strings"
)

// keys says where a state type has its ids: index paths for reflect.
type keys struct{ agent, session []int }

func findKeys(state reflect.Type) (keys, error) {
	agent, err := findKey(state, "agent_id")
	if err != nil {
		return keys{}, err
	}
	session, err := findKey(state, "session_id")
	return keys{agent, session}, err
}

func findKey(state reflect.Type, name string) ([]int, error) {
	if state.Kind() == reflect.Struct {
		for _, field := range reflect.VisibleFields(state) {
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if tag == name && field.Type.Kind() == reflect.String && field.IsExported() {
				return field.Index, nil
			}
		}
	}
	return nil, fmt.Errorf("statestore: %v has no string field with the JSON name %s", state, name)
}

func (k keys) of(state reflect.Value) (agentID, sessionID string) {
	return text(state, k.agent), text(state, k.session)
}

// text reads a field; one behind an embedded nil pointer is empty.
func text(state reflect.Value, index []int) string {
	field, err := state.FieldByIndexErr(index)
	if err != nil {
		return ""
	}
	return field.String()
}
