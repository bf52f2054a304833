//! The protocol's lines; see tests/conformance/README.md.

use base64::prelude::{Engine, BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use statekeep::{Arg, Error, Options, Param};
use std::collections::HashMap;
use std::time::Duration;

#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    pub id: i64,
    #[serde(rename = "do")]
    pub what: String,
    #[serde(default)]
    pub store: String,
    pub dsn: Option<String>,
    #[serde(default)]
    pub options: Map<String, Value>,
    #[serde(default)]
    pub op: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    args: HashMap<String, Box<RawValue>>,
    pub deadline_ms: Option<u64>,
    #[serde(default)]
    pub lease: String,
    #[serde(default)]
    pub sql: String,
    #[serde(default)]
    params: Vec<Box<RawValue>>,
    #[serde(default)]
    pub data: Vec<String>,
    pub repeat: Option<usize>,
    pub failure: Option<String>,
    #[serde(default)]
    pub sizes: bool,
    pub stop: Option<usize>,
}

#[derive(Serialize)]
pub struct Answer {
    id: i64,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Map<String, Value>>,
}

impl Answer {
    pub fn new(id: i64, result: Result<String, Error>) -> Self {
        match result {
            Ok(text) => Answer { id, status: "OK".into(), result: Some(text), error: None },
            Err(error) => {
                Answer { id, status: error.status().name().into(), result: None, error: Some(fields(&error)) }
            }
        }
    }

    /// What the crate has no error for: a dropped future, an option that its methods do not take.
    pub fn failed(id: i64, status: &str, op: &str, message: String) -> Self {
        let pairs =
            [("status", status.into()), ("op", op.into()), ("message", message.into()), ("retry", false.into())];
        let error = pairs.map(|(name, value): (_, Value)| (name.to_owned(), value)).into_iter().collect();
        Answer { id, status: status.to_owned(), result: None, error: Some(error) }
    }
}

fn fields(error: &Error) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in [
        ("status", Some(error.status().name())),
        ("op", error.op()),
        ("message", Some(error.message())),
        ("sqlstate", error.sqlstate()),
        ("detail", error.detail()),
        ("hint", error.hint()),
        ("schema", error.schema()),
        ("table", error.table()),
        ("column", error.column()),
        ("constraint", error.constraint()),
        ("reason", error.reason()),
    ] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value.into());
        }
    }
    if let Some(position) = error.position() {
        fields.insert("position".to_owned(), position.into());
    }
    fields.insert("retry".to_owned(), error.retry().into());
    fields
}

/// The arguments of a call in the operation's order.
pub fn arguments(request: &Request) -> Vec<Arg<'_>> {
    request.names.iter().map(|name| request.args.get(name).map_or(Arg::NULL, |raw| argument(raw))).collect()
}

/// A value as a user of the crate would pass it. Bytes that are not UTF-8 are no `&str`, so they go as the bytes they are.
fn argument(raw: &RawValue) -> Arg<'_> {
    let text = raw.get();
    if !text.starts_with('{') {
        return match serde_json::from_str(text).expect("the request was JSON") {
            Value::Null => Arg::NULL,
            Value::String(text) => text.into(),
            Value::Bool(value) => value.into(),
            Value::Number(number) => number.as_i64().map_or_else(|| number.to_string().into(), Arg::from),
            other => panic!("no form for {other}"),
        };
    }
    let forms: HashMap<&str, &RawValue> = serde_json::from_str(text).expect("an object with one member");
    let (form, inner) = forms.into_iter().next().expect("a form");
    if form == "value" {
        let value: Value = serde_json::from_str(inner.get()).expect("the request was JSON");
        return serde_json::to_string(&value).expect("a value can be written").into();
    }
    if form == "vector" {
        let floats: Vec<f32> = serde_json::from_str(inner.get()).expect("numbers");
        return floats.as_slice().into();
    }
    let text: String = serde_json::from_str(inner.get()).expect("a text");
    if form == "json" {
        return text.into();
    }
    BASE64_STANDARD.decode(text).expect("base64").into()
}

/// The parameters of a statement.
pub fn params(request: &Request) -> Vec<Param<'_>> {
    request.params.iter().map(|raw| param(raw)).collect()
}

fn param(raw: &RawValue) -> Param<'_> {
    match serde_json::from_str(raw.get()).expect("the request was JSON") {
        Value::Null => Param::NULL,
        Value::String(text) => text.into(),
        Value::Bool(value) => value.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => i32::try_from(number).map_or(number.into(), Param::from),
            (_, number) => number.into(),
        },
        Value::Object(form) => {
            let text = form["base64"].as_str().expect("base64 is the only form");
            BASE64_STANDARD.decode(text).expect("base64").into()
        }
        other => panic!("no form for {other}"),
    }
}

/// Options by their names in C. The crate has a typed method for each, so what does not fit its method is refused here as
/// the compiler would refuse it there.
pub fn convert(given: &Map<String, Value>) -> Result<Options, String> {
    let refused = |name: &str| format!("there is no such option, or no such value of it: {name}");
    let mut options = Options::new();
    for (name, value) in given {
        if name == "tables" {
            for (table, to) in value.as_object().ok_or_else(|| refused(name))? {
                options = options.table(table, to.as_str().ok_or_else(|| refused(name))?);
            }
            continue;
        }
        let number = value.as_u64().ok_or_else(|| refused(name))?;
        let (count, time) = (usize::try_from(number).map_err(|_| refused(name))?, Duration::from_millis(number));
        options = match name.as_str() {
            "connections" => options.connections(count),
            "deadline_ms" if number == 0 => options.no_deadline(),
            "deadline_ms" => options.deadline(time),
            "connect_ms" => options.connect_timeout(time),
            "lease_idle_ms" => options.lease_idle(time),
            "lock_ms" => options.lock_timeout(time),
            "queue_ms" => options.queue_timeout(time),
            "queue" => options.queue(count),
            "queue_bytes" => options.queue_bytes(count),
            "batch" => options.batch(count),
            "batch_bytes" => options.batch_bytes(count),
            "argument_bytes" => options.argument_bytes(count),
            _ => return Err(refused(name)),
        };
    }
    Ok(options)
}
