//! Typed calls of the store of agent states.

use crate::json::{decode, encode, Found};
use crate::{Error, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Which part of a list is given: at most `limit` entries, from the `offset`-th on. The default is all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// The most entries; `None`: all.
    pub limit: Option<u32>,
    /// How many entries are left out at the beginning.
    pub offset: u32,
}

impl Page {
    pub(crate) fn limit_arg(self) -> Option<i64> {
        self.limit.map(i64::from)
    }

    pub(crate) fn offset_arg(self) -> i64 {
        i64::from(self.offset)
    }
}

/// Where [`State::search`] found what it looked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Match {
    /// Whose it is.
    pub agent_id: String,
    /// In which session.
    pub session_id: String,
    /// When it was saved, in UTC: `"2026-01-31T12:00:00.000000Z"`.
    pub updated_at: String,
}

/// One JSON document for each pair of agent and session; ids are not empty. From [`Store::state`].
///
/// Documents go through serde: what your types cannot hold of a number is lost in them, not in the store.
/// [`Store::call`] gives the text as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct State<'a>(pub(crate) &'a Store);

impl State<'_> {
    /// Makes the table and its indexes where the table is not there yet.
    pub async fn setup(&self) -> Result<(), Error> {
        self.0.run(c"state.setup", &[]).await.map(drop)
    }

    /// Makes the index that [`search`](Self::search) is quick with.
    pub async fn index(&self) -> Result<(), Error> {
        self.0.run(c"state.index", &[]).await.map(drop)
    }

    /// Stores the state of a session in place of the one it had.
    pub async fn save<T: Serialize + ?Sized>(&self, agent: &str, session: &str, state: &T) -> Result<(), Error> {
        let state = encode("state.save", state)?;
        self.0.run(c"state.save", &[agent.into(), session.into(), state.into()]).await.map(drop)
    }

    /// The state of a session; `None` when it has none.
    pub async fn load<T: DeserializeOwned>(&self, agent: &str, session: &str) -> Result<Option<T>, Error> {
        let text = self.0.run(c"state.find", &[agent.into(), session.into()]).await?;
        Ok(decode::<Option<Found<T>>>("state.find", &text)?.map(|found| found.state))
    }

    /// Deletes the state of a session; no error when it has none.
    pub async fn delete(&self, agent: &str, session: &str) -> Result<(), Error> {
        self.0.run(c"state.delete", &[agent.into(), session.into()]).await.map(drop)
    }

    /// The sessions of an agent, most recently saved first.
    pub async fn list(&self, agent: &str, page: Page) -> Result<Vec<String>, Error> {
        let args = [agent.into(), page.limit_arg().into(), page.offset_arg().into()];
        decode("state.list", &self.0.run(c"state.list", &args).await?)
    }

    /// How many states the table holds (exact: reads the whole table).
    pub async fn count(&self) -> Result<u64, Error> {
        decode("state.count", &self.0.run(c"state.count", &[]).await?)
    }

    /// The sessions whose state contains `part` (PostgreSQL's `@>`), most recently saved first.
    pub async fn search<T: Serialize + ?Sized>(&self, part: &T, page: Page) -> Result<Vec<Match>, Error> {
        let part = encode("state.search", part)?;
        let args = [part.into(), page.limit_arg().into(), page.offset_arg().into()];
        decode("state.search", &self.0.run(c"state.search", &args).await?)
    }
}
