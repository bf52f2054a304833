//! Leases, transactions and streams.

mod support;

use futures_util::future::{join_all, poll_immediate};
use statekeep::{params, Error, Options, Status, Store};
use std::time::Duration;

fn open(options: impl FnOnce(Options) -> Options) -> Store {
    Store::open(&support::dsn(), options(Options::new())).unwrap()
}

async fn table_of_numbers(store: &Store) -> String {
    let table = support::table();
    store.execute(&format!("create table {table} (n int primary key)"), &[]).await.unwrap();
    table
}

async fn numbers(store: &Store, table: &str) -> Vec<i32> {
    store.query(&format!("select n from {table} order by n"), &[]).await.unwrap().to().unwrap()
}

async fn leases_out(store: &Store) -> i64 {
    let stats: serde_json::Value = serde_json::from_str(&store.stats().await.unwrap()).unwrap();
    stats["leases"]["out"].as_i64().unwrap()
}

#[tokio::test]
async fn a_statement_needs_no_lease() {
    let store = open(|options| options);
    let rows = store.query("select 1 as a; select 2 as b; set time zone 'UTC'", &[]).await.unwrap();
    assert_eq!((rows.one::<i32>().unwrap(), rows.more().len()), (1, 2));
    assert_eq!((rows.more()[0].one::<i32>().unwrap(), rows.more()[1].command()), (2, "SET"));
    assert_eq!(rows.more()[1].count(), None);
    assert_eq!(store.execute("create temp table gone as select generate_series(1, 3)", &[]).await.unwrap(), 3);
    let refused = store.query("selec 1", &[]).await.unwrap_err();
    assert_eq!((refused.status(), refused.op(), refused.position()), (Status::Invalid, Some("sql.query"), Some(1)));
    let table = table_of_numbers(&store).await;
    let twice = format!("insert into {table} values (1), (1)");
    let refused = store.execute(&twice, &[]).await.unwrap_err();
    assert_eq!((refused.status(), refused.table()), (Status::Conflict, Some(table.as_str())));
    assert_eq!(refused.constraint(), Some(format!("{table}_pkey").as_str()));
}

#[tokio::test]
async fn a_lease_is_one_session_and_comes_back_clean() {
    let store = open(|options| options.connections(2));
    let lease = store.lease().await.unwrap();
    lease.execute("create temp table mine (n int); set application_name to 'tired'", &[]).await.unwrap();
    assert_eq!(lease.execute("insert into mine values ($1), ($2)", &params![1, 2]).await.unwrap(), 2);
    let late = store.with_deadline(Duration::from_millis(50)).lease().await.unwrap_err();
    assert_eq!(late.status(), Status::Deadline);
    store.ping().await.unwrap();
    drop(lease);
    let lease = store.lease().await.unwrap();
    assert_ne!(lease.query("show application_name", &[]).await.unwrap().one::<String>().unwrap(), "tired");
    assert_eq!(lease.query("select from mine", &[]).await.unwrap_err().sqlstate(), Some("42P01"));
}

