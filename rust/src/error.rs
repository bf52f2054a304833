//! What a call gives when it has no result.

use serde::Deserialize;
use std::fmt;

/// Why a call failed; see [`Error::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The operation needs a row that is not there.
    Absent,
    /// Another version, key or owner was there first.
    Conflict,
    /// An argument, a name or an option is wrong; nothing was stored.
    Invalid,
    /// The call's time was over before an answer; nothing was or will be stored by it.
    Deadline,
    /// The caller let go. Seen only in the engine's own counters: who drops a future sees nothing any more.
    Cancelled,
    /// Sent, but whether it was committed is not known: the link broke, or the deadline passed, after sending.
    Unknown,
    /// No server that serves us: unreachable, refusing, tables missing; nothing was stored.
    Unavailable,
    /// The queue is at its cap; nothing was stored. Calls wait instead, until their deadline.
    Full,
    /// The store is closed; nothing was stored.
    Closed,
    /// The store belongs to the parent process.
    Forked,
    /// An allocation failed; nothing was stored.
    NoMemory,
    /// A mistake of ours or an unforeseen answer; see the message.
    Internal,
}

const NAMES: [(Status, &str); 12] = [
    (Status::Absent, "ABSENT"),
    (Status::Conflict, "CONFLICT"),
    (Status::Invalid, "INVALID"),
    (Status::Deadline, "DEADLINE"),
    (Status::Cancelled, "CANCELLED"),
    (Status::Unknown, "UNKNOWN"),
    (Status::Unavailable, "UNAVAILABLE"),
    (Status::Full, "FULL"),
    (Status::Closed, "CLOSED"),
    (Status::Forked, "FORKED"),
    (Status::NoMemory, "NO_MEMORY"),
    (Status::Internal, "INTERNAL"),
];

impl Status {
    /// The engine's name of it, the same in every language: `"NO_MEMORY"`.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed call. Cheap to move; its text never holds a password.
#[derive(Clone)]
pub struct Error(Box<Fields>);

#[derive(Clone, Deserialize)]
struct Fields {
    #[serde(default)]
    status: String,
    #[serde(default)]
    op: Option<String>,
    message: String,
    #[serde(default)]
    sqlstate: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    position: Option<u32>,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    constraint: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    retry: bool,
}

impl Error {
    pub(crate) fn new(status: Status, op: &str, message: impl Into<String>) -> Self {
        Error(Box::new(Fields {
            status: status.name().to_owned(),
            op: (!op.is_empty()).then(|| op.to_owned()),
            message: message.into(),
            sqlstate: None,
            detail: None,
            hint: None,
            position: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
            reason: None,
            retry: status == Status::Deadline,
        }))
    }

    /// From the engine's JSON error; what it does not say is `op` and `status`.
    pub(crate) fn from_json(op: &str, status: &str, text: &str) -> Self {
        let mut error = serde_json::from_str::<Fields>(text).map_or_else(
            |fault| Error::new(Status::Internal, op, format!("the engine's error cannot be read ({fault}): {text}")),
            |fields| Error(Box::new(fields)),
        );
        if error.0.op.is_none() && !op.is_empty() {
            error.0.op = Some(op.to_owned());
        }
        if error.0.status.is_empty() {
            error.0.status = status.to_owned();
        }
        error
    }

    /// What kind of failure it is, and with it whether something may have been stored.
    pub fn status(&self) -> Status {
        let found = NAMES.iter().find(|(_, name)| *name == self.0.status);
        found.map_or(Status::Internal, |(status, _)| *status)
    }

    /// The operation, `"state.save"`; `None` when the store itself is at fault.
    pub fn op(&self) -> Option<&str> {
        self.0.op.as_deref()
    }

    /// In words, without the operation.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's five-character code, when the server refused.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// The server's detail line, when it gave one.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The server's hint, when it gave one.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where in the SQL the error is, in characters from 1 on, when the server told.
    pub fn position(&self) -> Option<u32> {
        self.0.position
    }

    /// The schema of the table that the error is about, when the server told; likewise the three below.
    pub fn schema(&self) -> Option<&str> {
        self.0.schema.as_deref()
    }

    /// The table.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The column.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// The constraint that was violated.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// With [`Status::Unknown`]: `"link"`, `"deadline"` or `"memory"`; with [`Status::Deadline`]: `"queue"` past
    /// [`Options::queue_timeout`](crate::Options::queue_timeout).
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Whether the same call may succeed later and repeating it does no harm.
    pub fn retry(&self) -> bool {
        self.0.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.op() {
            write!(f, "{op}: ")?;
        }
        f.write_str(self.message())?;
        if let Some(sqlstate) = self.sqlstate() {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.status())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_own_name() {
        for (number, (status, name)) in NAMES.iter().enumerate() {
            assert_eq!((*status as usize, status.name()), (number, *name));
        }
    }

    #[test]
    fn an_error_holds_what_the_engine_said() {
        let text = r#"{"status":"INVALID","op":"state.save","message":"no","sqlstate":"22P02","retry":true}"#;
        let error = Error::from_json("other", "INTERNAL", text);
        assert_eq!((error.status(), error.op(), error.retry()), (Status::Invalid, Some("state.save"), true));
        assert_eq!(error.to_string(), "state.save: no (SQLSTATE 22P02)");
        assert_eq!(Error::from_json("a.b", "FULL", "nonsense").status(), Status::Internal);
        let silent = Error::from_json("a.b", "NO_MEMORY", r#"{"message":"none for the text"}"#);
        assert_eq!((silent.status(), silent.op()), (Status::NoMemory, Some("a.b")));
    }
}
