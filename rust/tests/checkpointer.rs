//! `PostgresCheckpointer`: the peer's own test cases under their names, and what it promises beyond them.
#![cfg(feature = "agents")]

mod support;

use agents_core::persistence::Checkpointer;
use agents_core::state::{AgentStateSnapshot, TodoItem, TodoStatus};
use statekeep::{Error, PostgresCheckpointer, Status};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{blocked, client, dsn, sessions, stored, table, until};

fn sample_state() -> AgentStateSnapshot {
    let mut state = AgentStateSnapshot::default();
    state.todos.push(TodoItem::pending("Test todo"));
    state.files.insert("test.txt".to_owned(), "content".to_owned());
    state.scratchpad.insert("key".to_owned(), serde_json::json!("value"));
    state
}

async fn checkpointer(table: &str) -> PostgresCheckpointer {
    PostgresCheckpointer::builder().url(dsn()).table_name(table).build().await.unwrap()
}

fn cause(error: &anyhow::Error) -> &Error {
    error.downcast_ref::<Error>().expect("the cause is ours")
}

#[tokio::test]
async fn test_postgres_save_and_load() {
    let checkpointer = PostgresCheckpointer::new(&dsn()).await.expect("Failed to connect to PostgreSQL");
    let thread_id = "test-thread".to_owned();
    checkpointer.save_state(&thread_id, &sample_state()).await.expect("Failed to save state");
    let loaded = checkpointer.load_state(&thread_id).await.expect("Failed to load state").expect("it was saved");
    assert_eq!(loaded.todos.len(), 1);
    assert_eq!(loaded.files.get("test.txt").unwrap(), "content");
    checkpointer.delete_thread(&thread_id).await.expect("Failed to delete thread");
}

#[tokio::test]
async fn test_postgres_list_threads() {
    let checkpointer = checkpointer("test_checkpoints").await;
    for thread in ["thread1", "thread2"] {
        checkpointer.save_state(&thread.to_owned(), &sample_state()).await.unwrap();
    }
    let threads = checkpointer.list_threads().await.unwrap();
    assert!(threads.contains(&"thread1".to_owned()));
    assert!(threads.contains(&"thread2".to_owned()));
    for thread in ["thread1", "thread2"] {
        checkpointer.delete_thread(&thread.to_owned()).await.unwrap();
    }
}

#[tokio::test]
async fn in_memory_checkpointer_save_and_load() {
    let checkpointer: Arc<dyn Checkpointer> = Arc::new(checkpointer(&table()).await);
    let thread_id = "test-thread".to_owned();
    let mut state = sample_state();
    state.todos.push(TodoItem { content: "Done".to_owned(), status: TodoStatus::Completed });
    checkpointer.save_state(&thread_id, &state).await.unwrap();
    let loaded = checkpointer.load_state(&thread_id).await.unwrap().unwrap();
    assert_eq!(loaded.todos[0].content, "Test todo");
    assert_eq!(loaded.scratchpad.get("key").unwrap(), &serde_json::json!("value"));
    assert_eq!(serde_json::to_string(&loaded).unwrap(), serde_json::to_string(&state).unwrap());
}

#[tokio::test]
async fn in_memory_checkpointer_nonexistent_thread() {
    let checkpointer = checkpointer(&table()).await;
    assert!(checkpointer.load_state(&"nonexistent".to_owned()).await.unwrap().is_none());
}

#[tokio::test]
async fn in_memory_checkpointer_delete_thread() {
    let checkpointer = checkpointer(&table()).await;
    let thread_id = "test-thread".to_owned();
    checkpointer.save_state(&thread_id, &sample_state()).await.unwrap();
    assert!(checkpointer.load_state(&thread_id).await.unwrap().is_some());
    checkpointer.delete_thread(&thread_id).await.unwrap();
    assert!(checkpointer.load_state(&thread_id).await.unwrap().is_none());
    checkpointer.delete_thread(&thread_id).await.unwrap();
}

