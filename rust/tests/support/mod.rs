//! A server to test on (`STATEKEEP_TEST_DSN`, see tests/server.py), and the tests' own sight of it.
#![allow(dead_code)] // each test file uses a part of it

use statekeep::{Options, Store};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

pub fn dsn() -> String {
    std::env::var("STATEKEEP_TEST_DSN").expect("run by: python tests/server.py cargo test")
}

/// A table name that no other test has, nor begins with: see `blocked`.
pub fn table() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("t{}_{:04}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn options(table: &str) -> Options {
    Options::new().table("agent_checkpoints", table).table("agent_states", table)
}

/// An open store with an empty table of checkpoints, and the table's name.
pub async fn checkpoints(options_more: impl FnOnce(Options) -> Options) -> (Store, String) {
    let table = table();
    let store = Store::open(&dsn(), options_more(options(&table))).unwrap();
    store.checkpoint().setup().await.unwrap();
    (store, table)
}

/// A connection of the test's own.
pub async fn client() -> Client {
    let (client, connection) = tokio_postgres::connect(&dsn(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The sessions whose last statement named the table and that wait for a lock.
pub async fn blocked(client: &Client, table: &str) -> i64 {
    let sql = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and position($1 in query) > 0";
    client.query_one(sql, &[&table]).await.unwrap().get(0)
}

/// The server processes of the sessions whose last statement named the table.
pub async fn sessions(client: &Client, table: &str) -> Vec<i32> {
    let sql = "select pid from pg_stat_activity where backend_type = 'client backend' and position($1 in query) > 0 order by 1";
    client.query(sql, &[&table]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The stored text of a thread's state.
pub async fn stored(client: &Client, table: &str, thread: &str) -> Option<String> {
    let sql = format!("select state::text from {table} where thread_id = $1");
    client.query_opt(&sql, &[&thread]).await.unwrap().map(|row| row.get(0))
}

/// Looks every few milliseconds until the condition holds; fails when it never does.
pub async fn until<F: std::future::Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..12_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}
