//! COPY on a lease, and notifications.

use crate::{Error, Lease, Rows, Status};
use serde::Deserialize;

/// What somebody sent to a channel by NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// To which channel.
    pub channel: String,
    /// May be empty.
    pub payload: String,
    /// Of the server process that sent it.
    pub pid: i32,
}

/// A `copy … from stdin` under way. From [`Lease::copy_in`]; dropped without [`finish`](Self::finish) it copies nothing.
#[derive(Debug)]
#[must_use]
pub struct CopyIn<'a> {
    lease: &'a Lease,
    open: bool,
}

/// A `copy … to stdout` under way. From [`Lease::copy_out`]; dropped before its end it is broken off.
#[derive(Debug)]
#[must_use]
pub struct CopyOut<'a> {
    lease: &'a Lease,
    open: bool,
}

#[derive(Deserialize)]
struct Began {
    #[serde(default)]
    copy: String,
}

impl Lease {
    /// Runs `copy … from stdin`, whose bytes are then given piece by piece, in the statement's format.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// let lease = store.lease().await?;
    /// let mut copy = lease.copy_in("copy points from stdin (format csv)").await?;
    /// copy.send(b"1,2\n3,4\n").await?;
    /// assert_eq!(copy.finish().await?, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Status::Invalid`] for a statement that is no such copy, too.
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn<'_>, Error> {
        self.start_copy(sql, "in").await?;
        Ok(CopyIn { lease: self, open: true })
    }

    /// Runs `copy … to stdout`, whose bytes are then asked for piece by piece. What is not asked for stays at the server.
    ///
    /// # Errors
    /// [`Status::Invalid`] for a statement that is no such copy, too.
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut<'_>, Error> {
        self.start_copy(sql, "out").await?;
        Ok(CopyOut { lease: self, open: true })
    }

    async fn start_copy(&self, sql: &str, direction: &str) -> Result<(), Error> {
        let began: Began = serde_json::from_slice(&self.run(sql, &[]).await?)
            .map_err(|error| Error::new(Status::Internal, "sql.query", format!("unreadable answer: {error}")))?;
        if began.copy == direction {
            return Ok(());
        }
        if !began.copy.is_empty() {
            self.forget("select"); // a statement breaks a copy off
        }
        Err(Error::new(Status::Invalid, "sql.query", "the statement is no copy in this direction"))
    }
}

impl CopyIn<'_> {
    /// Gives the next bytes, and waits until they are on their way: so memory holds no more than one piece.
    ///
    /// # Errors
    /// Ends the copy. Dropping the future ends it as well, since what was sent of the bytes is not known.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.open = false;
        self.lease.copy_in_piece(Some(bytes)).await?;
        self.open = true;
        Ok(())
    }

    /// Ends the copy, and gives how many rows were copied.
    pub async fn finish(mut self) -> Result<u64, Error> {
        self.open = false;
        let result = self.lease.copy_in_piece(None).await?;
        Ok(Rows::read(&result)?.count().unwrap_or(0))
    }

    /// Ends the copy as failed: nothing is copied. Gives the server's error of SQLSTATE 57014, which holds the reason.
    pub async fn fail(mut self, reason: &str) -> Error {
        self.open = false;
        match self.lease.copy_in_fail(reason).await {
            Err(error) => error,
            Ok(_) => Error::new(Status::Internal, "sql.copy_in", "a failed copy was taken for a whole one"),
        }
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if self.open {
            self.lease.forget("select"); // a statement breaks a copy off
        }
    }
}

impl CopyOut<'_> {
    /// The next bytes, whole rows of at most about 1 MiB (or one row); `None` after the last ones.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if !self.open {
            return Ok(None);
        }
        self.open = false; // an error is the end, too, and so is a future that was dropped
        let piece = self.lease.copy_out_piece().await?;
        self.open = !piece.is_empty();
        Ok(self.open.then_some(piece))
    }
}

impl Drop for CopyOut<'_> {
    fn drop(&mut self) {
        if self.open {
            self.lease.forget("select"); // a statement breaks a copy off
        }
    }
}
