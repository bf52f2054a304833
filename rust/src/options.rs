//! How a store is opened.

use crate::{Error, Status};
use serde_json::{json, Map, Value};
use std::time::Duration;

const QUEUE: usize = 16384;
const DEADLINE: Duration = Duration::from_secs(30);

/// Options of a store; the default of each is good.
///
/// ```
/// use std::time::Duration;
/// let options = statekeep::Options::new().connections(8).deadline(Duration::from_secs(5));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    queue: usize,
    deadline: Option<Duration>,
    set: Map<String, Value>,
    tables: Map<String, Value>,
}

impl Default for Options {
    fn default() -> Self {
        Options { queue: QUEUE, deadline: Some(DEADLINE), set: Map::new(), tables: Map::new() }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.set.insert(name.to_owned(), value);
        self
    }

    /// The most server connections, 1 to 128, opened on demand. Default 4, or what the DSN says.
    pub fn connections(self, count: usize) -> Self {
        self.with("connections", json!(count))
    }

    /// Another name for a table: `.table("agent_states", r#"app."My States""#)`. A plain name is folded to lower case, a
    /// schema goes before a dot, anything unusual is written in double quotes.
    pub fn table(mut self, table: &str, name: &str) -> Self {
        self.tables.insert(table.to_owned(), json!(name));
        self
    }

    /// How long a call may take, unless [`Store::with_deadline`](crate::Store::with_deadline) says otherwise. Default 30 s.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Calls wait as long as it takes.
    pub fn no_deadline(mut self) -> Self {
        self.deadline = None;
        self
    }

    /// How long calls wait for an unreachable server. Default 5 s.
    pub fn connect_timeout(self, time: Duration) -> Self {
        self.with("connect_ms", json!(milliseconds(time)))
    }

    /// How long a batch waits for a row that another session has locked before its calls are sent apart. Default 200 ms.
    pub fn lock_timeout(self, time: Duration) -> Self {
        self.with("lock_ms", json!(milliseconds(time)))
    }

    /// How long a call may wait for a free connection; then it ends as [`Status::Deadline`] with the reason `"queue"`. Default:
    /// as long as its deadline lets it.
    pub fn queue_timeout(self, time: Duration) -> Self {
        self.with("queue_ms", json!(milliseconds(time)))
    }

    /// The most calls held at once; past it, calls wait in the order they came. Default 16384.
    pub fn queue(mut self, count: usize) -> Self {
        self.queue = count;
        self
    }

    /// The most bytes of arguments held at once, with the same consequence. Default 256 MiB.
    pub fn queue_bytes(self, bytes: usize) -> Self {
        self.with("queue_bytes", json!(bytes))
    }

    /// The most calls in one statement. Default 256.
    pub fn batch(self, count: usize) -> Self {
        self.with("batch", json!(count))
    }

    /// The most bytes of arguments in one statement; one larger call travels alone. Default 1 MiB.
    pub fn batch_bytes(self, bytes: usize) -> Self {
        self.with("batch_bytes", json!(bytes))
    }

    /// The most bytes in one argument. Default 64 MiB.
    pub fn argument_bytes(self, bytes: usize) -> Self {
        self.with("argument_bytes", json!(bytes))
    }

    /// How long a [`Lease`](crate::Lease) may lie unused before the engine takes it back; zero: for ever. Default 10 min.
    pub fn lease_idle(self, time: Duration) -> Self {
        self.with("lease_idle_ms", json!(milliseconds(time)))
    }

    pub(crate) fn queue_count(&self) -> usize {
        self.queue
    }

    pub(crate) fn default_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// As the engine takes them. Submitting does not send ("hold"): calls that are made in one turn of the runtime leave
    /// together, see `drive.rs`.
    pub(crate) fn json(&self) -> Result<String, Error> {
        let mut all = self.set.clone();
        all.insert("queue".to_owned(), json!(self.queue));
        all.insert("hold".to_owned(), json!(true));
        if !self.tables.is_empty() {
            all.insert("tables".to_owned(), Value::Object(self.tables.clone()));
        }
        serde_json::to_string(&all).map_err(|error| Error::new(Status::Invalid, "", error.to_string()))
    }
}

/// Rounded up, so that a short time is not none.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
