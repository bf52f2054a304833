//! The adapter of the Rust crate: a task for each call in flight on one thread, let go by aborting it.

mod request;
mod sql;

use request::{arguments, convert, Answer, Request};
use statekeep::{Error, Lease, Store};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::task::{AbortHandle, LocalSet};

const HELLO: &str =
    r#"{"binding":"rust","ordered":true,"cancels":true,"waits_when_full":true,"forks":false,"sql":true}"#;

#[derive(Default)]
struct Adapter {
    stores: RefCell<HashMap<String, Store>>,
    leases: RefCell<HashMap<String, Lease>>,
    running: RefCell<HashMap<i64, (AbortHandle, String)>>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tasks = LocalSet::new();
    runtime.block_on(tasks.run_until(read_requests()));
    runtime.block_on(tasks); // what is still in flight is answered
}

async fn read_requests() {
    let adapter = Rc::new(Adapter::default());
    let mut lines = tokio::io::BufReader::with_capacity(1 << 20, tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await.expect("readable requests") {
        let request: Request = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in a request"));
        match request.what.as_str() {
            "hello" => answer(&request, Ok(HELLO.to_owned())),
            "open" => adapter.open(&request),
            "call" | "lease" | "query" | "copy_in" | "copy_out" | "notification" => adapter.start(request),
            "return" => {
                adapter.leases.borrow_mut().remove(&request.lease);
                answer(&request, Ok("null".to_owned()));
            }
            "cancel" => adapter.cancel(request.id),
            "close" => adapter.close(request),
            other => panic!("no request {other:?}"),
        }
    }
}

impl Adapter {
    fn open(&self, request: &Request) {
        let options = match convert(&request.options) {
            Ok(options) => options,
            Err(message) => return write(&Answer::failed(request.id, "INVALID", "open", message)),
        };
        let opened = Store::open(request.dsn.as_deref().unwrap_or(""), options);
        let stored = opened.map(|store| self.stores.borrow_mut().insert(request.store.clone(), store));
        answer(request, stored.map(|_| "null".to_owned()));
    }

    fn store(&self, request: &Request) -> Store {
        self.stores.borrow()[&request.store].clone()
    }

    fn start(self: &Rc<Self>, request: Request) {
        let (id, op) = (request.id, request.op.clone());
        let (adapter, store) = (self.clone(), self.store(&request));
        // Taken at once, so that a lease that is given back meanwhile goes back when this is done.
        let lease = self.leases.borrow().get(&request.lease).cloned();
        if let (None, false, false) = (&lease, request.lease.is_empty(), request.what == "lease") {
            // The compiler refuses the use of what was dropped.
            return write(&Answer::failed(id, "INVALID", &op, "the lease was dropped".to_owned()));
        }
        let task = tokio::task::spawn_local(async move {
            let limit = request.deadline_ms.map(Duration::from_millis);
            let store = limit.map_or(store.clone(), |time| store.with_deadline(time));
            let lease = lease.map(|lease| limit.map_or(lease.clone(), |time| lease.with_deadline(time)));
            let result = match request.what.as_str() {
                "call" => store.call(&request.op, &arguments(&request)).await,
                "lease" => store.lease().await.map(|lease| {
                    adapter.leases.borrow_mut().insert(request.lease.clone(), lease);
                    "null".to_owned()
                }),
                _ => sql::serve(&request, &store, lease.as_ref()).await,
            };
            adapter.running.borrow_mut().remove(&request.id);
            answer(&request, result);
        });
        self.running.borrow_mut().insert(id, (task.abort_handle(), op));
    }

    /// A task that was aborted says nothing any more, so this answers for it.
    fn cancel(&self, id: i64) {
        if let Some((task, op)) = self.running.borrow_mut().remove(&id) {
            task.abort();
            write(&Answer::failed(id, "CANCELLED", &op, "the future was dropped".to_owned()));
        }
    }

    fn close(&self, request: Request) {
        let store = self.store(&request);
        tokio::task::spawn_local(async move {
            store.close().await;
            answer(&request, Ok("null".to_owned()));
        });
    }
}

fn answer(request: &Request, result: Result<String, Error>) {
    write(&Answer::new(request.id, result));
}

fn write(answer: &Answer) {
    let mut line = serde_json::to_vec(answer).expect("answers can be written");
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).expect("a reader of answers");
}
