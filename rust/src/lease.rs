//! SQL of the caller's own, and the sessions it runs on.

use crate::request::Request;
use crate::shared::granted_lease;
use crate::{ffi, Error, Notification, Param, Rows, Status, Store};
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

/// A server connection of the caller's own, until it and its clones are dropped. Its statements run one after the other, in
/// the order in which they were first polled. At most as many leases are out as the store has connections, less one, so
/// that operations never wait for them.
///
/// Dropping it gives it back: an open transaction is rolled back and the session reset, without being waited for. One that
/// was forgotten (`std::mem::forget`) is taken back after [`Options::lease_idle`](crate::Options::lease_idle).
///
/// Dropping the future of a call cancels its statement at the server; the lease stays usable.
#[derive(Debug, Clone)]
pub struct Lease {
    grant: Arc<Grant>,
    deadline: Option<Duration>,
    patience: Option<Duration>, // with notifications
}

#[derive(Debug)]
struct Grant {
    store: Store,
    id: ffi::Lease,
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.store.shared().engine().give_back(self.id);
    }
}

/// A lease that somebody owns, or one that is only used.
#[derive(Debug)]
pub(crate) enum Held<'a> {
    Own(Lease),
    Of(&'a Lease),
}

impl std::ops::Deref for Held<'_> {
    type Target = Lease;

    fn deref(&self) -> &Lease {
        match self {
            Held::Own(lease) => lease,
            Held::Of(lease) => lease,
        }
    }
}

impl Store {
    /// Takes a lease, behind those who came before.
    ///
    /// # Errors
    /// [`Status::Deadline`] when none came free in time.
    pub async fn lease(&self) -> Result<Lease, Error> {
        let granted = self.perform(Request::Take, self.deadline()).await?;
        match granted_lease(&granted) {
            Ok(id) => {
                let grant = Arc::new(Grant { store: self.clone(), id });
                Ok(Lease { grant, deadline: self.deadline(), patience: None })
            }
            Err(error) => Err(Error::new(Status::Internal, "lease.take", format!("unreadable answer: {error}"))),
        }
    }

    /// Runs a statement of the caller's own as a transaction of its own, in one round trip, on a connection that operations
    /// never travel on. Without parameters the SQL may hold several statements.
    ///
    /// # Errors
    /// What the server refuses is [`Status::Invalid`] with its SQLSTATE; unique and exclusion violations, serialization
    /// failures and deadlocks are [`Status::Conflict`]. Nothing is ever sent twice: [`Status::Unknown`] says that the link
    /// broke, or the deadline passed, after sending.
    ///
    /// ```no_run
    /// # async fn example(store: statekeep::Store) -> Result<(), statekeep::Error> {
    /// use statekeep::params;
    /// let rows = store.query("select id, name from people where age > $1", &params![30]).await?;
    /// for row in &rows {
    ///     let (id, name): (i64, String) = row.to()?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Rows, Error> {
        Rows::read(&self.perform(Request::Query { lease: 0, sql, params }, self.deadline()).await?)
    }

    /// As [`query`](Self::query), for the number of rows that were returned or changed.
    pub async fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, Error> {
        Ok(self.query(sql, params).await?.count().unwrap_or(0))
    }

    /// Sends a notification to a channel.
    pub async fn notify(&self, channel: &str, payload: &str) -> Result<(), Error> {
        self.query("select pg_notify($1, $2)", &[channel.into(), payload.into()]).await.map(drop)
    }

    /// Listens to channels on a lease of its own. Names are taken as they are written, case included.
    pub async fn listen(&self, channels: &[&str]) -> Result<Listener, Error> {
        let lease = self.lease().await?;
        for channel in channels {
            lease.query(&format!("listen \"{}\"", channel.replace('"', "\"\"")), &[]).await?;
        }
        Ok(Listener(lease))
    }
}

impl Lease {
    /// As [`Store::query`], on this session.
    pub async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Rows, Error> {
        Rows::read(&self.run(sql, params).await?)
    }

    /// As [`query`](Self::query), for the number of rows that were returned or changed.
    pub async fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, Error> {
        Ok(self.query(sql, params).await?.count().unwrap_or(0))
    }

    /// Waits for the next notification on a lease that ran `listen …`, as long as it takes or
    /// [`with_deadline`](Self::with_deadline) allows.
    pub async fn notification(&self) -> Result<Notification, Error> {
        let heard = self.grant.store.perform(Request::Notification { lease: self.grant.id }, self.patience).await?;
        serde_json::from_slice(&heard)
            .map_err(|error| Error::new(Status::Internal, "sql.notification", format!("unreadable answer: {error}")))
    }

    /// The same lease, for calls that may take no longer than `time`. It goes back with the last clone.
    #[must_use]
    pub fn with_deadline(&self, time: Duration) -> Lease {
        Lease { grant: self.grant.clone(), deadline: Some(time), patience: Some(time) }
    }

    pub(crate) async fn run(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<u8>, Error> {
        self.grant.store.perform(Request::Query { lease: self.grant.id, sql, params }, self.deadline).await
    }

    /// Gives bytes to a `copy … from stdin`; `None` ends it.
    pub(crate) async fn copy_in_piece(&self, piece: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        self.grant.store.perform(Request::CopyIn { lease: self.grant.id, piece }, self.deadline).await
    }

    pub(crate) async fn copy_in_fail(&self, reason: &str) -> Result<Vec<u8>, Error> {
        let reason = CString::new(reason.replace('\0', " ")).unwrap_or_default();
        self.grant.store.perform(Request::CopyFail { lease: self.grant.id, reason: &reason }, self.deadline).await
    }

    pub(crate) async fn copy_out_piece(&self) -> Result<Vec<u8>, Error> {
        self.grant.store.perform(Request::CopyOut { lease: self.grant.id }, self.deadline).await
    }

    /// Gives it back although somebody may still have it.
    pub(crate) fn give_back(&self) {
        self.grant.store.shared().engine().give_back(self.grant.id);
    }

    /// Sends a statement that nobody waits for; those that come later run after it.
    pub(crate) fn forget(&self, sql: &str) {
        self.grant.store.forget_query(self.grant.id, sql);
    }
}

/// Hears the notifications of some channels, on a lease that it keeps until it is dropped. From [`Store::listen`].
#[derive(Debug)]
pub struct Listener(Lease);

impl Listener {
    /// Waits for the next notification, as long as it takes. What comes between two calls is kept.
    pub async fn next(&mut self) -> Result<Notification, Error> {
        self.0.notification().await
    }
}
