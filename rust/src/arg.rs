//! Arguments of [`Store::call`](crate::Store::call).

use std::borrow::Cow;

/// An argument as the engine takes it: bytes, or NULL. Text and JSON documents are their UTF-8, untouched; integers are
/// digits, booleans `true` or `false`, times ISO 8601 text, lists JSON arrays, vectors 32-bit floats. Made by `.into()`.
///
/// ```
/// use statekeep::Arg;
/// let args: [Arg; 3] = ["agent".into(), Some(10).into(), None::<i64>.into()];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg<'a>(Option<Cow<'a, [u8]>>);

impl Arg<'_> {
    /// SQL NULL.
    pub const NULL: Arg<'static> = Arg(None);

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Arg(Some(Cow::Borrowed(bytes)))
    }
}

/// A vector: 32-bit floats as the machine has them.
impl From<&[f32]> for Arg<'_> {
    fn from(floats: &[f32]) -> Self {
        floats.iter().flat_map(|float| float.to_ne_bytes()).collect::<Vec<u8>>().into()
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        text.as_bytes().into()
    }
}

impl From<Vec<u8>> for Arg<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Arg(Some(Cow::Owned(bytes)))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        number.to_string().into()
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        if value { "true" } else { "false" }.into()
    }
}

impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Arg::NULL, Into::into)
    }
}
