//! Calls, their results and their errors.

mod support;

use serde::{Deserialize, Serialize};
use statekeep::{Arg, Options, Page, Status, Store};
use std::time::Duration;
use support::{checkpoints, dsn, options, table};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
    numbers: Vec<f64>,
}

fn note(text: &str) -> Note {
    Note { text: text.to_owned(), numbers: vec![0.1, 1e-7, 123456.789] }
}

#[tokio::test]
async fn states_go_and_come_back() {
    let table = table();
    let store = Store::open(&dsn(), options(&table)).unwrap();
    let state = store.state();
    state.setup().await.unwrap();
    state.index().await.unwrap();
    state.save("agent", "one", &note("Grüße 😀")).await.unwrap();
    state.save("agent", "two", &note("second")).await.unwrap();
    state.save("agent", "null", &()).await.unwrap();
    assert_eq!(state.load("agent", "one").await.unwrap(), Some(note("Grüße 😀")));
    assert_eq!(state.load::<Note>("agent", "none").await.unwrap(), None);
    assert_eq!(state.load::<Option<Note>>("agent", "null").await.unwrap(), Some(None));
    assert_eq!(state.list("agent", Page::default()).await.unwrap(), ["null", "two", "one"]);
    assert_eq!(state.list("agent", Page { limit: Some(1), offset: 1 }).await.unwrap(), ["two"]);
    let found = state.search(&serde_json::json!({"text": "second"}), Page::default()).await.unwrap();
    assert_eq!((found.len(), found[0].session_id.as_str()), (1, "two"));
    state.delete("agent", "one").await.unwrap();
    assert_eq!(state.count().await.unwrap(), 2);
    assert_eq!(state.save("", "one", &1).await.unwrap_err().status(), Status::Invalid);
}

#[tokio::test]
async fn a_raw_call_keeps_every_digit() {
    let (store, _) = checkpoints(|options| options).await;
    let document = r#"{"big": 9007199254740993, "small": 0.10000000000000000000000000000000000000000000001}"#;
    store.call("checkpoint.save", &["t".into(), document.into()]).await.unwrap();
    assert_eq!(store.call("checkpoint.load", &["t".into()]).await.unwrap(), document);
}

#[tokio::test]
async fn floats_survive_exactly() {
    let (store, _) = checkpoints(|options| options).await;
    let numbers: Vec<f64> = (1..2000).map(|n| 1000.0 / f64::from(n * 7 + 3)).collect();
    store.checkpoint().save("t", &numbers).await.unwrap();
    assert_eq!(store.checkpoint().load::<Vec<f64>>("t").await.unwrap(), Some(numbers));
}

#[tokio::test]
async fn errors_say_what_happened() {
    let (store, table) = checkpoints(|options| options).await;
    let wrong = [
        store.call("no.such", &[]).await,
        store.call("checkpoint.load", &[]).await,
        store.call("checkpoint.load", &vec![Arg::NULL; 40]).await,
        store.call("checkpoint.load", &[Arg::NULL]).await,
        store.call("checkpoint\0load", &[]).await,
        store.call("checkpoint.load", &["\0".into()]).await,
        store.call("checkpoint.save", &["t".into(), b"\"\xff\"".as_slice().into()]).await,
    ];
    for result in wrong {
        assert_eq!(result.unwrap_err().status(), Status::Invalid);
    }
    let refused = store.call("checkpoint.save", &["t".into(), "{".into()]).await.unwrap_err();
    assert_eq!(
        (refused.status(), refused.sqlstate(), refused.op()),
        (Status::Invalid, Some("22P02"), Some("checkpoint.save"))
    );
    let absent = store.checkpoint().copy("none", "t").await.unwrap_err();
    assert_eq!(absent.status(), Status::Absent);
    let other = store.checkpoint().load::<Note>("t").await;
    assert_eq!(other.unwrap(), None);
    store.checkpoint().save("t", &7).await.unwrap();
    assert!(store.checkpoint().load::<Note>("t").await.unwrap_err().message().contains("type asked for"));
    let missing = Store::open(&dsn(), options(&format!("{table}_missing"))).unwrap();
    let error = missing.checkpoint().load::<Note>("t").await.unwrap_err();
    assert_eq!((error.status(), error.sqlstate()), (Status::Unavailable, Some("42P01")));
}

#[tokio::test]
async fn opening_refuses_what_is_wrong_and_keeps_secrets() {
    for (dsn, options) in [
        ("postgresql://user:hunter2@localhost:port/x", Options::new()),
        ("host=localhost password=hunter2 nonsense", Options::new()),
        ("embedded:\0", Options::new()),
        ("", Options::new().connections(0)),
        ("", Options::new().queue(0)),
        ("", Options::new().table("no_such_table", "x")),
    ] {
        let error = Store::open(dsn, options).unwrap_err();
        assert_eq!(error.status(), Status::Invalid, "{dsn}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_private_server_needs_no_set_up() {
    let store = Store::open("embedded:?temp=1", Options::new()).unwrap();
    store.checkpoint().setup().await.unwrap();
    store.checkpoint().save("t", &1).await.unwrap();
    assert_eq!(store.checkpoint().load("t").await.unwrap(), Some(1));
    store.close().await;
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable() {
    let options = Options::new().connect_timeout(Duration::from_millis(200));
    let store = Store::open("postgresql://127.0.0.1:1/x", options).unwrap();
    assert_eq!(store.ping().await.unwrap_err().status(), Status::Unavailable);
}

#[tokio::test]
async fn the_setup_can_be_read() {
    let store = Store::open(&dsn(), options("My_Table")).unwrap();
    assert!(store.setup_sql("checkpoint.setup").await.unwrap().contains("\"my_table\""));
    assert!(statekeep::catalog().contains("\"checkpoint.save_version\""));
    assert_eq!(statekeep::version(), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn calls_made_together_travel_together() {
    let (store, _) = checkpoints(|options| options.connections(2)).await;
    let trips =
        |stats: String| serde_json::from_str::<serde_json::Value>(&stats).unwrap()["round_trips"].as_u64().unwrap();
    let before = trips(store.stats().await.unwrap());
    let names: Vec<String> = (0..512).map(|n| n.to_string()).collect();
    let saves = names.iter().map(|name| async { store.checkpoint().save(name, &1).await.unwrap() });
    futures_util::future::join_all(saves).await;
    let made = trips(store.stats().await.unwrap()) - before;
    assert!(made <= 16, "{made} round trips for 512 saves");
}

#[tokio::test]
async fn a_lone_call_is_one_round_trip() {
    let (store, _) = checkpoints(|options| options.connections(1)).await;
    let trips =
        |stats: String| serde_json::from_str::<serde_json::Value>(&stats).unwrap()["round_trips"].as_u64().unwrap();
    let before = trips(store.stats().await.unwrap());
    for n in 0..10 {
        store.checkpoint().save("t", &n).await.unwrap();
        assert_eq!(store.checkpoint().load("t").await.unwrap(), Some(n));
    }
    assert_eq!(trips(store.stats().await.unwrap()) - before, 20);
}
