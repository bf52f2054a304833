//! What the clones of a store share: the engine, the calls that wait, and the drivers that wake them.
//!
//! Invariants. A ticket that next() gave belongs to whoever took it, and only they release it. A call is in `calls`
//! before anybody can look for it, because submitting and looking both happen under that lock. A runtime with a call
//! waiting has a driver, because a call looks for one each time it is polled.

use crate::engine::{Engine, Outcome, Ticket};
use crate::request::Request;
use crate::{ffi, Error, Options, Status};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime;
use tokio::sync::{oneshot, Notify};

/// The most tickets delivered at a time.
const DELIVERED_MOST: usize = 256;

pub(crate) struct Shared {
    engine: Engine,
    queue: usize,
    calls: Mutex<Vec<Option<Caller>>>, // by slot
    pending: AtomicUsize,              // calls submitted and not delivered
    drivers: Mutex<Vec<Driver>>,
    closed: AtomicBool, // no new calls
    ended: AtomicBool,  // no calls at all
    idle: Notify,       // no call is pending any more

    turn: tokio::sync::Mutex<()>, // the head of those who wait for room in the queue has it; they are served in order
    in_line: AtomicUsize,
    freed: Notify, // there may be room
}

/// Who waits for a call.
struct Caller {
    sender: oneshot::Sender<Outcome>,
    takes: bool,  // a lease, which must go back when nobody is there any more
    counts: bool, // among those that closing waits for
}

struct Driver {
    runtime: runtime::Id,
    bell: Arc<Bell>,
}

/// Calls a driver: there are calls to send, or the store is closed.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    notify: Notify,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    pub(crate) async fn heard(&self) {
        self.notify.notified().await;
    }

    /// From here on it rings again; what made it ring so far must be served after.
    pub(crate) fn silence(&self) {
        self.rung.store(false, Ordering::Release);
    }
}

/// What became of a submission.
pub(crate) enum Submitted {
    Waiting(Ticket, oneshot::Receiver<Outcome>),
    Refused(Outcome),
    Full,
}

/// A lock that a panic cannot poison: what it guards is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn closed_error(op: &str) -> Error {
    Error::new(Status::Closed, op, "the store is closed")
}

/// The lease in the result of a `Request::Take`.
pub(crate) fn granted_lease(result: &[u8]) -> serde_json::Result<ffi::Lease> {
    #[derive(serde::Deserialize)]
    struct Granted {
        lease: ffi::Lease,
    }
    serde_json::from_slice::<Granted>(result).map(|granted| granted.lease)
}

