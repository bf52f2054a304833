//! Typed calls of the store of checkpoints.

use crate::json::{decode, encode, Found};
use crate::{Error, Page, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A state with its version, the number of times it was saved since versions are counted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Versioned<T> {
    /// The document.
    pub state: T,
    /// At least 1.
    pub version: i64,
}

/// The latest state of each thread of a run; the empty thread id is a key like any other. From [`Store::checkpoint`].
///
/// Documents go through serde: what your types cannot hold of a number is lost in them, not in the store.
/// [`Store::call`] gives the text as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a>(pub(crate) &'a Store);

impl Checkpoint<'_> {
    /// Makes the table and its index where the table is not there yet.
    pub async fn setup(&self) -> Result<(), Error> {
        self.0.run(c"checkpoint.setup", &[]).await.map(drop)
    }

    /// Adds the column that counts versions. Saves that know nothing of it count, too.
    pub async fn setup_versions(&self) -> Result<(), Error> {
        self.0.run(c"checkpoint.setup_versions", &[]).await.map(drop)
    }

    /// Stores the state of a thread in place of the one it had.
    pub async fn save<T: Serialize + ?Sized>(&self, thread: &str, state: &T) -> Result<(), Error> {
        let state = encode("checkpoint.save", state)?;
        self.0.run(c"checkpoint.save", &[thread.into(), state.into()]).await.map(drop)
    }

    /// The state of a thread; `None` when it has none.
    pub async fn load<T: DeserializeOwned>(&self, thread: &str) -> Result<Option<T>, Error> {
        let text = self.0.run(c"checkpoint.find", &[thread.into()]).await?;
        Ok(decode::<Option<Found<T>>>("checkpoint.find", &text)?.map(|found| found.state))
    }

    /// The states of many threads in one call, in the order asked for; threads that have none are left out.
    pub async fn load_many<T: DeserializeOwned>(&self, threads: &[&str]) -> Result<Vec<(String, T)>, Error> {
        #[derive(Deserialize)]
        struct Row<T> {
            thread_id: String,
            state: T,
        }
        let threads = encode("checkpoint.load_many", threads)?;
        let text = self.0.run(c"checkpoint.load_many", &[threads.into()]).await?;
        let rows: Vec<Row<T>> = decode("checkpoint.load_many", &text)?;
        Ok(rows.into_iter().map(|row| (row.thread_id, row.state)).collect())
    }

    /// Deletes the state of a thread; no error when it has none.
    pub async fn delete(&self, thread: &str) -> Result<(), Error> {
        self.0.run(c"checkpoint.delete", &[thread.into()]).await.map(drop)
    }

    /// The threads, most recently saved first; with a prefix only those whose id begins with it.
    pub async fn list(&self, prefix: Option<&str>, page: Page) -> Result<Vec<String>, Error> {
        let args = [page.limit_arg().into(), page.offset_arg().into(), prefix.into()];
        decode("checkpoint.list", &self.0.run(c"checkpoint.list", &args).await?)
    }

    /// Copies the state of a thread to another one, in place of what that had.
    ///
    /// # Errors
    /// [`Status::Absent`](crate::Status::Absent) when there is nothing to copy.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        self.0.run(c"checkpoint.copy", &[from.into(), to.into()]).await.map(drop)
    }

    /// Stores the state of a thread if its version is the expected one (`None`: if it has no state) and gives the new
    /// version. Needs [`setup_versions`](Self::setup_versions).
    ///
    /// # Errors
    /// [`Status::Conflict`](crate::Status::Conflict) when it has another version: somebody saved since it was loaded.
    pub async fn save_version<T>(&self, thread: &str, state: &T, expected: Option<i64>) -> Result<i64, Error>
    where
        T: Serialize + ?Sized,
    {
        let state = encode("checkpoint.save_version", state)?;
        let args = [thread.into(), state.into(), expected.into()];
        decode("checkpoint.save_version", &self.0.run(c"checkpoint.save_version", &args).await?)
    }

    /// The state of a thread with its version; `None` when it has none. Needs [`setup_versions`](Self::setup_versions).
    pub async fn load_version<T: DeserializeOwned>(&self, thread: &str) -> Result<Option<Versioned<T>>, Error> {
        decode("checkpoint.load_version", &self.0.run(c"checkpoint.load_version", &[thread.into()]).await?)
    }

    /// How many threads were last saved more than `keep_days` days ago.
    pub async fn count_expired(&self, keep_days: u32) -> Result<u64, Error> {
        decode(
            "checkpoint.count_expired",
            &self.0.run(c"checkpoint.count_expired", &[i64::from(keep_days).into()]).await?,
        )
    }

    /// Deletes the threads that were last saved more than `keep_days` days ago, oldest first and `batch` (at least 1) in
    /// a transaction, and gives how many. Rows that another session has locked are left.
    pub async fn delete_expired(&self, keep_days: u32, batch: u32) -> Result<u64, Error> {
        let args = [i64::from(keep_days).into(), i64::from(batch.max(1)).into()];
        let mut deleted = 0;
        loop {
            let text = self.0.run(c"checkpoint.delete_expired", &args).await?;
            match decode::<u64>("checkpoint.delete_expired", &text)? {
                0 => return Ok(deleted),
                count => deleted += count,
            }
        }
    }
}
