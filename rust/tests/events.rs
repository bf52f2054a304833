//! The log events of `PostgresCheckpointer` are the peer's.
#![cfg(feature = "agents")]

mod support;

use agents_core::persistence::Checkpointer;
use agents_core::state::AgentStateSnapshot;
use statekeep::PostgresCheckpointer;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use support::{dsn, table};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the crate's events as "level name=value …", names in order.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(format!("{field}={value:?}"));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("statekeep")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert_eq!(*event.metadata().level(), Level::DEBUG);
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        fields.0.sort();
        self.0.lock().unwrap().push(fields.0.join(" "));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn each_call_but_the_list_is_told() {
    let (recorder, table, thread) = (Recorder::default(), table(), "t".to_owned());
    let _recording = tracing::subscriber::set_default(recorder.clone());
    let checkpointer = PostgresCheckpointer::builder().url(dsn()).table_name(&table).build().await.unwrap();
    checkpointer.save_state(&thread, &AgentStateSnapshot::default()).await.unwrap();
    checkpointer.load_state(&thread).await.unwrap();
    checkpointer.list_threads().await.unwrap();
    checkpointer.delete_thread(&thread).await.unwrap();
    checkpointer.load_state(&thread).await.unwrap();
    let said = [
        "Saved agent state to PostgreSQL",
        "Loaded agent state from PostgreSQL",
        "Deleted thread from PostgreSQL",
        "No saved state found in PostgreSQL",
    ];
    let wanted: Vec<String> = said.map(|message| format!("message={message} table={table} thread_id=t")).into();
    assert_eq!(*recorder.0.lock().unwrap(), wanted);
}
