//! Copies and notifications.

mod support;

use statekeep::{Options, Status, Store};
use std::time::Duration;

fn open() -> Store {
    Store::open(&support::dsn(), Options::new()).unwrap()
}

#[tokio::test]
async fn rows_are_copied_in_and_out() {
    let store = open();
    let lease = store.lease().await.unwrap();
    lease.execute("create temp table lines (n int, text text)", &[]).await.unwrap();
    let input: String = (0..50_000).map(|n| format!("{n}\tline {n} é\n")).collect();
    let mut copy = lease.copy_in("copy lines from stdin").await.unwrap();
    for piece in input.as_bytes().chunks(10_000) {
        copy.send(piece).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), 50_000);
    let mut output = Vec::new();
    let mut copy = lease.copy_out("copy (select * from lines order by n) to stdout").await.unwrap();
    while let Some(piece) = copy.next().await.unwrap() {
        assert!(piece.len() < 3 << 20);
        output.extend(piece);
    }
    assert!(copy.next().await.unwrap().is_none());
    assert_eq!(output.len(), input.len());
    assert_eq!(output, input.as_bytes());
}

#[tokio::test]
async fn a_copy_that_breaks_leaves_the_lease_good() {
    let store = open();
    let lease = store.lease().await.unwrap();
    lease.execute("create temp table numbers (n int)", &[]).await.unwrap();
    let empty = async |when: &str| {
        let count = lease.query("select count(*) from numbers", &[]).await;
        assert_eq!(count.unwrap_or_else(|error| panic!("{when}: {error}")).one::<i32>().unwrap(), 0, "{when}");
    };
    let mut copy = lease.copy_in("copy numbers from stdin").await.unwrap();
    copy.send(b"1\n").await.unwrap();
    let told = copy.fail("no more").await;
    assert!(told.sqlstate() == Some("57014") && told.message().contains("no more"), "{told:?}");
    empty("failed").await;
    let mut copy = lease.copy_in("copy numbers from stdin").await.unwrap();
    copy.send(b"1\n").await.unwrap();
    drop(copy);
    empty("dropped").await;
    let mut copy = lease.copy_in("copy numbers from stdin").await.unwrap();
    copy.send(b"1\nx\n").await.unwrap();
    assert_eq!(copy.finish().await.unwrap_err().sqlstate(), Some("22P02"));
    empty("refused").await;
    let mut copy = lease.copy_out("copy (select generate_series(1, 1000000)) to stdout").await.unwrap();
    copy.next().await.unwrap().unwrap();
    drop(copy);
    empty("broken off").await;
    for statement in ["select 1", "copy numbers to stdout"] {
        assert_eq!(lease.copy_in(statement).await.unwrap_err().status(), Status::Invalid);
    }
    assert_eq!(lease.copy_out("copy numbers from stdin").await.unwrap_err().status(), Status::Invalid);
    empty("in the wrong direction").await;
}

#[tokio::test]
async fn notifications_are_heard_in_order() {
    let store = open();
    let channel = format!("Odd \"channel\" {}", support::table());
    let mut listener = store.listen(&[&channel]).await.unwrap();
    tokio::time::timeout(Duration::from_millis(30), listener.next()).await.unwrap_err();
    for payload in ["first", "second é"] {
        store.notify(&channel, payload).await.unwrap();
    }
    for payload in ["first", "second é"] {
        let heard = listener.next().await.unwrap();
        assert_eq!((heard.channel.as_str(), heard.payload.as_str()), (channel.as_str(), payload));
        assert!(heard.pid > 0);
    }
    let waiting = tokio::spawn(async move { listener.next().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.ping().await.unwrap(); // others go on while it waits
    tokio::time::pause(); // only what is waited for takes time now
    let begun = tokio::time::Instant::now();
    store.close().await;
    assert!(waiting.await.unwrap().is_err());
    assert!(begun.elapsed() < Duration::from_secs(3), "a listener holds up the store's end");
}
