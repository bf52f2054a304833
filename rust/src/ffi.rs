//! The functions of `statekeep.h` that this crate calls. That header says what they do.

use std::ffi::{c_char, c_int};
use std::marker::{PhantomData, PhantomPinned};

/// `keep_store`: opaque, and neither moved nor sent by Rust.
#[repr(C)]
pub struct Store {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// `keep_text`: bytes with a length; null data is SQL NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const c_char,
    pub size: usize,
}

/// `keep_param`: a parameter of the caller's own SQL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Param {
    pub value: Text,
    pub oid: u32,
    pub binary: c_int,
}

pub type Op = u64;
pub type Lease = u64;
/// `keep_status`; the names belong to the numbers by `keep_status_name()`.
pub type Status = c_int;

pub const PENDING: Status = -1;
pub const OK: Status = 0;
pub const FULL: Status = 8;

extern "C" {
    pub fn keep_open(out: *mut *mut Store, dsn: *const c_char, options: *const c_char) -> Status;
    pub fn keep_error(store: *const Store) -> Text;
    pub fn keep_close(store: *mut Store, drain_ms: c_int) -> Status;
    pub fn keep_free(store: *mut Store);
    pub fn keep_submit(
        store: *mut Store,
        name: *const c_char,
        args: *const Text,
        count: c_int,
        deadline_ms: c_int,
    ) -> Op;
    pub fn keep_cancel(store: *mut Store, op: Op);
    pub fn keep_fd(store: *const Store) -> c_int;
    pub fn keep_poll(store: *mut Store) -> c_int;
    pub fn keep_next(store: *mut Store) -> Op;
    pub fn keep_op_status(store: *const Store, op: Op) -> Status;
    pub fn keep_op_result(store: *const Store, op: Op) -> Text;
    pub fn keep_release(store: *mut Store, op: Op);
    pub fn keep_lease_take(store: *mut Store, deadline_ms: c_int) -> Op;
    pub fn keep_lease_return(store: *mut Store, lease: Lease);
    pub fn keep_query(
        store: *mut Store,
        lease: Lease,
        sql: Text,
        params: *const Param,
        count: c_int,
        deadline_ms: c_int,
    ) -> Op;
    pub fn keep_copy_in(store: *mut Store, lease: Lease, data: Text, failure: *const c_char, deadline_ms: c_int) -> Op;
    pub fn keep_copy_out(store: *mut Store, lease: Lease, deadline_ms: c_int) -> Op;
    pub fn keep_notification(store: *mut Store, lease: Lease, deadline_ms: c_int) -> Op;
    pub fn keep_status_name(status: Status) -> *const c_char;
    pub fn keep_catalog() -> *const c_char;
    pub fn keep_version() -> *const c_char;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn the_numbers_are_the_headers() {
        for (status, name) in [(OK, "OK"), (FULL, "FULL"), (PENDING, "PENDING")] {
            // SAFETY: the function gives static text for every number.
            let known = unsafe { CStr::from_ptr(keep_status_name(status)) };
            assert_eq!(known.to_str(), Ok(name));
        }
    }
}