impl Shared {
    pub(crate) fn open(dsn: &str, options: &Options) -> Result<Shared, Error> {
        Ok(Shared {
            engine: Engine::open(dsn, &options.json()?)?,
            queue: options.queue_count(),
            calls: Mutex::new(Vec::new()),
            pending: AtomicUsize::new(0),
            drivers: Mutex::new(Vec::new()),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            idle: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            in_line: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Submits a call once. Alone it is sent at once; among others it leaves with them at the end of the runtime's turn.
    pub(crate) fn submit(&self, request: &Request<'_>, deadline_ms: i32) -> Submitted {
        let (sender, receiver) = oneshot::channel();
        let mut calls = lock(&self.calls);
        let (ticket, status) = self.engine.submit(request, deadline_ms);
        if ticket.slot() >= self.queue {
            drop(calls); // a shared ticket: it is finished, and nobody delivers it
            return if status == ffi::FULL { Submitted::Full } else { Submitted::Refused(self.engine.outcome(ticket)) };
        }
        if ticket.slot() >= calls.len() {
            calls.resize_with(ticket.slot() + 1, || None);
        }
        let (takes, counts) = (matches!(request, Request::Take), !matches!(request, Request::Notification { .. }));
        calls[ticket.slot()] = Some(Caller { sender, takes, counts });
        // Before anybody can deliver it.
        let alone = self.pending.fetch_add(counts.into(), Ordering::AcqRel) == 0;
        drop(calls);
        if status != ffi::PENDING {
            self.deliver(); // finished while it was submitted: nothing will wake a driver for it
        } else if alone {
            self.engine.poll();
            self.deliver(); // some are finished by being sent
        } else {
            self.ring_here();
        }
        Submitted::Waiting(ticket, receiver)
    }

    /// Steps the engine and wakes those whose calls are finished.
    pub(crate) fn drain(&self) {
        self.engine.poll();
        self.deliver();
        if self.in_line.load(Ordering::Acquire) > 0 {
            self.freed.notify_one();
        }
    }

    fn deliver(&self) {
        loop {
            let mut finished = Vec::new();
            while finished.len() < DELIVERED_MOST {
                let Some(ticket) = self.engine.next() else { break };
                finished.push((ticket, self.engine.outcome(ticket)));
            }
            if finished.is_empty() {
                return;
            }
            let mut calls = lock(&self.calls);
            let callers: Vec<_> = finished.iter().map(|(ticket, _)| calls[ticket.slot()].take()).collect();
            drop(calls);
            // Before the callers are woken, so that they find room for their next calls.
            finished.iter().for_each(|(ticket, _)| self.engine.release(*ticket));
            let mut count = 0;
            for ((_, outcome), caller) in finished.into_iter().zip(callers) {
                let Some(Caller { sender, takes, counts }) = caller else { continue };
                count += usize::from(counts);
                let unheard = sender.send(outcome).err(); // the caller let go
                if let (Some(Ok(granted)), true) = (unheard, takes) {
                    self.give_back_unheard(&granted);
                }
            }
            if self.pending.fetch_sub(count, Ordering::AcqRel) == count {
                self.idle.notify_waiters();
            }
        }
    }

    /// Gives back a lease that was granted to somebody who is gone.
    pub(crate) fn give_back_unheard(&self, granted: &[u8]) {
        if let Ok(lease) = granted_lease(granted) {
            self.engine.give_back(lease);
        }
    }

    pub(crate) fn add_driver(&self, runtime: runtime::Id, bell: &Arc<Bell>) -> bool {
        let mut drivers = lock(&self.drivers);
        let missing = drivers.iter().all(|driver| driver.runtime != runtime);
        if missing {
            drivers.push(Driver { runtime, bell: bell.clone() });
        }
        missing
    }

    pub(crate) fn has_driver(&self, runtime: runtime::Id) -> bool {
        lock(&self.drivers).iter().any(|driver| driver.runtime == runtime)
    }

    pub(crate) fn remove_driver(&self, runtime: runtime::Id) {
        lock(&self.drivers).retain(|driver| driver.runtime != runtime);
    }

    /// Calls this runtime's driver; where there is none yet, the caller's own poll makes one, which begins by sending.
    fn ring_here(&self) {
        if let Ok(handle) = runtime::Handle::try_current() {
            let here = handle.id();
            if let Some(driver) = lock(&self.drivers).iter().find(|driver| driver.runtime == here) {
                driver.bell.ring();
            }
        }
    }

    /// Waits for room in the queue behind those who came before, and calls `attempt` until that is not full.
    pub(crate) async fn wait_for_room(&self, mut attempt: impl FnMut() -> Submitted) -> Submitted {
        struct InLine<'a>(&'a AtomicUsize);
        impl Drop for InLine<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        self.in_line.fetch_add(1, Ordering::AcqRel);
        let _in_line = InLine(&self.in_line);
        let _turn = self.turn.lock().await;
        loop {
            let submitted = attempt();
            if !matches!(submitted, Submitted::Full) || self.is_closed() {
                return submitted;
            }
            self.freed.notified().await;
        }
    }

    pub(crate) fn has_line(&self) -> bool {
        self.in_line.load(Ordering::Acquire) > 0
    }

    /// Refuses new calls, those in line included.
    pub(crate) fn refuse_calls(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.notify_one();
    }

    /// Waits until no call is pending.
    pub(crate) async fn wait_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.pending.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends the connections, gives what is still pending its outcome, and lets the drivers go.
    pub(crate) fn end(&self) {
        self.refuse_calls();
        self.ended.store(true, Ordering::Release);
        self.engine.close();
        self.deliver();
        for driver in lock(&self.drivers).iter() {
            driver.bell.ring();
        }
    }
}
