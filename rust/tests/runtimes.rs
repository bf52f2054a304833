//! One store on several runtimes, in every order in which they come and go.

mod support;

use statekeep::{Status, Store};
use std::sync::mpsc;
use std::time::Duration;
use support::{checkpoints, dsn, options, table};
use tokio::runtime::{Builder, Runtime};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn save_and_load(store: &Store, key: &str) {
    store.checkpoint().save(key, &key).await.unwrap();
    assert_eq!(store.checkpoint().load::<String>(key).await.unwrap().as_deref(), Some(key));
}

#[test]
fn a_store_outlives_its_runtime() {
    let first = one_thread();
    let (store, _) = first.block_on(checkpoints(|options| options));
    first.block_on(save_and_load(&store, "first"));
    drop(first);
    many_threads().block_on(save_and_load(&store, "second"));
    one_thread().block_on(save_and_load(&store, "third"));
}

#[test]
fn a_runtime_that_rests_holds_no_other_up() {
    let resting = one_thread();
    let (store, _) = resting.block_on(checkpoints(|options| options));
    let working = one_thread();
    for n in 0..20 {
        working.block_on(save_and_load(&store, &format!("working {n}")));
    }
    resting.block_on(save_and_load(&store, "resting"));
}

#[test]
fn runtimes_work_side_by_side() {
    let (store, _) = one_thread().block_on(checkpoints(|options| options.connections(2)));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let runtime = if thread % 2 == 0 { one_thread() } else { many_threads() };
                for n in 0..50 {
                    runtime.block_on(save_and_load(store, &format!("{thread} {n}")));
                }
            });
        }
    });
}

#[test]
fn a_runtime_shut_down_in_the_middle_loses_only_its_own_calls() {
    let (store, _) = one_thread().block_on(checkpoints(|options| options.queue(64)));
    for round in 0..5 {
        let doomed = many_threads();
        for n in 0..500 {
            let store = store.clone();
            doomed.spawn(async move { store.checkpoint().save(&format!("{round} {n}"), &n).await });
        }
        std::thread::sleep(Duration::from_millis(2));
        doomed.shutdown_background();
        one_thread().block_on(async {
            tokio::time::timeout(Duration::from_secs(20), save_and_load(&store, "kept")).await.unwrap();
        });
    }
}

#[test]
fn a_future_may_move_to_another_runtime() {
    let first = one_thread();
    let (store, _) = first.block_on(checkpoints(|options| options));
    let checkpoint = store.checkpoint();
    let mut save = Box::pin(checkpoint.save("moved", &1));
    first.block_on(async { assert!(futures_util::future::poll_immediate(&mut save).await.is_none()) });
    drop(first);
    one_thread().block_on(async { tokio::time::timeout(Duration::from_secs(20), save).await.unwrap().unwrap() });
}

#[test]
fn a_panic_takes_nothing_along() {
    let runtime = many_threads();
    let (store, _) = runtime.block_on(checkpoints(|options| options));
    runtime.block_on(async {
        let panicking: Vec<_> = (0..50)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    let save = async { store.checkpoint().save(&n.to_string(), &n).await };
                    tokio::select! {
                        biased;
                        _ = save => {}
                        _ = tokio::task::yield_now() => panic!("wanted by this test"),
                    }
                })
            })
            .collect();
        let mut panicked = 0;
        for task in panicking {
            panicked += usize::from(task.await.is_err());
        }
        assert!(panicked > 0, "nobody panicked");
        save_and_load(&store, "after").await;
    });
}

#[test]
fn outside_a_runtime_a_call_says_so() {
    let store = Store::open(&dsn(), options(&table())).unwrap();
    let error = futures_util::FutureExt::now_or_never(store.ping()).expect("it fails at once").unwrap_err();
    assert_eq!(error.status(), Status::Invalid);
}

#[test]
fn a_store_may_be_dropped_anywhere() {
    let runtime = one_thread();
    let (store, _) = runtime.block_on(checkpoints(|options| options));
    let (sender, receiver) = mpsc::channel::<Store>();
    let thread = std::thread::spawn(move || drop(receiver.recv().unwrap()));
    sender.send(store).unwrap();
    thread.join().unwrap();
    drop(runtime);
}
