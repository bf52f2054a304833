//! `PostgresCheckpointer` for rust-deep-agents, in place of the one of `agents-persistence`: the same table, documents,
//! builder, error contexts and log events.

use crate::json::Found;
use crate::url::without_unknown;
use crate::{Error, Options, Page, Status, Store};
use agents_core::persistence::{Checkpointer, ThreadId};
use agents_core::state::AgentStateSnapshot;
use anyhow::Context;
use async_trait::async_trait;
use std::time::Duration;

const TABLE: &str = "agent_checkpoints";
const CONNECTIONS: u32 = 10;
/// The engine's own limit; more connections would not be quicker.
const CONNECTIONS_MOST: u32 = 128;

/// A [`Checkpointer`] on PostgreSQL. Clones share its connections.
///
/// Errors are `anyhow` errors with the peer's contexts; their cause downcasts to [`Error`], which has the SQLSTATE.
/// Dropping a call lets go of it; behind a foreign row lock it leaves no connection blocked.
///
/// ```no_run
/// use statekeep::PostgresCheckpointer;
///
/// # async fn example() -> anyhow::Result<()> {
/// let checkpointer = PostgresCheckpointer::builder()
///     .url("postgresql://user:pass@localhost/agents")
///     .table_name("my_checkpoints")
///     .build()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresCheckpointer {
    store: Store,
    table_name: String,
}

impl PostgresCheckpointer {
    /// Connects with the default settings, and makes the table where it is not there yet.
    pub async fn new(database_url: &str) -> anyhow::Result<Self> {
        Self::builder().url(database_url).build().await
    }

    /// Settings, one by one.
    pub fn builder() -> PostgresCheckpointerBuilder {
        PostgresCheckpointerBuilder::default()
    }

    /// The store behind it: versions, retention, copies and prefixes are at
    /// [`store().checkpoint()`](Store::checkpoint).
    pub fn store(&self) -> &Store {
        &self.store
    }
}

#[async_trait]
impl Checkpointer for PostgresCheckpointer {
    async fn save_state(&self, thread_id: &ThreadId, state: &AgentStateSnapshot) -> anyhow::Result<()> {
        let json = serde_json::to_string(state).context("Failed to serialize agent state to JSON")?;
        self.store
            .run(c"checkpoint.save", &[thread_id.into(), json.into()])
            .await
            .context("Failed to save state to PostgreSQL")?;
        tracing::debug!(thread_id = %thread_id, table = %self.table_name, "Saved agent state to PostgreSQL");
        Ok(())
    }

    async fn load_state(&self, thread_id: &ThreadId) -> anyhow::Result<Option<AgentStateSnapshot>> {
        let text = self
            .store
            .run(c"checkpoint.find", &[thread_id.into()])
            .await
            .context("Failed to load state from PostgreSQL")?;
        let state = read(&text).context("Failed to deserialize agent state from JSON")?;
        let found =
            if state.is_some() { "Loaded agent state from PostgreSQL" } else { "No saved state found in PostgreSQL" };
        tracing::debug!(thread_id = %thread_id, table = %self.table_name, "{found}");
        Ok(state)
    }

    async fn delete_thread(&self, thread_id: &ThreadId) -> anyhow::Result<()> {
        self.store
            .run(c"checkpoint.delete", &[thread_id.into()])
            .await
            .context("Failed to delete thread from PostgreSQL")?;
        tracing::debug!(thread_id = %thread_id, table = %self.table_name, "Deleted thread from PostgreSQL");
        Ok(())
    }

    async fn list_threads(&self) -> anyhow::Result<Vec<ThreadId>> {
        let checkpoint = self.store.checkpoint();
        checkpoint.list(None, Page::default()).await.context("Failed to list threads from PostgreSQL")
    }
}

/// The state that was found, if any. What does not fit is read once more by way of a `Value`, whose error is the peer's,
/// without line and column.
fn read(text: &str) -> serde_json::Result<Option<AgentStateSnapshot>> {
    let again = |_| {
        let found: Option<Found<serde_json::Value>> = serde_json::from_str(text)?;
        found.map(|found| serde_json::from_value(found.state)).transpose()
    };
    serde_json::from_str::<Option<Found<_>>>(text).map(|found| found.map(|found| found.state)).or_else(again)
}

/// Settings of a [`PostgresCheckpointer`].
#[derive(Default)]
#[must_use]
pub struct PostgresCheckpointerBuilder {
    url: Option<String>,
    table_name: Option<String>,
    max_connections: Option<u32>,
    min_connections: Option<u32>,
    connect_timeout: Option<Duration>,
}

impl PostgresCheckpointerBuilder {
    /// The server: a URL as sqlx takes it, which ignores what it does not know in the query, or whatever else
    /// [`Store::open`] takes but an empty text.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The table (default: `agent_checkpoints`). Quoted as an identifier, never pasted: a plain name is folded to lower
    /// case, a schema goes before a dot, anything unusual is written in double quotes.
    pub fn table_name(mut self, table_name: impl Into<String>) -> Self {
        self.table_name = Some(table_name.into());
        self
    }

    /// The most server connections (default: 10), opened on demand. More than 128 are 128.
    pub fn max_connections(mut self, max: u32) -> Self {
        self.max_connections = Some(max);
        self
    }

    /// Accepted for the peer's sake (default: 0): connections are opened on demand and kept.
    pub fn min_connections(mut self, min: u32) -> Self {
        self.min_connections = Some(min);
        self
    }

    /// How long calls wait for a server that cannot be reached (default: 5 s).
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = Some(time);
        self
    }

    /// Connects, and makes the table where it is not there yet; so a role with data rights only may build where it is.
    pub async fn build(self) -> anyhow::Result<PostgresCheckpointer> {
        let url = self.url.ok_or_else(|| anyhow::anyhow!("PostgreSQL URL is required"))?;
        let table_name = self.table_name.unwrap_or_else(|| TABLE.to_owned());
        let max = self.max_connections.unwrap_or(CONNECTIONS).max(self.min_connections.unwrap_or(0));
        let mut options = Options::new().connections(max.min(CONNECTIONS_MOST) as usize).table(TABLE, &table_name);
        if let Some(time) = self.connect_timeout {
            options = options.connect_timeout(time);
        }
        let store = connect(&url, options).await.context("Failed to connect to PostgreSQL")?;
        store
            .checkpoint()
            .setup()
            .await
            .context("Failed to create checkpoints table")
            .context("Failed to initialize database schema")?;
        Ok(PostgresCheckpointer { store, table_name })
    }
}

async fn connect(url: &str, options: Options) -> Result<Store, Error> {
    if url.is_empty() {
        return Err(Error::new(Status::Invalid, "", "the URL is empty"));
    }
    let (url, ignored) = without_unknown(url);
    for key in ignored {
        tracing::warn!(key, "ignoring unrecognized connect parameter");
    }
    let store = Store::open(&url, options)?;
    store.ping().await?;
    Ok(store)
}
