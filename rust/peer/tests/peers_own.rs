//! The peer's own tests, word for word, run on our type. They name a database `agents_test` on this machine and leave the
//! rest to the environment, and are marked to be ignored, so another test makes that database and runs them in a process
//! of their own.

use agents_core::persistence::Checkpointer;
use agents_core::state::AgentStateSnapshot;
use statekeep::PostgresCheckpointer;
use std::process::Command;
use tokio_postgres::{Config, NoTls};

include!(concat!(env!("OUT_DIR"), "/peers_own.rs"));

#[tokio::test]
async fn they_pass() {
    let dsn = std::env::var("STATEKEEP_TEST_DSN").expect("run by: python tests/server.py cargo test");
    let config: Config = dsn.parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("drop database if exists agents_test").await.unwrap();
    client.batch_execute("create database agents_test").await.unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "tests::"])
        .env("PGPORT", config.get_ports()[0].to_string())
        .env("PGUSER", "postgres")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed; 0 failed"), "{said}");
}
