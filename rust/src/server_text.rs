//! The server's text forms of times, bytes and arrays.

use serde::de::Error as _;
use serde_json::{Error, Value};
use std::borrow::Cow;

/// "2026-01-31 12:00:00+00" with a T and a zone of hours and minutes, as ISO 8601 has it; infinity as it is.
pub(crate) fn iso(text: &str) -> Cow<'_, str> {
    let Some((date, time)) = text.split_once(' ').filter(|_| !text.ends_with("BC")) else { return Cow::Borrowed(text) };
    let zone = time.find(['+', '-']).map_or("", |at| &time[at..]);
    Cow::Owned(format!("{date}T{time}{}", if zone.len() == 3 { ":00" } else { "" }))
}

/// Both of the forms that `bytea_output` chooses from.
pub(crate) fn parse_bytea(text: &str) -> Result<Vec<u8>, Error> {
    let wrong = || Error::custom("the bytes are in no known form");
    if let Some(digits) = text.strip_prefix("\\x") {
        let pair = |at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        return (0..digits.len()).step_by(2).map(|at| pair(at).ok_or_else(wrong)).collect();
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let size = match (first, after) {
            (b'\\', [b'\\', ..]) => 2,
            (b'\\', _) => 4,
            _ => 1,
        };
        bytes.push(match size {
            4 => {
                let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(wrong)?;
                u8::from_str_radix(octal, 8).map_err(|_| wrong())?
            }
            _ => *first,
        });
        rest = &rest[size..];
    }
    Ok(bytes)
}

/// An array's text: nulls, texts and arrays.
pub(crate) fn parse_array(text: &str) -> Result<Vec<Value>, Error> {
    let text = if text.starts_with('[') { text.split_once('=').map_or(text, |(_, after)| after) } else { text };
    let mut open: Vec<Vec<Value>> = vec![Vec::new()];
    let wrong = || Error::custom("an array is not whole");
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '{' => open.push(Vec::new()),
            '}' => {
                let whole = open.pop().ok_or_else(wrong)?;
                open.last_mut().ok_or_else(wrong)?.push(Value::Array(whole));
            }
            ',' => {}
            '"' => {
                let (element, after) = parse_quoted(rest).ok_or_else(wrong)?;
                open.last_mut().ok_or_else(wrong)?.push(Value::String(element));
                rest = after;
            }
            plain => {
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                let element = format!("{plain}{}", &rest[..end]);
                let value = if element == "NULL" { Value::Null } else { Value::String(element) };
                open.last_mut().ok_or_else(wrong)?.push(value);
                rest = &rest[end..];
            }
        }
    }
    match open.pop().as_deref_mut() {
        Some([Value::Array(whole)]) if open.is_empty() => Ok(std::mem::take(whole)),
        _ => Err(wrong()),
    }
}

fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((element, &text[at + 1..])),
            '\\' => element.push(characters.next()?.1),
            _ => element.push(character),
        }
    }
    None
}
