//! The C store behind safe functions: any thread may call any of them at any time.

use crate::request::Request;
use crate::{ffi, Arg, Error, Param, Status};
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

/// A finished call: its result, which is JSON but for the bytes of a copy, or the engine's error.
pub(crate) type Outcome = Result<Vec<u8>, Failure>;

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
        let fault = unsafe { bytes(ffi::keep_error(engine.raw())) };
        match fault {
            Some(fault) => Err(Error::from_json("", "INVALID", &into_text(fault))),
            None => Ok(engine),
        }
    }

    fn raw(&self) -> *mut ffi::Store {
        self.store.as_ptr()
    }

    /// Submits a request; finished at once, it comes with its status (`ffi::PENDING` otherwise).
    pub(crate) fn submit(&self, request: &Request<'_>, deadline_ms: i32) -> (Ticket, ffi::Status) {
        // SAFETY: what texts point to lives as long as the request, and is copied by each of these functions.
        let op = unsafe {
            match *request {
                Request::Call { name, args } => self.submit_call(name, args, deadline_ms),
                Request::Take => ffi::keep_lease_take(self.raw(), deadline_ms),
                Request::Query { lease, sql, params } => self.submit_query(lease, sql, params, deadline_ms),
                Request::CopyIn { lease, piece } => {
                    ffi::keep_copy_in(self.raw(), lease, borrowed(piece), std::ptr::null(), deadline_ms)
                }
                Request::CopyFail { lease, reason } => {
                    ffi::keep_copy_in(self.raw(), lease, borrowed(None), reason.as_ptr(), deadline_ms)
                }
                Request::CopyOut { lease } => ffi::keep_copy_out(self.raw(), lease, deadline_ms),
                Request::Notification { lease } => ffi::keep_notification(self.raw(), lease, deadline_ms),
            }
        };
        // SAFETY: any ticket may be asked for.
        (Ticket(op), unsafe { ffi::keep_op_status(self.raw(), op) })
    }

    unsafe fn submit_call(&self, name: &CStr, args: &[Arg<'_>], deadline_ms: i32) -> ffi::Op {
        let mut texts = [borrowed(None); ARGUMENTS_MOST];
        for (text, arg) in texts.iter_mut().zip(args) {
            *text = borrowed(arg.bytes());
        }
        // What is too many for the array is too many for any operation, and the engine says so.
        let count = args.len().min(ARGUMENTS_MOST) as i32;
        // SAFETY: the name ends in NUL; the arguments are `count` texts that live through the call and are copied.
        unsafe { ffi::keep_submit(self.raw(), name.as_ptr(), texts.as_ptr(), count, deadline_ms) }
    }

    unsafe fn submit_query(&self, lease: ffi::Lease, sql: &str, params: &[Param<'_>], deadline_ms: i32) -> ffi::Op {
        let params: Vec<ffi::Param> = params
            .iter()
            .map(|param| ffi::Param {
                value: borrowed(param.bytes()),
                oid: param.oid(),
                binary: param.is_binary().into(),
            })
            .collect();
        let count = i32::try_from(params.len()).unwrap_or(i32::MAX);
        let sql = borrowed(Some(sql.as_bytes()));
        // SAFETY: the parameters are `count`, live through the call and are copied.
        unsafe { ffi::keep_query(self.raw(), lease, sql, params.as_ptr(), count, deadline_ms) }
    }

    /// Gives a lease back, also one that is back already.
    pub(crate) fn give_back(&self, lease: ffi::Lease) {
        // SAFETY: any number may be given back.
        unsafe { ffi::keep_lease_return(self.raw(), lease) }
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
            (status, bytes(ffi::keep_op_result(self.raw(), ticket.0)))
        };
        let result = result.unwrap_or_else(|| b"{}".to_vec());
        if status == ffi::OK {
            Ok(result)
        } else {
            let text = into_text(result);
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

/// The most arguments of any operation.
const ARGUMENTS_MOST: usize = 32;

/// Bytes as the engine takes them, good as long as they are.
fn borrowed(bytes: Option<&[u8]>) -> ffi::Text {
    match bytes {
        Some(bytes) => ffi::Text { data: bytes.as_ptr().cast(), size: bytes.len() },
        None => ffi::Text { data: std::ptr::null(), size: 0 },
    }
}

/// A copy of bytes of the engine's; `None` for null ones.
///
/// # Safety
/// `size` bytes at `data` must be readable, or `data` null.
unsafe fn bytes(text: ffi::Text) -> Option<Vec<u8>> {
    if text.data.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.size) }.to_vec())
}

/// Text of the engine's, which is UTF-8 because the connections' encoding is.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
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
