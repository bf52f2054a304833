//! Both checkpointers on tables of the test server, and states without a pattern.
#![allow(dead_code)] // each test file uses a part of it

use agents_core::persistence::Checkpointer;
use agents_core::state::AgentStateSnapshot;
use serde_json::{json, Map, Value};
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

pub async fn client() -> Client {
    let dsn = std::env::var("STATEKEEP_TEST_DSN").expect("run by: python tests/server.py cargo test");
    let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The server over TCP, as the peer takes it.
async fn url() -> String {
    let sql = "select format('postgresql://postgres@127.0.0.1:%s/%s', current_setting('port'), current_database())";
    client().await.query_one(sql, &[]).await.unwrap().get(0)
}

pub async fn ours(table: &str) -> Arc<dyn Checkpointer> {
    let builder = statekeep::PostgresCheckpointer::builder().url(url().await).table_name(table);
    Arc::new(builder.build().await.unwrap())
}

pub async fn theirs(table: &str) -> Arc<dyn Checkpointer> {
    let builder = agents_persistence::PostgresCheckpointer::builder().url(url().await).table_name(table);
    Arc::new(builder.build().await.unwrap())
}

/// Numbers without a pattern, the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn text(&mut self) -> String {
        const PIECES: [&str; 10] = ["a", "Z9", " ", "\"\\", "\n\t", "é", "漢字", "😀", "\u{7f}\u{1}", "e\u{301}"];
        (0..self.below(6)).map(|_| PIECES[self.below(10) as usize]).collect()
    }

    fn number(&mut self) -> Value {
        match self.below(6) {
            0 => json!(u64::MAX - self.below(3)),
            1 => json!(i64::MIN + self.below(3) as i64),
            2 => json!(self.below(1000)),
            3 => json!(self.below(1_000_000_000) as f64 / 7919.0),
            4 => json!(-0.0),
            _ => json!(Some(f64::from_bits(self.next())).filter(|float| float.is_finite())),
        }
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => self.number(),
            3 => json!(self.text()),
            4 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object((0..self.below(4)).map(|_| (self.text(), self.value(depth - 1))).collect()),
        }
    }

    pub fn state(&mut self) -> AgentStateSnapshot {
        const STATUSES: [&str; 3] = ["pending", "in_progress", "completed"];
        let todo = |random: &mut Self| json!({"content": random.text(), "status": STATUSES[random.below(3) as usize]});
        let todos: Vec<_> = (0..self.below(4)).map(|_| todo(self)).collect();
        let files: Map<_, _> = (0..self.below(4)).map(|_| (self.text(), json!(self.text()))).collect();
        let scratchpad: Map<_, _> = (0..self.below(5)).map(|_| (self.text(), self.value(3))).collect();
        let mut state = json!({"todos": todos, "files": files, "scratchpad": scratchpad});
        if self.below(4) == 0 {
            let at = format!("2026-01-31T23:59:59.{:09}Z", self.below(1_000_000_000));
            state["pending_interrupts"] = json!([{"type": "human_in_loop", "tool_name": self.text(),
                "tool_args": self.value(2), "policy_note": self.text(), "created_at": at, "call_id": self.text()}]);
        }
        serde_json::from_value(state).expect("it is a state")
    }
}
