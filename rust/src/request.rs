//! Requests to the engine: how one is submitted, waited for and let go of.

use crate::drive;
use crate::engine::{Outcome, Ticket};
use crate::options::milliseconds;
use crate::shared::{closed_error, Shared, Submitted};
use crate::{ffi, Arg, Error, Param, Status, Store};
use std::ffi::CStr;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What the engine is asked for; lease 0 is none.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    Call { name: &'a CStr, args: &'a [Arg<'a>] },
    Take,
    Query { lease: ffi::Lease, sql: &'a str, params: &'a [Param<'a>] },
    CopyIn { lease: ffi::Lease, piece: Option<&'a [u8]> },
    CopyFail { lease: ffi::Lease, reason: &'a CStr },
    CopyOut { lease: ffi::Lease },
    Notification { lease: ffi::Lease },
}

impl<'a> Request<'a> {
    /// As errors call it, and the engine does.
    fn name(&self) -> &'a str {
        match self {
            Request::Call { name, .. } => name.to_str().unwrap_or(""), // made of a str, or of a literal
            Request::Take => "lease.take",
            Request::Query { .. } => "sql.query",
            Request::CopyIn { .. } | Request::CopyFail { .. } => "sql.copy_in",
            Request::CopyOut { .. } => "sql.copy_out",
            Request::Notification { .. } => "sql.notification",
        }
    }

    /// Whether it goes on with a lease: the engine keeps a place for it, and those in line may wait for its holder.
    fn is_of_lease(&self) -> bool {
        !matches!(self, Request::Call { .. } | Request::Take | Request::Query { lease: 0, .. })
    }
}

impl Store {
    /// Submits a request, in line while the engine is full, and waits for its outcome.
    pub(crate) async fn perform(&self, request: Request<'_>, deadline: Option<Duration>) -> Result<Vec<u8>, Error> {
        let (shared, op) = (self.shared(), request.name());
        drive::ensure(shared, op)?;
        let submitted = match attempt(shared, &request, deadline) {
            Submitted::Full => submit_in_line(shared, &request, deadline).await,
            other => other,
        };
        let takes = matches!(request, Request::Take);
        let outcome = match submitted {
            Submitted::Waiting(ticket, receiver) => {
                Waiting { shared, op, ticket, receiver, takes, finished: false }.await?
            }
            Submitted::Refused(outcome) => outcome,
            Submitted::Full if shared.is_closed() => return Err(closed_error(op)),
            Submitted::Full => return Err(Error::new(Status::Deadline, op, "the queue was full until the deadline")),
        };
        outcome.map_err(|failure| failure.error(op))
    }

    /// Submits a statement on a lease that nobody waits for; where the engine is full it is the caller's loss.
    pub(crate) fn forget_query(&self, lease: ffi::Lease, sql: &str) {
        submit(self.shared(), &Request::Query { lease, sql, params: &[] }, self.deadline());
    }
}

/// Submits once; whoever comes while others wait for room goes behind them.
fn attempt(shared: &Shared, request: &Request<'_>, deadline: Option<Duration>) -> Submitted {
    if shared.is_closed() || (shared.has_line() && !request.is_of_lease()) {
        return Submitted::Full;
    }
    submit(shared, request, deadline)
}

async fn submit_in_line(shared: &Shared, request: &Request<'_>, deadline: Option<Duration>) -> Submitted {
    let begun = Instant::now();
    let left = || deadline.map(|time| time.saturating_sub(begun.elapsed()));
    let room =
        shared.wait_for_room(|| if shared.is_closed() { Submitted::Full } else { submit(shared, request, left()) });
    match deadline {
        Some(time) => tokio::time::timeout(time, room).await.unwrap_or(Submitted::Full),
        None => room.await,
    }
}

fn submit(shared: &Shared, request: &Request<'_>, deadline: Option<Duration>) -> Submitted {
    let deadline_ms = deadline.map_or(-1, |time| i32::try_from(milliseconds(time).max(1)).unwrap_or(i32::MAX));
    shared.submit(request, deadline_ms)
}

/// A call that the engine has; dropped, the call is let go of.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    op: &'a str,
    ticket: Ticket,
    receiver: oneshot::Receiver<Outcome>,
    takes: bool, // a lease
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
        if self.finished {
            return;
        }
        self.shared.engine().cancel(self.ticket);
        self.receiver.close();
        if let (Ok(Ok(granted)), true) = (self.receiver.try_recv(), self.takes) {
            self.shared.give_back_unheard(&granted); // it came a moment ago
        }
    }
}
