//go:build cgo

package statekeep

import (
	"database/sql/driver"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// OIDs of PostgreSQL's own types. 0 leaves it to the server to infer the type.
const (
	oidBool, oidBytea, oidName, oidInt8, oidInt2, oidInt4, oidText, oidOID    = 16, 17, 19, 20, 21, 23, 25, 26
	oidJSON, oidFloat4, oidFloat8, oidDate, oidTimestamp, oidTimestamptz      = 114, 700, 701, 1082, 1114, 1184
	oidInterval, oidNumeric, oidUUID, oidJSONB, oidBpchar, oidVarchar, oidNil = 1186, 1700, 2950, 3802, 1042, 1043, 0
)

// arrayOIDs gives the array of a type.
var arrayOIDs = map[uint32]uint32{
	oidBool: 1000, oidBytea: 1001, oidName: 1003, oidInt2: 1005, oidInt4: 1007, oidText: 1009, oidBpchar: 1014,
	oidVarchar: 1015, oidInt8: 1016, oidFloat4: 1021, oidFloat8: 1022, oidOID: 1028, oidTimestamp: 1115, oidDate: 1182,
	oidTimestamptz: 1185, oidInterval: 1187, oidNumeric: 1231, oidUUID: 2951, oidJSON: 199, oidJSONB: 3807,
}

// param is a parameter's text (or bytes, for a bytea) and type; nil text is NULL.
type param struct {
	text []byte
	oid  uint32
}

func (c *call) addParam(arg any) error {
	p, err := newParam(arg)
	if err != nil {
		return err
	}
	c.addBytes(p.text)
	c.types = append(c.types, p.oid)
	return nil
}

func newParam(arg any) (param, error) {
	switch value := arg.(type) {
	case nil:
		return param{}, nil
	case string:
		return textParam(value, oidNil), nil
	case []byte:
		return param{value, oidBytea}, nil
	case json.RawMessage:
		return param{value, oidNil}, nil
	case json.Number:
		return textParam(value.String(), oidNumeric), nil
	case time.Time:
		return textParam(value.Format(time.RFC3339Nano), oidTimestamptz), nil
	case time.Duration:
		return textParam(strconv.FormatInt(value.Microseconds(), 10)+" microseconds", oidInterval), nil
	}
	value := reflect.ValueOf(arg)
	if value.Kind() == reflect.Pointer && value.IsNil() {
		return param{}, nil
	}
	switch own := arg.(type) {
	case driver.Valuer:
		given, err := own.Value()
		if err != nil {
			return param{}, err
		}
		return newParam(given)
	case encoding.TextMarshaler:
		text, err := own.MarshalText()
		return param{text, oidNil}, err
	}
	return kindParam(value)
}

func textParam(text string, oid uint32) param {
	return param{append(make([]byte, 0, len(text)+1), text...), oid}
}

// kindParam is newParam for types that are not known but by their kind.
func kindParam(value reflect.Value) (param, error) {
	switch value.Kind() {
	case reflect.Bool:
		return textParam(strconv.FormatBool(value.Bool()), oidBool), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return textParam(strconv.FormatInt(value.Int(), 10), integerOID(value.Int())), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if value.Uint() > math.MaxInt64 {
			return textParam(strconv.FormatUint(value.Uint(), 10), oidNumeric), nil
		}
		return textParam(strconv.FormatUint(value.Uint(), 10), integerOID(int64(value.Uint()))), nil
	case reflect.Float32:
		return textParam(strconv.FormatFloat(value.Float(), 'g', -1, 32), oidFloat8), nil
	case reflect.Float64:
		return textParam(strconv.FormatFloat(value.Float(), 'g', -1, 64), oidFloat8), nil
	case reflect.String:
		return textParam(value.String(), oidNil), nil
	case reflect.Pointer:
		return newParam(value.Elem().Interface())
	case reflect.Slice, reflect.Array:
		return arrayParam(value)
	case reflect.Map, reflect.Struct:
		text, err := json.Marshal(value.Interface())
		return param{text, oidJSONB}, err
	}
	return param{}, fmt.Errorf("SQL has no type for a %s", value.Type())
}

// integerOID is the smallest type that holds the number: the server widens one by itself, and never narrows one.
func integerOID(number int64) uint32 {
	switch {
	case number == int64(int16(number)):
		return oidInt2
	case number == int64(int32(number)):
		return oidInt4
	}
	return oidInt8
}

// arrayParam makes an array of the type of its elements; where they have none, or several, the server infers it.
func arrayParam(list reflect.Value) (param, error) {
	if list.Kind() == reflect.Slice && list.IsNil() {
		return param{}, nil
	}
	if list.Type().Elem().Kind() == reflect.Uint8 { // a named []byte, or an array of bytes
		bytes := make([]byte, list.Len(), list.Len()+1)
		reflect.Copy(reflect.ValueOf(bytes), list)
		return param{bytes, oidBytea}, nil
	}
	text, oid, err := appendArray(nil, list)
	return param{text, arrayOIDs[oid]}, err
}

// appendArray appends the text form of an array and gives the type of its elements, 0 where that is open.
func appendArray(text []byte, list reflect.Value) ([]byte, uint32, error) {
	common, elements := uint32(0), 0
	text = append(text, '{')
	for i := 0; i < list.Len(); i++ {
		if i > 0 {
			text = append(text, ',')
		}
		element := list.Index(i)
		for element.Kind() == reflect.Interface && !element.IsNil() {
			element = element.Elem()
		}
		var oid uint32
		if inner := element.Kind() == reflect.Slice && isArray(element); inner {
			var err error
			if text, oid, err = appendArray(text, element); err != nil {
				return nil, 0, err
			}
		} else {
			p, err := newParam(element.Interface())
			if err != nil {
				return nil, 0, err
			}
			oid = p.oid
			if text = appendElement(text, p); p.text == nil {
				continue // NULL is of any type
			}
		}
		if elements == 0 {
			common = oid
		}
		common = commonOID(common, oid)
		elements++
	}
	return append(text, '}'), common, nil
}

// isArray tells an array within an array from an element that only is a slice in Go.
func isArray(element reflect.Value) bool {
	switch element.Interface().(type) {
	case json.RawMessage, driver.Valuer, encoding.TextMarshaler:
		return false
	}
	return element.Type().Elem().Kind() != reflect.Uint8
}

// commonOID is the type that holds elements of both types: the greater one of two integers.
func commonOID(one, other uint32) uint32 {
	width := map[uint32]int{oidInt2: 1, oidInt4: 2, oidInt8: 3}
	switch {
	case one == other:
		return one
	case width[one] > 0 && width[other] > width[one]:
		return other
	case width[other] > 0 && width[one] > width[other]:
		return one
	}
	return oidNil
}

func appendElement(text []byte, p param) []byte {
	if p.text == nil {
		return append(text, "NULL"...)
	}
	element := string(p.text)
	if p.oid == oidBytea {
		element = `\x` + hex.EncodeToString(p.text)
	}
	text = append(text, '"')
	text = append(text, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(element)...)
	return append(text, '"')
}
