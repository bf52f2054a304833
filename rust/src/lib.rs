//! What software agents must remember, kept in PostgreSQL. Calls of many tasks that wait at the same time travel together:
//! one statement, one round trip, one commit for all of them.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), statekeep::Error> {
//! let store = statekeep::Store::open("embedded:", statekeep::Options::new())?;
//! store.state().setup().await?;
//! store.state().save("agent", "session", &vec![1, 2, 3]).await?;
//! let state: Option<Vec<u32>> = store.state().load("agent", "session").await?;
//! store.close().await;
//! # Ok(()) }
//! ```
//!
//! The crate is the C core, compiled along with it: building needs a C compiler, libpq and cJSON with their headers. It
//! starts no thread; a task on the caller's runtime waits for the core. With the feature `agents` it has a
//! `PostgresCheckpointer` for rust-deep-agents.

mod arg;
mod cell;
mod checkpoint;
mod copy;
mod drive;
mod engine;
mod error;
mod ffi;
mod json;
mod lease;
mod options;
mod param;
mod request;
mod row_cells;
mod rows;
mod server_text;
mod shared;
mod state;
mod store;
mod transaction;

/// The examples of the README, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "agents")]
mod checkpointer;
#[cfg(feature = "agents")]
mod url;

pub use arg::Arg;
pub use checkpoint::{Checkpoint, Versioned};
#[cfg(feature = "agents")]
pub use checkpointer::{PostgresCheckpointer, PostgresCheckpointerBuilder};
pub use copy::{CopyIn, CopyOut, Notification};
pub use engine::{catalog, version};
pub use error::{Error, Status};
pub use lease::{Lease, Listener};
pub use options::Options;
pub use param::Param;
pub use rows::{Column, Row, Rows};
pub use state::{Match, Page, State};
pub use store::Store;
pub use transaction::{RowStream, Transaction};
