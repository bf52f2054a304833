//! Versions, retention, copies and lists of checkpoints.

mod support;

use statekeep::{Page, Status};
use std::sync::Arc;
use std::time::Duration;
use support::{checkpoints, client};
use tokio::sync::Barrier;

#[tokio::test]
async fn many_are_loaded_listed_and_copied() {
    let (store, _) = checkpoints(|options| options).await;
    let checkpoint = store.checkpoint();
    for n in 0..5 {
        checkpoint.save(&format!("a/{n}"), &n).await.unwrap();
    }
    checkpoint.copy("a/3", "b/0").await.unwrap();
    let loaded = checkpoint.load_many::<u32>(&["b/0", "none", "a/1"]).await.unwrap();
    assert_eq!(loaded, [("b/0".to_owned(), 3), ("a/1".to_owned(), 1)]);
    let page = Page { limit: Some(2), offset: 1 };
    assert_eq!(checkpoint.list(Some("a/"), page).await.unwrap(), ["a/3", "a/2"]);
    checkpoint.delete("b/0").await.unwrap();
    assert_eq!(checkpoint.load::<u32>("b/0").await.unwrap(), None);
}

/// Each run adds 1 to a counter twenty times, by load and compare-and-set: every lost save would be missing. All load
/// the first version before anybody saves, so three meet a conflict at least.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_thread_never_overwrite_each_other() {
    let (store, table) = checkpoints(|options| options).await;
    store.checkpoint().setup_versions().await.unwrap();
    store.checkpoint().save_version("t", &0, None).await.unwrap();
    let other = statekeep::Store::open(&support::dsn(), support::options(&table)).unwrap();
    let (mut runs, mut conflicts, loaded) = (Vec::new(), 0, Arc::new(Barrier::new(4)));
    for run in 0..4 {
        let (store, loaded) = (if run % 2 == 0 { store.clone() } else { other.clone() }, loaded.clone());
        runs.push(tokio::spawn(async move {
            let (mut saved, mut conflicts) = (0, 0);
            while saved < 20 {
                let found = store.checkpoint().load_version::<i64>("t").await.unwrap().unwrap();
                if found.version == 1 {
                    loaded.wait().await;
                }
                match store.checkpoint().save_version("t", &(found.state + 1), Some(found.version)).await {
                    Ok(version) => {
                        assert_eq!(version, found.version + 1);
                        saved += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.status(), Status::Conflict);
                        conflicts += 1;
                    }
                }
            }
            conflicts
        }));
    }
    for run in runs {
        conflicts += run.await.unwrap();
    }
    let last = store.checkpoint().load_version::<i64>("t").await.unwrap().unwrap();
    assert_eq!((last.state, last.version), (80, 81));
    assert!(conflicts >= 3, "the runs never met");
}

#[tokio::test]
async fn of_racing_first_saves_one_wins() {
    let (store, _) = checkpoints(|options| options).await;
    store.checkpoint().setup_versions().await.unwrap();
    let checkpoint = store.checkpoint();
    let saves = (0..20).map(|n| async move { checkpoint.save_version("t", &n, None).await });
    let ended = futures_util::future::join_all(saves).await;
    assert_eq!(ended.iter().filter(|result| result.is_ok()).count(), 1);
    let statuses = ended.into_iter().filter_map(Result::err).map(|error| error.status());
    assert!(statuses.into_iter().all(|status| status == Status::Conflict));
}

#[tokio::test]
async fn a_version_saved_while_another_session_saves_is_compared_after() {
    let (store, table) = checkpoints(|options| options.lock_timeout(Duration::from_secs(30))).await;
    store.checkpoint().setup_versions().await.unwrap();
    store.checkpoint().save_version("t", &0, None).await.unwrap();
    let mut other = client().await;
    let saving = other.transaction().await.unwrap();
    saving.execute(&format!("update {table} set state = '1' where thread_id = 't'"), &[]).await.unwrap();
    let late = tokio::spawn({
        let store = store.clone();
        async move { store.checkpoint().save_version("t", &2, Some(1)).await }
    });
    let watcher = client().await;
    support::until("the save waits", || async { support::blocked(&watcher, &table).await == 1 }).await;
    saving.commit().await.unwrap();
    assert_eq!(late.await.unwrap().unwrap_err().status(), Status::Conflict);
    assert_eq!(support::stored(&watcher, &table, "t").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn what_is_too_old_goes_in_small_batches_and_locked_rows_stay() {
    let (store, table) = checkpoints(|options| options).await;
    let mut other = client().await;
    let fill = format!(
        "insert into {table} select n::text, 'null', now(), now() - n * interval '1 day' from generate_series(1, 30) n"
    );
    other.execute(&fill, &[]).await.unwrap();
    assert_eq!(store.checkpoint().count_expired(10).await.unwrap(), 21);
    let lock = other.transaction().await.unwrap();
    lock.execute(&format!("select from {table} where thread_id = '30' for update"), &[]).await.unwrap();
    assert_eq!(store.checkpoint().delete_expired(10, 4).await.unwrap(), 20);
    lock.rollback().await.unwrap();
    assert_eq!(store.checkpoint().delete_expired(10, 4).await.unwrap(), 1);
    assert_eq!(store.checkpoint().list(None, Page::default()).await.unwrap().len(), 9);
}
