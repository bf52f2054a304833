//! Dropped calls, deadlines, full queues and closing.

mod support;

use futures_util::future::{join_all, poll_immediate};
use statekeep::{Page, Status};
use std::time::Duration;
use support::{blocked, checkpoints, client, sessions, stored, until};

/// Numbers without a pattern, the same each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

async fn cancelled_at_random() {
    let (store, table) = checkpoints(|options| options.connections(3)).await;
    for n in 0..200 {
        store.checkpoint().save(&n.to_string(), &n).await.unwrap();
    }
    let connections = |stats: String| serde_json::from_str::<serde_json::Value>(&stats).unwrap()["connections"].clone();
    let before = connections(store.stats().await.unwrap())["lost"].clone();
    let mut random = Random(20250101);
    let mut tasks = Vec::new();
    for n in 0..2000u64 {
        let (store, key, save) = (store.clone(), random.below(200), random.below(3) == 0);
        let limit = (n % 2 == 0).then(|| Duration::from_micros(random.below(3000)));
        tasks.push(tokio::spawn(async move {
            let call = async {
                if save {
                    store.checkpoint().save(&format!("new {n}"), &n).await.unwrap();
                } else {
                    assert_eq!(store.checkpoint().load(&key.to_string()).await.unwrap(), Some(key));
                }
            };
            match limit {
                Some(_) if n % 16 == 0 => {
                    tokio::pin!(call);
                    poll_immediate(call).await.is_some() // let go while it is on its way for sure
                }
                Some(limit) => tokio::time::timeout(limit, call).await.is_ok(),
                None => {
                    call.await;
                    true
                }
            }
        }));
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let ended: Vec<bool> = join_all(tasks).await.into_iter().map(|task| task.expect("no wrong answer")).collect();
    assert!(ended.iter().filter(|whole| !**whole).count() > 50, "too few calls were let go for this to be a test");
    assert_eq!(connections(store.stats().await.unwrap())["lost"], before, "letting go cost a connection");
    let rows = client().await.query(&format!("select thread_id, state::text from {table}"), &[]).await.unwrap();
    for row in rows {
        let (thread, state): (&str, &str) = (row.get(0), row.get(1));
        assert_eq!(thread.trim_start_matches("new "), state);
    }
}

#[tokio::test]
async fn a_thousand_cancelled_at_random_on_one_thread() {
    cancelled_at_random().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_cancelled_at_random_on_many_threads() {
    cancelled_at_random().await;
}

#[tokio::test]
async fn what_was_not_polled_never_happens() {
    let (store, table) = checkpoints(|options| options).await;
    drop(store.checkpoint().save("t", &1));
    store.ping().await.unwrap();
    assert_eq!(stored(&client().await, &table, "t").await, None);
}

#[tokio::test]
async fn a_future_left_lying_holds_nobody_up() {
    let (store, _) = checkpoints(|options| options).await;
    let checkpoint = store.checkpoint();
    let lying = checkpoint.save("lying", &1);
    tokio::pin!(lying);
    assert!(poll_immediate(&mut lying).await.is_none());
    for n in 0..20 {
        store.checkpoint().save("t", &n).await.unwrap();
    }
    lying.await.unwrap();
    assert_eq!(store.checkpoint().list(None, Page::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_save_dropped_behind_a_lock_blocks_nobody_and_never_comes() {
    let (store, table) = checkpoints(|options| options.connections(1)).await;
    store.checkpoint().save("t", &0).await.unwrap();
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("select from {table} where thread_id = 't' for update"), &[]).await.unwrap();

    let watcher = client().await;
    let before = sessions(&watcher, &table).await;
    let late = tokio::time::timeout(Duration::from_millis(500), async { store.checkpoint().save("t", &1).await }).await;
    assert!(late.is_err(), "the row was locked");
    store.checkpoint().save("u", &2).await.expect("the only connection is not blocked");
    assert_eq!(sessions(&watcher, &table).await, before, "the only connection was given up");
    until("nobody waits for the lock", || async { blocked(&watcher, &table).await == 0 }).await;
    lock.rollback().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stored(&watcher, &table, "t").await.as_deref(), Some("0"), "the save came after it was let go");
}

#[tokio::test]
async fn a_deadline_ends_a_call_behind_a_lock() {
    let (store, table) = checkpoints(|options| options.connections(2)).await;
    store.checkpoint().save("t", &0).await.unwrap();
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("select from {table} where thread_id = 't' for update"), &[]).await.unwrap();
    let hasty = store.with_deadline(Duration::from_millis(600));
    let error = hasty.checkpoint().save("t", &1).await.unwrap_err();
    assert!(matches!(error.status(), Status::Deadline | Status::Unknown), "{error:?}");
    store.checkpoint().save("u", &1).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_is_waited_for_in_order() {
    let (store, table) =
        checkpoints(|options| options.queue(4).connections(1).lock_timeout(Duration::from_secs(60))).await;
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("lock table {table}"), &[]).await.unwrap();
    let saves: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.checkpoint().save(&format!("{n:02}"), &n).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(saves.iter().all(|save| !save.is_finished()));
    let hasty = store.with_deadline(Duration::from_millis(100));
    assert_eq!(hasty.checkpoint().save("late", &0).await.unwrap_err().status(), Status::Deadline);
    lock.rollback().await.unwrap();
    for save in join_all(saves).await {
        save.unwrap().unwrap();
    }
    let order = store.checkpoint().list(None, Page::default()).await.unwrap();
    assert_eq!(order, (0..40).rev().map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_waits_for_room_may_leave_the_line() {
    let (store, table) = checkpoints(|options| options.queue(2).connections(1)).await;
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("lock table {table}"), &[]).await.unwrap();
    let spawn = |name: String| {
        let store = store.clone();
        tokio::spawn(async move { store.checkpoint().save(&name, &1).await })
    };
    let held = [spawn("a".into()), spawn("b".into())];
    let leaving: Vec<_> = (0..10).map(|n| spawn(format!("leaving {n}"))).collect();
    let staying = spawn("staying".into());
    tokio::time::sleep(Duration::from_millis(50)).await;
    leaving.iter().for_each(|task| task.abort());
    lock.rollback().await.unwrap();
    for save in held.into_iter().chain([staying]) {
        save.await.unwrap().unwrap();
    }
    let mut threads = store.checkpoint().list(None, Page::default()).await.unwrap();
    threads.sort();
    assert_eq!(threads, ["a", "b", "staying"]);
}

#[tokio::test]
async fn closing_gives_every_call_an_outcome() {
    let (store, table) = checkpoints(|options| options.queue(100).lock_timeout(Duration::from_secs(60))).await;
    let mut other = client().await;
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("lock table {table}"), &[]).await.unwrap();
    let saves: Vec<_> = (0..300)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.checkpoint().save(&n.to_string(), &n).await })
        })
        .collect();
    let watcher = client().await;
    until("some are under way", || async { blocked(&watcher, &table).await > 0 }).await;
    let (_, unlocked) = tokio::join!(store.close(), lock.rollback()); // in this order
    unlocked.unwrap();
    let mut committed = 0;
    for (n, save) in join_all(saves).await.into_iter().enumerate() {
        match save.unwrap() {
            Ok(()) => {
                committed += 1;
                assert!(stored(&watcher, &table, &n.to_string()).await.is_some());
            }
            Err(error) => assert_eq!(error.status(), Status::Closed),
        }
    }
    assert!(committed > 0 && committed < 300, "{committed} of 300: nothing was under way");
    assert_eq!(store.ping().await.unwrap_err().status(), Status::Closed);
    store.close().await;
}

#[tokio::test]
async fn the_last_clone_ends_the_connections() {
    let (store, table) = checkpoints(|options| options).await;
    let clone = store.clone();
    store.checkpoint().save("t", &1).await.unwrap();
    drop(store);
    clone.checkpoint().save("t", &2).await.unwrap();
    drop(clone);
    let watcher = client().await;
    let sql = "select count(*) from pg_stat_activity where position($1 in query) > 0 and pid <> pg_backend_pid()";
    until("its sessions are gone", || async { watcher.query_one(sql, &[&table]).await.unwrap().get::<_, i64>(0) == 0 })
        .await;
}
