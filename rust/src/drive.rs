//! Who steps the engine: a task on each runtime that has calls, asleep on the engine's descriptor.
//!
//! One for each runtime, because a runtime that nobody runs at the moment (`block_on` returned, but the runtime is kept)
//! must not hold up the calls of another. Not the callers themselves, because a future that was polled once and then
//! left lying, as `select!` and buffered streams leave theirs, would hold up all others. When a runtime ends, its driver
//! ends with it; a call polled on another one finds or makes a driver there.

use crate::shared::{closed_error, Bell, Shared};
use crate::{Error, Status};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::runtime::{Handle, Id};

/// Sees to it that the current runtime has a driver.
pub(crate) fn ensure(shared: &Arc<Shared>, op: &str) -> Result<(), Error> {
    let handle = Handle::try_current()
        .map_err(|_| Error::new(Status::Invalid, op, "calls must be awaited within a tokio runtime"))?;
    let here = handle.id();
    if shared.has_driver(here) || shared.has_ended() {
        return Ok(());
    }
    // SAFETY: an OwnedFd keeps its descriptor open, the same one, until it is dropped.
    let register = |fd| Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?);
    let descriptor = shared.engine().descriptor().and_then(register);
    let descriptor = match descriptor {
        Ok(descriptor) => descriptor,
        Err(_) if shared.has_ended() => return Err(closed_error(op)),
        Err(error) => {
            let message = format!("the runtime cannot wait on the engine's descriptor: {error}");
            return Err(Error::new(Status::Unavailable, op, message));
        }
    };
    let bell = Arc::new(Bell::default());
    if shared.add_driver(here, &bell) {
        let registered = Registered { shared: shared.clone(), runtime: here };
        // On a runtime that is shutting down the task is dropped at once, and with it its registration.
        handle.spawn(drive(registered, descriptor, bell));
    }
    Ok(())
}

/// Ends the driver's registration when the task ends in whatever way.
struct Registered {
    shared: Arc<Shared>,
    runtime: Id,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.remove_driver(self.runtime);
    }
}

async fn drive(registered: Registered, descriptor: AsyncFd<OwnedFd>, bell: Arc<Bell>) {
    let shared = &registered.shared;
    shared.drain(); // calls may have been finished or held back before there was a driver
    while !shared.has_ended() {
        tokio::select! {
            ready = descriptor.readable() => {
                let Ok(mut ready) = ready else { return }; // the runtime is ending
                shared.drain();
                // Runtimes wait edge-triggered: what one step leaves unread would never be reported again.
                if !is_readable(descriptor.get_ref()) {
                    ready.clear_ready();
                }
            }
            () = bell.heard() => {
                // Behind the tasks that are ready now, so that their calls leave together.
                tokio::task::yield_now().await;
                bell.silence();
                shared.drain();
            }
        }
    }
}

fn is_readable(descriptor: &OwnedFd) -> bool {
    let mut look = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    unsafe { libc::poll(&mut look, 1, 0) > 0 }
}