#[tokio::test]
async fn in_memory_checkpointer_list_threads() {
    let checkpointer = checkpointer(&table()).await;
    checkpointer.save_state(&"thread1".to_owned(), &sample_state()).await.unwrap();
    checkpointer.save_state(&"thread2".to_owned(), &sample_state()).await.unwrap();
    assert_eq!(checkpointer.list_threads().await.unwrap(), ["thread2", "thread1"]);
}

/// The server over TCP, as sqlx takes it.
async fn url() -> String {
    let sql = "select format('postgresql://postgres@127.0.0.1:%s/%s', current_setting('port'), current_database())";
    client().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn urls_are_taken_as_sqlx_takes_them() {
    let url = url().await;
    for query in [
        "sslmode=prefer&application_name=agents&statement-cache-capacity=10",
        "ssl-mode=disable&unknown_key=1",
        "options=-c%20work_mem%3D8MB&options[search_path]=public",
        "connect_timeout=5&target_session_attrs=any",
    ] {
        let built = PostgresCheckpointer::builder().url(format!("{url}?{query}")).table_name("urls").build().await;
        built.unwrap_or_else(|error| panic!("{query}: {error:#}"));
    }
    let postgres = url.replace("postgresql://", "postgres://");
    PostgresCheckpointer::builder().url(postgres).table_name("urls").build().await.unwrap();
}

#[tokio::test]
async fn the_empty_thread_id_is_a_key() {
    let checkpointer = checkpointer(&table()).await;
    checkpointer.save_state(&String::new(), &sample_state()).await.unwrap();
    assert!(checkpointer.load_state(&String::new()).await.unwrap().is_some());
    assert_eq!(checkpointer.list_threads().await.unwrap(), [""]);
}

#[tokio::test]
async fn errors_have_the_peers_contexts() {
    let build = PostgresCheckpointer::builder().build().await.err().unwrap();
    assert_eq!(format!("{build:#}"), "PostgreSQL URL is required");
    for url in ["", "mysql://localhost/x", "postgresql://localhost:port/x"] {
        let error = PostgresCheckpointer::new(url).await.err().unwrap();
        assert_eq!(error.to_string(), "Failed to connect to PostgreSQL", "{url}");
        assert_eq!(cause(&error).status(), Status::Invalid);
    }
    let begun = Instant::now();
    let builder = PostgresCheckpointer::builder().url("postgresql://127.0.0.1:1/x");
    let error = builder.connect_timeout(Duration::from_secs(1000)).build().await.err().unwrap();
    assert_eq!(error.to_string(), "Failed to connect to PostgreSQL");
    assert_eq!(cause(&error).status(), Status::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(100), "a server that is not there is told at once");

    let builder = PostgresCheckpointer::builder().url(dsn()).table_name("no_schema.checkpoints");
    let error = builder.build().await.err().unwrap();
    assert_eq!(error.to_string(), "Failed to initialize database schema");
    assert!(format!("{error:#}").contains("Failed to create checkpoints table: "));
    assert_eq!(cause(&error).sqlstate(), Some("3F000"));

    let table = table();
    let checkpointer = checkpointer(&table).await;
    let error = checkpointer.save_state(&"nul\0".to_owned(), &sample_state()).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), cause(&error).status()),
        ("Failed to save state to PostgreSQL", Status::Invalid)
    );
    let mut state = sample_state();
    state.files.insert("nul".to_owned(), "\0".to_owned());
    let error = checkpointer.save_state(&"t".to_owned(), &state).await.unwrap_err();
    assert_eq!(cause(&error).sqlstate(), Some("22P05"));
    assert!(format!("{error:#}").contains("unsupported Unicode escape sequence"));

    client().await.execute(&format!("drop table {table}"), &[]).await.unwrap();
    let load = checkpointer.load_state(&"t".to_owned()).await.unwrap_err();
    let delete = checkpointer.delete_thread(&"t".to_owned()).await.unwrap_err();
    let list = checkpointer.list_threads().await.unwrap_err();
    assert_eq!(load.to_string(), "Failed to load state from PostgreSQL");
    assert_eq!(delete.to_string(), "Failed to delete thread from PostgreSQL");
    assert_eq!(list.to_string(), "Failed to list threads from PostgreSQL");
    assert_eq!(cause(&list).sqlstate(), Some("42P01"));
}

