//! Transactions, and what reads large results in them.

use crate::lease::Held;
use crate::{Error, Lease, Param, Row, Rows, Status, Store};
use std::collections::VecDeque;
use std::future::Future;

/// A transaction, or a part of one that a savepoint begins. It derefs to its [`Lease`], so it has `query`, `execute`, `copy_in`
/// and `copy_out`.
///
/// Dropped without [`commit`](Self::commit) it is rolled back, without being waited for.
#[derive(Debug)]
pub struct Transaction<'a> {
    lease: Held<'a>,
    depth: u32, // 0: the transaction itself
    open: bool,
}

impl std::ops::Deref for Transaction<'_> {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        &self.lease
    }
}

impl Store {
    /// Takes a lease and begins a transaction on it.
    pub async fn begin(&self) -> Result<Transaction<'static>, Error> {
        self.begin_with("").await
    }

    /// As [`begin`](Self::begin), with the modes of SQL's `begin`: `"isolation level serializable, read only"`.
    pub async fn begin_with(&self, modes: &str) -> Result<Transaction<'static>, Error> {
        let lease = self.lease().await?;
        lease.query(&format!("begin {modes}"), &[]).await?;
        Ok(Transaction { lease: Held::Own(lease), depth: 0, open: true })
    }

    /// Calls `work` with a transaction, commits when it gives `Ok`, and rolls back when it gives `Err` or is dropped. What is
    /// left of the transaction afterwards refuses every statement.
    ///
    /// # Errors
    /// That of `work`, or of beginning or committing.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// use statekeep::params;
    /// let left: i64 = store
    ///     .transaction(|tx| async move {
    ///         tx.execute("update accounts set held = held - $1 where id = $2", &params![10, 1]).await?;
    ///         tx.query("select held from accounts where id = $1", &params![1]).await?.one()
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub async fn transaction<T, E, F, W>(&self, work: F) -> Result<T, E>
    where
        E: From<Error>,
        F: FnOnce(Transaction<'static>) -> W,
        W: Future<Output = Result<T, E>>,
    {
        let lease = self.lease().await?;
        lease.query("begin", &[]).await?;
        let begun = || Transaction { lease: Held::Own(lease.clone()), depth: 0, open: true };
        let worked = work(begun()).await;
        let ended = match &worked {
            Ok(_) => begun().commit().await,
            Err(_) => begun().rollback().await,
        };
        lease.give_back();
        let value = worked?; // before what became of its end
        ended?;
        Ok(value)
    }

    /// Reads a large result piece by piece, in a transaction of its own that ends with the stream.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// let mut stream = store.stream("select id from events", &[]).await?;
    /// while let Some(row) = stream.next().await? {
    ///     let id: i64 = row.to()?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn stream(&self, sql: &str, params: &[Param<'_>]) -> Result<RowStream<'static>, Error> {
        let lease = self.lease().await?;
        lease.query("begin", &[]).await?;
        RowStream::open(Held::Own(lease), sql, params).await
    }
}

impl Transaction<'_> {
    /// Begins a part that can be rolled back alone: a savepoint.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        let mut nested = Transaction { depth: self.depth + 1, open: false, lease: Held::Of(&self.lease) };
        self.lease.query(&format!("savepoint {}", nested.savepoint()), &[]).await?;
        nested.open = true;
        Ok(nested)
    }

    fn savepoint(&self) -> String {
        format!("statekeep_{}", self.depth)
    }

    fn undo_sql(&self) -> String {
        let savepoint = self.savepoint();
        format!("rollback to savepoint {savepoint}; release savepoint {savepoint}")
    }

    /// Commits, or lets go of the savepoint.
    ///
    /// # Errors
    /// After any error everything since the beginning is undone, but for [`Status::Unknown`] of the transaction itself, which
    /// leaves that open. A transaction in which a statement had failed is [`Status::Invalid`] with SQLSTATE 25P02.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.depth > 0 {
            self.lease.query(&format!("release savepoint {}", self.savepoint()), &[]).await?; // else drop rolls back
            self.open = false;
            return Ok(());
        }
        let ended = self.lease.query("commit", &[]).await?;
        self.open = false;
        match ended.command() {
            "ROLLBACK" => Err(Error::refused("25P02", "a statement had failed, so the transaction was rolled back")),
            _ => Ok(()),
        }
    }

    /// Undoes everything since the beginning.
    pub async fn rollback(mut self) -> Result<(), Error> {
        let undo = if self.depth > 0 { self.undo_sql() } else { "rollback".to_owned() };
        self.lease.query(&undo, &[]).await?;
        self.open = false;
        Ok(())
    }

    /// Reads a large result piece by piece, by a cursor at the server, so that memory holds one piece of it. Several streams
    /// may be read, and other statements run, in turn.
    pub async fn stream(&self, sql: &str, params: &[Param<'_>]) -> Result<RowStream<'_>, Error> {
        RowStream::open(Held::Of(&self.lease), sql, params).await
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open && self.depth > 0 {
            self.lease.forget(&self.undo_sql()); // the outer transaction goes on after it
        }
    }
}

const FIRST: usize = 64; // rows of the first piece, whose size is not known
const MOST: usize = 10_000; // rows of a piece
const BYTES: usize = 256 << 10; // about this many a piece, or one row

/// A large result, read in pieces that fit into memory. From [`Store::stream`] and [`Transaction::stream`].
#[derive(Debug)]
pub struct RowStream<'a> {
    lease: Held<'a>,
    cursor: String,
    want: usize,
    rows: VecDeque<Row>,
    open: bool,  // the cursor is there
    ended: bool, // and has no more
}

impl<'a> RowStream<'a> {
    async fn open(lease: Held<'a>, sql: &str, params: &[Param<'_>]) -> Result<RowStream<'a>, Error> {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let cursor = format!("statekeep_{}", NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        lease.query(&format!("declare {cursor} no scroll cursor for {sql}"), params).await?;
        Ok(RowStream { lease, cursor, want: FIRST, rows: VecDeque::new(), open: true, ended: false })
    }

    /// The next row; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.rows.is_empty() && !self.ended {
            self.rows = self.fetch().await?.into_iter().collect();
        }
        Ok(self.rows.pop_front())
    }

    /// The rows of the next piece, those left over by [`next`](Self::next) first; none after the last one.
    pub async fn next_batch(&mut self) -> Result<Vec<Row>, Error> {
        if self.rows.is_empty() && !self.ended {
            return Ok(self.fetch().await?.into_iter().collect());
        }
        Ok(std::mem::take(&mut self.rows).into())
    }

    async fn fetch(&mut self) -> Result<Rows, Error> {
        let fetched = self.lease.query(&format!("fetch forward {} from {}", self.want, self.cursor), &[]).await;
        self.ended = fetched.as_ref().map_or(true, |rows| rows.len() < self.want);
        self.open = fetched.is_ok(); // what fails fails the transaction, and that ends its cursors
        let rows = fetched?;
        let size: usize = rows.iter().map(Row::size).sum();
        self.want = (BYTES * rows.len() / (size + 1)).clamp(1, MOST);
        Ok(rows)
    }
}

impl Drop for RowStream<'_> {
    fn drop(&mut self) {
        if let (Held::Of(lease), true) = (&self.lease, self.open) {
            lease.forget(&format!("close {}", self.cursor));
        }
    }
}

impl Error {
    fn refused(sqlstate: &str, message: &str) -> Error {
        let text = serde_json::json!({"status": Status::Invalid.name(), "sqlstate": sqlstate, "message": message});
        Error::from_json("sql.query", Status::Invalid.name(), &text.to_string())
    }
}
