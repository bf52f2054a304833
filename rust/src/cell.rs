//! Values of columns for serde. A cell is null, a boolean, a number, the server's text of anything else, or within an array
//! an array of these.

use crate::server_text::{iso, parse_array, parse_bytea};
use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, Visitor};
use serde::Deserializer;
use serde_json::{Error, Value};
use std::borrow::Cow;
use std::str::FromStr;

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const DATE_TIMES: [u32; 2] = [1114, 1184];

fn is_json(oid: u32) -> bool {
    matches!(oid, 114 | 3802)
}

/// The element of an array type.
fn element_of(oid: u32) -> Option<u32> {
    const ARRAYS: [(u32, u32); 20] = [
        (1000, BOOL),
        (1001, BYTEA),
        (1003, 19),
        (1005, 21),
        (1007, 23),
        (1009, 25),
        (1014, 1042),
        (1015, 1043),
        (1016, 20),
        (1021, 700),
        (1022, 701),
        (1028, 26),
        (1115, 1114),
        (1182, 1082),
        (1185, 1184),
        (1187, 1186),
        (1231, 1700),
        (199, 114),
        (2951, 2950),
        (3807, 3802),
    ];
    ARRAYS.iter().find(|(array, _)| *array == oid).map(|(_, element)| *element)
}

#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    oid: u32,
    value: Cow<'a, Value>,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(oid: u32, value: &'a Value) -> Self {
        Cell { oid, value: Cow::Borrowed(value) }
    }

    fn text(&self) -> Cow<'_, str> {
        match &*self.value {
            Value::String(text) if DATE_TIMES.contains(&self.oid) => iso(text),
            Value::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        }
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, Error> {
        match &*self.value {
            Value::String(text) if self.oid == BYTEA => parse_bytea(text).map(Some),
            _ => Ok(None),
        }
    }

    /// The elements of an array.
    fn elements(&self) -> Result<Option<Vec<Cell<'static>>>, Error> {
        let (oid, list) = match (&*self.value, element_of(self.oid)) {
            (Value::Array(list), _) => (self.oid, list.clone()), // within an array
            (Value::String(text), Some(oid)) => (oid, parse_array(text)?),
            _ => return Ok(None),
        };
        Ok(Some(list.into_iter().map(|value| Cell { oid, value: Cow::Owned(value) }).collect()))
    }

    /// A document is read as from a file, since nothing read from a cell may borrow from it.
    fn document(&self) -> Option<serde_json::Deserializer<serde_json::de::IoRead<&[u8]>>> {
        match &*self.value {
            Value::String(text) if is_json(self.oid) => Some(serde_json::Deserializer::from_reader(text.as_bytes())),
            _ => None,
        }
    }

    fn number<T: FromStr>(&self, wanted: &str) -> Result<T, Error> {
        let text = self.text();
        text.parse().map_err(|_| Error::custom(format!("{text:.40} is not {wanted}")))
    }
}

/// A column as JSON: see [`Row::to_map`](crate::Row::to_map).
pub(crate) fn value_of(oid: u32, value: &Value) -> Value {
    let cell = Cell::new(oid, value);
    if oid == BYTEA {
        return value.clone();
    }
    let read: Result<Value, Error> = serde::Deserialize::deserialize(cell);
    read.unwrap_or_else(|_| value.clone()) // numbers beyond f64 in a document: its text has them
}

macro_rules! numbers {
    ($($method:ident $visit:ident $wanted:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.document() {
                Some(mut document) => document.$method(visitor),
                None => visitor.$visit(self.number($wanted)?),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (&*self.value, self.oid) {
            (Value::Null, _) => visitor.visit_unit(),
            (Value::Bool(value), _) => visitor.visit_bool(*value),
            (Value::Number(number), _) => number.deserialize_any(visitor),
            (Value::String(text), BOOL) => visitor.visit_bool(text == "t"),
            (Value::String(_), 20 | 21 | 23 | 26) => visitor.visit_i64(self.number("an integer")?),
            (Value::String(text), 700 | 701) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(mut document) = self.document() {
            return document.deserialize_any(visitor);
        }
        if let Some(elements) = self.elements()? {
            return visit_all(elements.into_iter(), visitor);
        }
        match self.bytes()? {
            Some(bytes) => visit_all(bytes.into_iter(), visitor),
            None => visitor.visit_str(&self.text()),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 "an i8", deserialize_i16 visit_i16 "an i16", deserialize_i32 visit_i32 "an i32",
        deserialize_i64 visit_i64 "an i64", deserialize_i128 visit_i128 "an i128", deserialize_u8 visit_u8 "a u8",
        deserialize_u16 visit_u16 "a u16", deserialize_u32 visit_u32 "a u32", deserialize_u64 visit_u64 "a u64",
        deserialize_u128 visit_u128 "a u128", deserialize_f32 visit_f32 "an f32", deserialize_f64 visit_f64 "an f64",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &*self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &*self.value {
            Value::Null => visitor.visit_unit(),
            _ => visitor.visit_str(&self.text()),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes()? {
            Some(bytes) => visitor.visit_byte_buf(bytes),
            None => visitor.visit_bytes(self.text().as_bytes()),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.document() {
            Some(mut document) => document.deserialize_enum(name, variants, visitor),
            None => visitor.visit_enum(Label(self.text().into_owned())),
        }
    }

    serde::forward_to_deserialize_any! {
        bool char unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

/// All elements, or an error: none is left out where there is no room for it.
pub(crate) fn visit_all<'de, T, V>(elements: impl Iterator<Item = T>, visitor: V) -> Result<V::Value, Error>
where
    T: IntoDeserializer<'de, Error>,
    V: Visitor<'de>,
{
    let mut elements = SeqDeserializer::new(elements);
    let visited = visitor.visit_seq(&mut elements)?;
    elements.end()?;
    Ok(visited)
}

/// The label of an enum.
struct Label(String);

impl<'de> EnumAccess<'de> for Label {
    type Error = Error;
    type Variant = <serde::de::value::StringDeserializer<Error> as EnumAccess<'de>>::Variant;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Error> {
        let label: serde::de::value::StringDeserializer<Error> = self.0.into_deserializer();
        label.variant_seed(seed)
    }
}

impl<'de> IntoDeserializer<'de, Error> for Cell<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