#[tokio::test]
async fn a_dropped_statement_stops_at_the_server() {
    let store = open(|options| options);
    let lease = store.lease().await.unwrap();
    let pid = |rows: Result<statekeep::Rows, Error>| rows.unwrap().one::<i32>().unwrap();
    let before = pid(lease.query("select pg_backend_pid()", &[]).await);
    let sleep = lease.query("select pg_sleep(600)", &[]); // far beyond the next one's deadline
    tokio::time::timeout(Duration::from_millis(50), sleep).await.unwrap_err();
    assert_eq!(pid(lease.query("select pg_backend_pid()", &[]).await), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takers_that_go_away_lose_no_lease() {
    let store = open(|options| options.connections(2));
    let mut takers = Vec::new();
    for n in 0..200 {
        let store = store.clone();
        takers.push(tokio::spawn(async move {
            tokio::time::timeout(Duration::from_micros(20 * n), store.lease()).await.map(drop)
        }));
    }
    for taker in takers {
        let _ = taker.await.unwrap();
    }
    for _ in 0..3 {
        poll_immediate(store.lease()).await; // polled once, and dropped when it may have been granted
        let waiting = Box::pin(store.lease());
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(waiting);
    }
    drop(store.with_deadline(Duration::from_secs(10)).lease().await.unwrap());
    assert_eq!(leases_out(&store).await, 0);
}

#[tokio::test]
async fn an_unused_lease_is_taken_back() {
    let store = open(|options| options.lease_idle(Duration::from_millis(50)));
    let lease = store.lease().await.unwrap();
    support::until("it is taken back", || async { leases_out(&store).await == 0 }).await;
    assert_eq!(lease.query("select 1", &[]).await.unwrap_err().status(), Status::Invalid);
}

#[tokio::test]
async fn transactions_commit_and_roll_back() {
    let store = &open(|options| options);
    let table = &table_of_numbers(store).await;
    let insert = |n: i32| format!("insert into {table} values ({n})");
    let seen = store
        .transaction(|tx| async move {
            tx.execute(&insert(1), &[]).await?;
            Ok::<_, Error>(numbers(store, table).await)
        })
        .await
        .unwrap();
    assert!(seen.is_empty(), "others see what is not committed");
    let failed = store
        .transaction(|tx| async move {
            tx.execute(&insert(2), &[]).await?;
            Err::<(), Box<dyn std::error::Error>>("failed".into())
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "failed");
    let mut dropped = store.begin().await.unwrap();
    dropped.execute(&insert(3), &[]).await.unwrap();
    dropped.begin().await.unwrap().commit().await.unwrap();
    drop(dropped);
    let broken = store.begin().await.unwrap();
    broken.execute(&insert(4), &[]).await.unwrap();
    broken.execute(&insert(1), &[]).await.unwrap_err();
    assert_eq!(broken.commit().await.unwrap_err().sqlstate(), Some("25P02"));
    let modes = store.begin_with("isolation level serializable, read only").await.unwrap();
    let shown = modes.query("show transaction_isolation", &[]).await.unwrap();
    assert_eq!(shown.one::<String>().unwrap(), "serializable");
    modes.rollback().await.unwrap();
    let kept = store.transaction(|tx| async move { Ok::<_, Error>(tx) }).await.unwrap();
    assert_eq!(kept.query("select 1", &[]).await.unwrap_err().status(), Status::Invalid);
    assert_eq!((numbers(store, table).await, leases_out(store).await), (vec![1], 0));
}

#[tokio::test]
async fn parts_of_a_transaction_are_undone_alone() {
    let store = open(|options| options);
    let table = table_of_numbers(&store).await;
    let insert = |n: i32| format!("insert into {table} values ({n})");
    let mut tx = store.begin().await.unwrap();
    tx.execute(&insert(1), &[]).await.unwrap();
    let mut part = tx.begin().await.unwrap();
    part.execute(&insert(2), &[]).await.unwrap();
    let inner = part.begin().await.unwrap();
    inner.execute(&insert(3), &[]).await.unwrap();
    inner.commit().await.unwrap();
    part.rollback().await.unwrap();
    let part = tx.begin().await.unwrap();
    part.execute(&insert(1), &[]).await.unwrap_err();
    assert_eq!(part.commit().await.unwrap_err().sqlstate(), Some("25P02"));
    let part = tx.begin().await.unwrap();
    part.execute(&insert(4), &[]).await.unwrap();
    drop(part);
    let part = tx.begin().await.unwrap();
    part.execute(&insert(5), &[]).await.unwrap();
    part.commit().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(numbers(&store, &table).await, [1, 5]);
}

/// 64 transactions share 3 leases beside operations: neither may starve the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_few_leases() {
    let store = open(|options| options.connections(4));
    let table = table_of_numbers(&store).await;
    store.execute(&format!("insert into {table} values (0)"), &[]).await.unwrap();
    let tasks = (0..64).map(|_| {
        let (store, table) = (store.clone(), table.clone());
        tokio::spawn(async move {
            let (operations, update) = (&store, format!("update {table} set n = n + 1"));
            let transaction = store.transaction(|tx| async move {
                operations.ping().await?; // an operation inside a transaction
                tx.execute(&update, &[]).await
            });
            transaction.await.unwrap()
        })
    });
    assert!(join_all(tasks).await.into_iter().all(|changed| changed.unwrap() == 1));
    assert_eq!(numbers(&store, &table).await, [64]);
}

#[tokio::test]
async fn a_stream_gives_every_row_in_order() {
    let store = open(|options| options);
    for count in [0, 1, 64, 65, 30_000] {
        let sql = "select n, n || 'x' from generate_series(1, $1) n";
        let mut stream = store.stream(sql, &params![count]).await.unwrap();
        let mut seen = 0;
        while let Some(row) = stream.next().await.unwrap() {
            seen += 1;
            assert_eq!(row.to::<(i32, String)>().unwrap(), (seen, format!("{seen}x")));
        }
        assert_eq!(seen, count);
        assert!(stream.next().await.unwrap().is_none());
    }
    let mut stream = store.stream("select repeat('x', 100000) from generate_series(1, 200)", &[]).await.unwrap();
    let (mut largest, mut seen) = (0, 0);
    stream.next().await.unwrap().unwrap();
    loop {
        let batch = stream.next_batch().await.unwrap();
        if batch.is_empty() {
            break;
        }
        seen += batch.len();
        largest = if seen > 63 { largest.max(batch.len()) } else { 0 };
    }
    assert_eq!((seen, largest), (199, 2), "pieces after the first hold about 256 KiB");
    drop(stream);
    assert_eq!(leases_out(&store).await, 0);
}

#[tokio::test]
async fn streams_of_one_transaction_are_read_in_turn() {
    let store = open(|options| options);
    let tx = store.begin().await.unwrap();
    let mut one = tx.stream("select generate_series(1, 200)", &[]).await.unwrap();
    let mut two = tx.stream("select generate_series(1, 200)", &[]).await.unwrap();
    for n in 1..=100 {
        assert_eq!(one.next().await.unwrap().unwrap().to::<i32>().unwrap(), n);
        assert_eq!(two.next().await.unwrap().unwrap().to::<i32>().unwrap(), n);
    }
    drop(two);
    drop(one);
    let open = tx.query("select count(*) from pg_cursors where name like 'statekeep%'", &[]).await.unwrap();
    assert_eq!(open.one::<i64>().unwrap(), 0);
    let mut failing = tx.stream("select 1 / (100 - n) from generate_series(1, 200) n", &[]).await.unwrap();
    while let Ok(Some(_)) = failing.next().await {}
    assert!(failing.next().await.unwrap().is_none(), "after an error nothing comes");
    drop(failing);
    tx.rollback().await.unwrap();
}
