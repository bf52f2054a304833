//! The store and its calls.

use crate::drive;
use crate::engine::{Outcome, Ticket};
use crate::options::milliseconds;
use crate::shared::{closed_error, Shared, Submitted};
use crate::{ffi, Arg, Checkpoint, Error, Options, State, Status};
use std::ffi::{CStr, CString};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

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
        let op = name.to_str().map_err(|_| Error::new(Status::Invalid, "", "the operation's name is not UTF-8"))?;
        let shared = &self.inner.0;
        drive::ensure(shared, op)?;
        let submitted = match self.attempt(name, args, self.deadline) {
            Submitted::Full => self.submit_in_line(name, args).await,
            other => other,
        };
        let outcome = match submitted {
            Submitted::Waiting(ticket, receiver) => Waiting { shared, op, ticket, receiver, finished: false }.await?,
            Submitted::Refused(outcome) => outcome,
            Submitted::Full if shared.is_closed() => return Err(closed_error(op)),
            Submitted::Full => return Err(Error::new(Status::Deadline, op, "the queue was full until the deadline")),
        };
        outcome.map_err(|failure| failure.error(op))
    }

    /// Submits once; whoever comes while others wait for room goes behind them.
    fn attempt(&self, name: &CStr, args: &[Arg<'_>], deadline: Option<Duration>) -> Submitted {
        let shared = &self.inner.0;
        if shared.is_closed() || shared.has_line() {
            return Submitted::Full;
        }
        submit(shared, name, args, deadline)
    }

    async fn submit_in_line(&self, name: &CStr, args: &[Arg<'_>]) -> Submitted {
        let shared = &self.inner.0;
        let begun = Instant::now();
        let left = || self.deadline.map(|time| time.saturating_sub(begun.elapsed()));
        let room =
            shared.wait_for_room(
                || {
                    if shared.is_closed() {
                        Submitted::Full
                    } else {
                        submit(shared, name, args, left())
                    }
                },
            );
        match self.deadline {
            Some(time) => tokio::time::timeout(time, room).await.unwrap_or(Submitted::Full),
            None => room.await,
        }
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

/// The most arguments of any operation.
const ARGUMENTS_MOST: usize = 32;

fn submit(shared: &Shared, name: &CStr, args: &[Arg<'_>], deadline: Option<Duration>) -> Submitted {
    let mut texts = [ffi::Text { data: std::ptr::null(), size: 0 }; ARGUMENTS_MOST];
    for (text, bytes) in texts.iter_mut().zip(args.iter().map(Arg::bytes)) {
        if let Some(bytes) = bytes {
            *text = ffi::Text { data: bytes.as_ptr().cast(), size: bytes.len() };
        }
    }
    let deadline_ms = deadline.map_or(-1, |time| i32::try_from(milliseconds(time).max(1)).unwrap_or(i32::MAX));
    // What is too many for the array is too many for any operation, and the engine says so.
    shared.submit(name, &texts[..args.len().min(ARGUMENTS_MOST)], deadline_ms)
}

/// A call that the engine has; dropped, the call is let go of.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    op: &'a str,
    ticket: Ticket,
    receiver: oneshot::Receiver<Outcome>,
    finished: bool,
}

impl Future for Waiting<'_> {
    type Output = Result<Outcome, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.receiver).poll(context);
        if answer.is_pending() {
            return match drive::ensure(self.shared, self.op) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            };
        }
        self.finished = true;
        let lost = |_| Error::new(Status::Internal, self.op, "the call was lost");
        answer.map(|answer| answer.map_err(lost))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.shared.engine().cancel(self.ticket);
        }
    }
}