#[tokio::test]
async fn what_is_no_state_is_refused_as_the_peer_refuses_it() {
    let table = table();
    let checkpointer = checkpointer(&table).await;
    let client = client().await;
    for (document, says) in [
        ("{}", "missing field `todos`"),
        ("null", "invalid type: null, expected struct AgentStateSnapshot"),
        (r#"{"todos":[{"content":"x","status":"odd"}],"files":{},"scratchpad":{}}"#, "unknown variant `odd`"),
    ] {
        let sql = format!("insert into {table} values ('t', '{document}') on conflict (thread_id) do update set state = excluded.state");
        client.execute(&sql, &[]).await.unwrap();
        let error = checkpointer.load_state(&"t".to_owned()).await.unwrap_err();
        assert_eq!(error.to_string(), "Failed to deserialize agent state from JSON");
        assert!(error.root_cause().to_string().starts_with(says), "{error:#}");
    }
    let more = r#"{"todos":[],"files":{},"scratchpad":{"n":1e16},"unknown":1}"#;
    client.execute(&format!("update {table} set state = '{more}'"), &[]).await.unwrap();
    let loaded = checkpointer.load_state(&"t".to_owned()).await.unwrap().unwrap();
    assert_eq!(loaded.scratchpad["n"], serde_json::json!(10_000_000_000_000_000_u64));
}

#[tokio::test]
async fn a_role_with_data_rights_only_can_build() {
    let (client, table) = (client().await, table());
    checkpointer(&table).await;
    let role = format!("{table}_role");
    let rights = format!(
        "create role {role} login; revoke create on schema public from public; \
         grant select, insert, update, delete on {table} to {role}"
    );
    client.batch_execute(&rights).await.unwrap();
    let url = dsn().replace("user=postgres", &format!("user={role}"));
    let built = PostgresCheckpointer::builder().url(url).table_name(&table).build().await;
    built.unwrap().save_state(&"t".to_owned(), &sample_state()).await.unwrap();
    client.batch_execute(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn racing_first_builds_all_succeed() {
    let table = table();
    let builds =
        (0..12).map(|_| PostgresCheckpointer::builder().url(dsn()).table_name(&table).max_connections(1).build());
    for built in futures_util::future::join_all(builds).await {
        built.unwrap();
    }
}

#[tokio::test]
async fn table_names_are_names() {
    for name in ["my-table", r#""Agent Ck""#, "AgentCk", r#""x"";drop table y;--""#, "select"] {
        let checkpointer = checkpointer(name).await;
        checkpointer.save_state(&"t".to_owned(), &sample_state()).await.unwrap();
        assert_eq!(checkpointer.list_threads().await.unwrap(), ["t"], "{name}");
    }
    assert!(stored(&client().await, "agentck", "t").await.is_some());
}

#[tokio::test]
async fn a_timed_out_save_behind_a_lock_blocks_nobody_and_never_comes() {
    let table = table();
    let builder = PostgresCheckpointer::builder().url(dsn()).table_name(&table).max_connections(1);
    let checkpointer = builder.build().await.unwrap();
    let thread = "t".to_owned();
    checkpointer.save_state(&thread, &AgentStateSnapshot::default()).await.unwrap();
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("select from {table} where thread_id = 't' for update"), &[]).await.unwrap();
    let watcher = client().await;
    let before = sessions(&watcher, &table).await;
    let state = sample_state();
    let save = checkpointer.save_state(&thread, &state);
    assert!(tokio::time::timeout(Duration::from_millis(400), save).await.is_err());
    let other_save = checkpointer.save_state(&"other".to_owned(), &sample_state()).await;
    other_save.expect("the only connection is not blocked");
    assert_eq!(sessions(&watcher, &table).await, before, "the only connection was given up");
    until("nobody waits for the lock", || async { blocked(&watcher, &table).await == 0 }).await;
    lock.rollback().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let loaded = checkpointer.load_state(&thread).await.unwrap().unwrap();
    assert!(loaded.todos.is_empty(), "the save came after its caller had been told otherwise");
}
