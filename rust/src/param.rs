//! Parameters of the caller's own SQL.

use crate::json::encode;
use crate::Error;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write;

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const FLOAT8: u32 = 701;
const JSONB: u32 = 3802;

/// The array of a type, where there is one that parameters have.
fn array_of(oid: u32) -> u32 {
    match oid {
        BOOL => 1000,
        BYTEA => 1001,
        INT2 => 1005,
        INT4 => 1007,
        INT8 => 1016,
        FLOAT8 => 1022,
        JSONB => 3807,
        _ => 0,
    }
}

/// A parameter of a statement: `$1`, `$2`, … Made by `.into()`, or many by [`params!`](crate::params).
///
/// Text has no type of its own and takes that of its place in the statement; integers, floats, booleans, bytes (`bytea`) and
/// `serde_json::Value` (`jsonb`) have theirs; `None` is NULL.
///
/// ```
/// use statekeep::{params, Param};
/// let args = params![1, "text", Some(2.5), None::<&str>, Param::array(["a", "b"])];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param<'a> {
    value: Option<Cow<'a, [u8]>>,
    oid: u32, // 0: the server infers it
}

impl<'a> Param<'a> {
    /// SQL NULL of whatever type.
    pub const NULL: Param<'static> = Param { value: None, oid: 0 };

    /// A value in the server's own text form, of the type with this OID.
    pub fn typed(text: impl Into<Cow<'a, str>>, oid: u32) -> Self {
        let value = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Param { value: Some(value), oid }
    }

    /// A document (`jsonb`), as serde writes it.
    ///
    /// # Errors
    /// [`Status::Invalid`](crate::Status::Invalid) when it cannot be written.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Param<'static>, Error> {
        Ok(Param::typed(encode("sql.query", value)?, JSONB))
    }

    /// An array of the type of its elements, which must be of one type but for NULLs.
    pub fn array<T: Into<Param<'a>>>(elements: impl IntoIterator<Item = T>) -> Param<'static> {
        let (mut text, mut oid) = (String::from("{"), 0);
        for element in elements {
            let element = element.into();
            if text.len() > 1 {
                text.push(',');
            }
            match element.value.as_deref() {
                None => text.push_str("NULL"),
                Some(value) => {
                    oid = element.oid;
                    push_element(&mut text, value, oid == BYTEA);
                }
            }
        }
        text.push('}');
        Param::typed(text, array_of(oid))
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    pub(crate) fn oid(&self) -> u32 {
        self.oid
    }

    /// Whether the value is the binary form.
    pub(crate) fn is_binary(&self) -> bool {
        self.oid == BYTEA
    }
}

fn push_element(text: &mut String, value: &[u8], is_bytes: bool) {
    text.push('"');
    if is_bytes {
        text.push_str("\\\\x");
        for byte in value {
            let _ = write!(text, "{byte:02x}"); // a String takes everything
        }
    } else {
        for character in String::from_utf8_lossy(value).chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
    }
    text.push('"');
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Param::typed(text, 0)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Param::typed(text.as_str(), 0)
    }
}

impl From<String> for Param<'_> {
    fn from(text: String) -> Self {
        Param::typed(text, 0)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Param { value: Some(Cow::Borrowed(bytes)), oid: BYTEA }
    }
}

impl From<Vec<u8>> for Param<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Param { value: Some(Cow::Owned(bytes)), oid: BYTEA }
    }
}

impl From<serde_json::Value> for Param<'_> {
    fn from(document: serde_json::Value) -> Self {
        Param::typed(document.to_string(), JSONB)
    }
}

macro_rules! printed {
    ($($type:ty => $oid:expr),*) => {$(
        impl From<$type> for Param<'_> {
            fn from(value: $type) -> Self {
                Param::typed(value.to_string(), $oid)
            }
        }
    )*};
}

printed!(bool => BOOL, i16 => INT2, i32 => INT4, u32 => INT8, i64 => INT8, f32 => FLOAT8, f64 => FLOAT8);

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::NULL, Into::into)
    }
}

/// Parameters of several types as the array that [`Store::query`](crate::Store::query) and its like take.
///
/// ```no_run
/// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
/// use statekeep::params;
/// store.execute("update people set age = $1 where name = $2", &params![30, "Ann"]).await?;
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::Param::from($value)),*] };
}
