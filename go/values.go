//go:build cgo

package statekeep

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// elementOIDs gives the element of an array type.
var elementOIDs = func() map[uint32]uint32 {
	elements := make(map[uint32]uint32, len(arrayOIDs))
	for element, array := range arrayOIDs {
		elements[array] = element
	}
	return elements
}()

// goValue is the Go value of a cell: see Rows.
func goValue(oid uint32, cell any) any {
	text, isText := cell.(string)
	if number, isNumber := cell.(json.Number); isNumber {
		text, isText = number.String(), true
	}
	if list, isList := cell.([]any); isList {
		values := make([]any, len(list))
		for i, element := range list {
			values[i] = goValue(oid, element)
		}
		return values
	}
	if !isText {
		return cell
	}
	if element := elementOIDs[oid]; element != 0 {
		if list, err := parseArray(text); err == nil {
			return goValue(element, list)
		}
		return text
	}
	if value, err := textValue(oid, text); err == nil {
		return value
	}
	return text
}

// textValue reads the server's text of a value that is no array.
func textValue(oid uint32, text string) (any, error) {
	switch oid {
	case oidBool:
		return text == "t", nil
	case oidInt2, oidInt4, oidInt8, oidOID:
		return strconv.ParseInt(text, 10, 64)
	case oidFloat4, oidFloat8:
		return strconv.ParseFloat(text, 64)
	case oidNumeric:
		return json.Number(text), nil
	case oidBytea:
		return parseBytea(text)
	case oidJSON, oidJSONB:
		return json.RawMessage(text), nil
	case oidDate, oidTimestamp, oidTimestamptz:
		return parseTime(oid, text)
	}
	return text, nil
}

func parseTime(oid uint32, text string) (time.Time, error) {
	layout := "2006-01-02 15:04:05"
	switch {
	case oid == oidDate:
		layout = "2006-01-02"
	case oid == oidTimestamptz && len(text) > len(layout):
		zone := text[len(layout):] // after seconds, which may have a fraction
		layout += [...]string{"-07", "-07:00", "-07:00:00"}[strings.Count(zone, ":")%3]
	}
	at, err := time.Parse(layout, text)
	return at.UTC(), err
}

