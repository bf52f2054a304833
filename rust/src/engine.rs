//! The C store behind safe functions: any thread may call any of them at any time.

use crate::{ffi, Error, Status};
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// A submitted call. Copies are harmless: the engine never takes an old ticket for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(ffi::Op);

impl Ticket {
    /// Its place among the calls held, below the option "queue"; shared tickets have far greater ones.
    pub(crate) fn slot(self) -> usize {
        self.0 as u32 as usize
    }
}

/// A finished call: its result as JSON, or the engine's error.
pub(crate) type Outcome = Result<String, Failure>;

/// A JSON error, read by its caller, who knows the operation, and by nobody where there is none any more.
#[derive(Debug)]
pub(crate) struct Failure {
    status: &'static str,
    text: String,
}

impl Failure {
    pub(crate) fn error(&self, op: &str) -> Error {
        Error::from_json(op, self.status, &self.text)
    }
}

pub(crate) struct Engine {
    store: NonNull<ffi::Store>,
}

// SAFETY: every function of the engine but keep_free() may be called from any thread at any time (statekeep.h).
unsafe impl Send for Engine {}
unsafe impl Sync for Engine {}

impl Engine {
    pub(crate) fn open(dsn: &str, options: &str) -> Result<Engine, Error> {
        let refuse = |what: &str| Error::new(Status::Invalid, "", format!("{what} hold a NUL"));
        let dsn = CString::new(dsn).map_err(|_| refuse("the connection string's bytes"))?;
        let options = CString::new(options).map_err(|_| refuse("the options"))?;
        let mut store = std::ptr::null_mut();
        // SAFETY: both texts end in NUL and are copied; `store` is written before the call returns.
        unsafe { ffi::keep_open(&mut store, dsn.as_ptr(), options.as_ptr()) };
        let Some(store) = NonNull::new(store) else {
            return Err(Error::new(Status::NoMemory, "", "no memory for a store"));
        };
        let engine = Engine { store };
        // SAFETY: the store lives; what is borrowed from it is copied before it can go.
        let fault = unsafe { text(ffi::keep_error(engine.raw())) };
        match fault {
            Some(fault) => Err(Error::from_json("", "INVALID", &fault)),
            None => Ok(engine),
        }
    }

    fn raw(&self) -> *mut ffi::Store {
        self.store.as_ptr()
    }

    /// Submits a call; finished at once, it comes with its status (`ffi::PENDING` otherwise).
    pub(crate) fn submit(&self, name: &CStr, args: &[ffi::Text], deadline_ms: i32) -> (Ticket, ffi::Status) {
        let count = i32::try_from(args.len()).unwrap_or(i32::MAX);
        // SAFETY: the name ends in NUL; the arguments are `count` texts that live through the call and are copied.
        let op = unsafe { ffi::keep_submit(self.raw(), name.as_ptr(), args.as_ptr(), count, deadline_ms) };
        // SAFETY: any ticket may be asked for.
        (Ticket(op), unsafe { ffi::keep_op_status(self.raw(), op) })
    }

    pub(crate) fn cancel(&self, ticket: Ticket) {
        // SAFETY: any ticket may be cancelled, also one that is gone.
        unsafe { ffi::keep_cancel(self.raw(), ticket.0) }
    }

    /// Advances what can be advanced, and sends what was held back.
    pub(crate) fn poll(&self) {
        // SAFETY: the store lives.
        unsafe { ffi::keep_poll(self.raw()) };
    }

    /// The next finished call, which is the taker's from here on.
    pub(crate) fn next(&self) -> Option<Ticket> {
        // SAFETY: the store lives.
        let op = unsafe { ffi::keep_next(self.raw()) };
        (op != 0).then_some(Ticket(op))
    }

    /// A finished call's outcome. Only for who was given the ticket by next(), or for a shared ticket: nobody else
    /// releases it meanwhile.
    pub(crate) fn outcome(&self, ticket: Ticket) -> Outcome {
        // SAFETY: the result is borrowed until the release, and the releaser is the caller.
        let (status, result) = unsafe {
            let status = ffi::keep_op_status(self.raw(), ticket.0);
            (status, text(ffi::keep_op_result(self.raw(), ticket.0)))
        };
        let text = result.unwrap_or_else(|| "{}".to_owned());
        if status == ffi::OK {
            Ok(text)
        } else {
            // SAFETY: static text that ends in NUL, for every number.
            let name = unsafe { CStr::from_ptr(ffi::keep_status_name(status)) };
            Err(Failure { status: name.to_str().unwrap_or("INTERNAL"), text })
        }
    }

    pub(crate) fn release(&self, ticket: Ticket) {
        // SAFETY: what was borrowed of its result was copied.
        unsafe { ffi::keep_release(self.raw(), ticket.0) }
    }

    /// Ends the connections and every pending call, without waiting.
    pub(crate) fn close(&self) {
        // SAFETY: a second close does nothing.
        unsafe { ffi::keep_close(self.raw(), 0) };
    }

    /// A duplicate of the descriptor to wait on, which outlives the store.
    pub(crate) fn descriptor(&self) -> std::io::Result<OwnedFd> {
        // SAFETY: the store lives, and its descriptor with it; -1 is looked for before it is borrowed.
        unsafe {
            let fd = ffi::keep_fd(self.raw());
            if fd < 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::NotConnected));
            }
            BorrowedFd::borrow_raw(fd).try_clone_to_owned()
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: nobody else has the store any more, or they would have the engine.
        unsafe { ffi::keep_free(self.raw()) }
    }
}

/// A copy of a text of the engine's, which is UTF-8 because the connections' encoding is; `None` for a null one.
///
/// # Safety
/// `size` bytes at `data` must be readable, or `data` null.
unsafe fn text(text: ffi::Text) -> Option<String> {
    if text.data.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.size) };
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// All operations as the engine's JSON array: `[{"op":"state.save","args":[{"name":"agent_id",…},…],"gives":"none",…},…]`.
pub fn catalog() -> &'static str {
    // SAFETY: static text that ends in NUL.
    unsafe { CStr::from_ptr(ffi::keep_catalog()) }.to_str().expect("the catalogue is ASCII or UTF-8")
}

/// The version of the C core.
pub fn version() -> &'static str {
    // SAFETY: static text that ends in NUL.
    unsafe { CStr::from_ptr(ffi::keep_version()) }.to_str().expect("a version is ASCII")
}
