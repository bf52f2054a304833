//! Rust values as JSON text and back.

use crate::{Error, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What `state.find` and `checkpoint.find` give, so that a stored null is told from nothing.
#[derive(Deserialize)]
pub(crate) struct Found<T> {
    pub(crate) state: T,
}

pub(crate) fn encode<T: Serialize + ?Sized>(op: &str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(Status::Invalid, op, format!("the value cannot be written as JSON: {error}")))
}

pub(crate) fn decode<T: DeserializeOwned>(op: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(Status::Invalid, op, format!("the result is not of the type asked for: {error}")))
}