// parseBytea reads both of the forms that bytea_output chooses from.
func parseBytea(text string) ([]byte, error) {
	if strings.HasPrefix(text, `\x`) {
		return hex.DecodeString(text[2:])
	}
	bytes := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			bytes = append(bytes, text[i])
		} else if strings.HasPrefix(text[i+1:], `\`) {
			bytes = append(bytes, '\\')
			i++
		} else if i+4 <= len(text) {
			octal, err := strconv.ParseUint(text[i+1:i+4], 8, 8)
			if err != nil {
				return nil, err
			}
			bytes = append(bytes, byte(octal))
			i += 3
		}
	}
	return bytes, nil
}

// parseArray reads an array: nil, text and arrays of these.
func parseArray(text string) ([]any, error) {
	if strings.HasPrefix(text, "[") { // bounds that do not begin at 1
		_, text, _ = strings.Cut(text, "=")
	}
	list, rest, err := parseElements(text)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q after an array", rest)
	}
	return list, err
}

func parseElements(text string) (list []any, rest string, err error) {
	list = []any{}
	if !strings.HasPrefix(text, "{") {
		return nil, text, fmt.Errorf("an array begins with {")
	}
	for text = text[1:]; ; {
		var element any
		switch {
		case text == "":
			return nil, "", fmt.Errorf("an array has no end")
		case text[0] == '}':
			return list, text[1:], nil
		case text[0] == ',':
			text = text[1:]
			continue
		case text[0] == '{':
			if element, text, err = parseElements(text); err != nil {
				return nil, text, err
			}
		case text[0] == '"':
			element, text = parseQuoted(text[1:])
		default:
			end := strings.IndexAny(text, ",}")
			if end < 0 {
				end = len(text)
			}
			if element = text[:end]; element == "NULL" {
				element = nil
			}
			text = text[end:]
		}
		list = append(list, element)
	}
}

func parseQuoted(text string) (element, rest string) {
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return plain.String(), text[i+1:]
		case '\\':
			i++
			fallthrough
		default:
			if i < len(text) {
				plain.WriteByte(text[i])
			}
		}
	}
	return plain.String(), ""
}

var scannerType = reflect.TypeOf((*sql.Scanner)(nil)).Elem()

func isScanner(kind reflect.Type) bool { return kind.Implements(scannerType) }

// scan converts a cell into the variable that dst points to.
func scan(dst any, oid uint32, cell any) error {
	variable := reflect.ValueOf(dst)
	if variable.Kind() != reflect.Pointer || variable.IsNil() {
		return fmt.Errorf("%T is no pointer to a variable", dst)
	}
	return assign(variable.Elem(), oid, cell)
}

func assign(variable reflect.Value, oid uint32, cell any) error {
	if scanner, is := variable.Addr().Interface().(sql.Scanner); is {
		return scanner.Scan(driverValue(oid, cell))
	}
	if variable.Kind() == reflect.Pointer {
		if cell == nil {
			variable.Set(reflect.Zero(variable.Type()))
			return nil
		}
		pointed := reflect.New(variable.Type().Elem())
		variable.Set(pointed)
		return assign(pointed.Elem(), oid, cell)
	}
	if cell == nil {
		switch variable.Kind() {
		case reflect.Slice, reflect.Map, reflect.Interface:
			variable.Set(reflect.Zero(variable.Type()))
			return nil
		}
		return fmt.Errorf("NULL does not fit into a %s", variable.Type())
	}
	value := goValue(oid, cell)
	if reflect.TypeOf(value).AssignableTo(variable.Type()) && variable.Kind() != reflect.String {
		variable.Set(reflect.ValueOf(value))
		return nil
	}
	return assignText(variable, oid, cell, value)
}

// assignText is assign for variables that are not of the column's own Go type.
func assignText(variable reflect.Value, oid uint32, cell, value any) error {
	text := fmt.Sprint(cell)
	var err error
	switch kind := variable.Kind(); kind {
	case reflect.String:
		variable.SetString(text)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var number int64
		if number, err = strconv.ParseInt(text, 10, variable.Type().Bits()); err == nil {
			variable.SetInt(number)
		}
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var number uint64
		if number, err = strconv.ParseUint(text, 10, variable.Type().Bits()); err == nil {
			variable.SetUint(number)
		}
		return err
	case reflect.Float32, reflect.Float64:
		var number float64
		if number, err = strconv.ParseFloat(text, variable.Type().Bits()); err == nil {
			variable.SetFloat(number)
		}
		return err
	case reflect.Bool:
		if value, is := value.(bool); is {
			variable.SetBool(value)
			return nil
		}
	case reflect.Slice:
		if list, is := value.([]any); is && elementOIDs[oid] != 0 {
			raw, _ := parseArray(text)
			return assignList(variable, elementOIDs[oid], raw, len(list))
		}
		if variable.Type().Elem().Kind() == reflect.Uint8 {
			variable.SetBytes([]byte(text))
			return nil
		}
	}
	if document, is := value.(json.RawMessage); is {
		return json.Unmarshal(document, variable.Addr().Interface())
	}
	return fmt.Errorf("a value of type %d does not fit into a %s", oid, variable.Type())
}

// assignList fills a slice with the elements of an array.
func assignList(variable reflect.Value, oid uint32, elements []any, count int) error {
	list := reflect.MakeSlice(variable.Type(), count, count)
	for i, element := range elements {
		if inner, is := element.([]any); is {
			if list.Index(i).Kind() != reflect.Slice {
				return fmt.Errorf("an array of arrays does not fit into a %s", variable.Type())
			}
			if err := assignList(list.Index(i), oid, inner, len(inner)); err != nil {
				return err
			}
		} else if err := assign(list.Index(i), oid, element); err != nil {
			return err
		}
	}
	variable.Set(list)
	return nil
}

// driverValue is a Go value as a sql.Scanner may be given it.
func driverValue(oid uint32, cell any) any {
	switch value := goValue(oid, cell).(type) {
	case json.RawMessage:
		return []byte(value)
	case json.Number:
		return value.String()
	case []any:
		return fmt.Sprint(cell)
	default:
		return value
	}
}
