//! The store and its calls.

use crate::drive;
use crate::engine::into_text;
use crate::request::Request;
use crate::shared::Shared;
use crate::{Arg, Checkpoint, Error, Options, State, Status};
use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::time::Duration;

/// How long [`Store::close`] waits for calls that are under way.
const CLOSE: Duration = Duration::from_secs(5);

/// A store and its few server connections. Clones share them; the last one dropped ends them.
///
/// Calls may be made from any task of any tokio runtime that has its I/O and time drivers enabled. A call begins when its
/// future is first polled. Dropping the future lets go of the call: what was not sent never happens, what was sent may
/// take effect; no statement is cancelled at the server, no connection is lost.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    deadline: Option<Duration>,
}

/// Ends the store with its last clone; the drivers share `Shared`, not this.
struct Inner(Arc<Shared>);

impl Drop for Inner {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Store {
    /// Opens a store on a DSN: a PostgreSQL URL or `key=value` words (also as sqlx writes them), `"embedded:"`,
    /// `"embedded:/directory"` or `"embedded:?temp=1"` for a private server that needs no set-up, or `""` for
    /// `$STATEKEEP_DSN`, then `$DATABASE_URL`, then `"embedded:"`.
    ///
    /// Does not wait for the server, which is reached (and an embedded one started) while the first calls wait:
    /// [`ping`](Self::ping) tells whether it is there.
    ///
    /// # Errors
    /// [`Status::Invalid`] for a DSN or an option that is wrong.
    pub fn open(dsn: &str, options: Options) -> Result<Store, Error> {
        let shared = Arc::new(Shared::open(dsn, &options)?);
        Ok(Store { inner: Arc::new(Inner(shared)), deadline: options.default_deadline() })
    }

    /// The same store, for calls that may take no longer than `time`.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// use std::time::Duration;
    /// store.with_deadline(Duration::from_millis(200)).ping().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_deadline(&self, time: Duration) -> Store {
        Store { inner: self.inner.clone(), deadline: Some(time) }
    }

    /// Runs an operation by its name, with its arguments in the order of the reference page. Gives the result as JSON
    /// text, every digit as stored: `null`, a value, an object or an array of them, as the reference page says.
    ///
    /// When the queue is full a call waits for its turn, until its deadline.
    ///
    /// # Errors
    /// Every [`Status`] but [`Status::Cancelled`] and [`Status::Full`]; [`Status::Unknown`] alone leaves open whether a
    /// write took effect.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// let state = store.call("state.load", &["agent".into(), "session".into()]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn call(&self, op: &str, args: &[Arg<'_>]) -> Result<String, Error> {
        let name = CString::new(op).map_err(|_| Error::new(Status::Invalid, "", "the operation's name holds a NUL"))?;
        self.run(&name, args).await
    }

    pub(crate) async fn run(&self, name: &CStr, args: &[Arg<'_>]) -> Result<String, Error> {
        let result = self.perform(Request::Call { name, args }, self.deadline).await?;
        Ok(into_text(result))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.0
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Asks the server for an answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.run(c"admin.ping", &[]).await.map(drop)
    }

    /// The SQL that a set-up operation (`"state.setup"`) would run, with the table names filled in.
    pub async fn setup_sql(&self, op: &str) -> Result<String, Error> {
        let text = self.run(c"admin.setup_sql", &[op.into()]).await?;
        crate::json::decode("admin.setup_sql", &text)
    }

    /// The engine's counters as a JSON object: calls by outcome, queue wait, batch sizes, round trips, connections.
    pub async fn stats(&self) -> Result<String, Error> {
        self.run(c"admin.stats", &[]).await
    }

    /// Agent states: a JSON document for each pair of agent and session.
    pub fn state(&self) -> State<'_> {
        State(self)
    }

    /// Checkpoints: the latest state of each thread of a run.
    pub fn checkpoint(&self) -> Checkpoint<'_> {
        Checkpoint(self)
    }

    /// Refuses new calls, waits at most 5 s for those that are under way, gives every other one its outcome and ends the
    /// connections. Calls after it fail with [`Status::Closed`]. Closing twice is harmless. Without it, the last clone
    /// dropped ends the connections without waiting.
    pub async fn close(&self) {
        let shared = &self.inner.0;
        shared.refuse_calls();
        if drive::ensure(shared, "close").is_ok() {
            let _ = tokio::time::timeout(CLOSE, shared.wait_idle()).await; // past it, the rest is ended below
        }
        shared.end();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("closed", &self.inner.0.is_closed()).finish_non_exhaustive()
    }
}
