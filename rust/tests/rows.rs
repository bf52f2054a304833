//! Values of the caller's own SQL, on their way there and back.

mod support;

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use statekeep::{params, Options, Param, Status, Store};
use std::collections::BTreeMap;

fn open() -> Store {
    Store::open(&support::dsn(), Options::new()).unwrap()
}

async fn one<T: serde::de::DeserializeOwned>(store: &Store, expression: &str) -> T {
    let rows = store.query(&format!("select {expression}"), &[]).await.unwrap_or_else(|e| panic!("{expression}: {e}"));
    rows.one().unwrap_or_else(|error| panic!("{expression}: {error}"))
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mood {
    Calm,
    Angry,
}

#[tokio::test]
async fn columns_fit_into_what_holds_them() {
    let store = open();
    assert_eq!(one::<i64>(&store, "9223372036854775807").await, i64::MAX);
    assert_eq!(one::<i16>(&store, "7").await, 7);
    assert_eq!(one::<u32>(&store, "4294967295::oid").await, u32::MAX);
    assert_eq!(one::<f64>(&store, "0.1::float8").await, 0.1);
    assert_eq!(one::<f32>(&store, "1.5").await, 1.5);
    assert_eq!(one::<f64>(&store, "'-Infinity'::float8").await, f64::NEG_INFINITY);
    assert_eq!(one::<String>(&store, "12345678901234567890.50").await, "12345678901234567890.50");
    assert!(one::<bool>(&store, "true").await);
    assert_eq!(one::<Option<bool>>(&store, "null::bool").await, None);
    assert_eq!(one::<String>(&store, "'Grüße 😀'").await, "Grüße 😀");
    assert_eq!(one::<char>(&store, "'é'").await, 'é');
    assert_eq!(one::<Vec<u8>>(&store, r"'\x00ff41'::bytea").await, [0, 255, 65]);
    assert_eq!(one::<Mood>(&store, "'angry'").await, Mood::Angry);
    assert_eq!(one::<Vec<Option<i32>>>(&store, "array[1, null, 3]").await, [Some(1), None, Some(3)]);
    assert_eq!(one::<Vec<Vec<i64>>>(&store, "array[[1, 2], [3, 4]]").await, [[1, 2], [3, 4]]);
    assert_eq!(one::<Vec<u8>>(&store, "'[0:1]={5,6}'::int[]").await, [5, 6]);
    let texts = one::<Vec<Option<String>>>(&store, r#"array['a"b\c', 'NULL', null, '', '{x,y}']"#).await;
    assert_eq!(texts, [Some(r#"a"b\c"#), Some("NULL"), None, Some(""), Some("{x,y}")].map(|t| t.map(str::to_owned)));
    assert_eq!(one::<Vec<Vec<u8>>>(&store, r"array['\x01'::bytea, '\x0203']").await, [vec![1], vec![2, 3]]);
    assert_eq!(one::<Vec<bool>>(&store, "array[true, false]").await, [true, false]);
    assert_eq!(one::<Vec<Mood>>(&store, "array['calm', 'angry']").await, [Mood::Calm, Mood::Angry]);
}

#[tokio::test]
async fn documents_are_read_by_serde_json_and_their_text_is_whole() {
    let store = open();
    let doc = r#"'{"a": [1, {"b": null}], "big": 9007199254740993}'::jsonb"#;
    let map = one::<BTreeMap<String, Value>>(&store, doc).await; // a row is a map of its columns
    assert_eq!(map["jsonb"], json!({"a": [1, {"b": null}], "big": 9007199254740993i64}));
    let row = store.query(&format!("select {doc} as doc"), &[]).await.unwrap()[0].clone();
    assert_eq!(row.get::<BTreeMap<String, Value>>("doc").unwrap()["a"][0], json!(1));
    assert_eq!(row.get::<String>(0).unwrap(), r#"{"a": [1, {"b": null}], "big": 9007199254740993}"#);
    assert_eq!(one::<i64>(&store, "'7'::json").await, 7);
    assert_eq!(one::<Vec<Value>>(&store, r#"array['{"a": 1}'::jsonb, 'null']"#).await, [json!({"a": 1}), Value::Null]);
    assert_eq!(one::<Option<Value>>(&store, "null::jsonb").await, None);
}

#[tokio::test]
async fn times_are_in_iso_8601() {
    let lease = open().lease().await.unwrap();
    for (zone, expression, want) in [
        ("UTC", "timestamptz '2026-01-02 03:04:05.6789Z'", "2026-01-02T03:04:05.6789+00:00"),
        ("Asia/Kolkata", "timestamptz '2026-01-02 03:04:05Z'", "2026-01-02T08:34:05+05:30"),
        ("UTC", "timestamp '2026-01-02 03:04:05'", "2026-01-02T03:04:05"),
        ("UTC", "date '2026-01-02'", "2026-01-02"),
        ("UTC", "timestamptz 'infinity'", "infinity"),
        ("UTC", "timestamptz '0044-03-15 12:00:00+00 BC'", "0044-03-15 12:00:00+00 BC"),
    ] {
        lease.query("select set_config('timezone', $1, false)", &params![zone]).await.unwrap();
        let rows = lease.query(&format!("select {expression}"), &[]).await.unwrap();
        assert_eq!(rows.one::<String>().unwrap(), want);
    }
}

#[tokio::test]
async fn rows_are_structs_tuples_maps_and_values() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        id: i64,
        name: String,
        tags: Vec<String>,
        since: Option<String>,
    }
    let sql = "select * from (values (1, 'ann', array['x'], null::date), (2, 'bob', '{}', '2026-01-02')) as p(id, name, tags, since)";
    let rows = open().query(sql, &[]).await.unwrap();
    assert_eq!((rows.command(), rows.count(), rows.len()), ("SELECT 2", Some(2), 2));
    assert_eq!(
        (rows.columns(), rows.types()),
        (&["id", "name", "tags", "since"].map(str::to_owned)[..], &[23, 25, 1009, 1082][..])
    );
    let people: Vec<Person> = rows.to().unwrap();
    assert_eq!(people[0], Person { id: 1, name: "ann".into(), tags: vec!["x".into()], since: None });
    assert_eq!(people[1].since.as_deref(), Some("2026-01-02"));
    let (id, name, ..) = rows.one::<(i64, String, Vec<String>, Option<String>)>().unwrap();
    assert_eq!((id, name.as_str()), (1, "ann"));
    assert_eq!(Value::Object(rows[0].to_map()), json!({"id": 1, "name": "ann", "tags": ["x"], "since": null}));
    assert_eq!(rows.into_iter().map(|row| row.get::<i32>("id").unwrap()).sum::<i32>(), 3);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let store = open();
    let rows = store.query("select 300 as n, 'x' as s, null::int as nothing", &[]).await.unwrap();
    let row = &rows[0];
    let faults = [
        row.get::<u8>("n").unwrap_err(),
        row.get::<i32>("s").unwrap_err(),
        row.get::<i32>("nothing").unwrap_err(),
        row.get::<String>("nothing").unwrap_err(),
        row.get::<String>("none").unwrap_err(),
        row.get::<String>(3).unwrap_err(),
        row.to::<i32>().unwrap_err(),
        row.to::<(i32,)>().unwrap_err(),
    ];
    for fault in faults {
        assert_eq!(fault.status(), Status::Invalid, "{fault}");
    }
    let none = store.query("select 1 where false", &[]).await.unwrap();
    assert_eq!(none.one::<i32>().unwrap_err().status(), Status::Absent);
}

#[tokio::test]
async fn parameters_have_types() {
    #[derive(Serialize)]
    struct Point {
        x: i32,
    }
    let store = open();
    let cases: Vec<(&str, Param<'_>, Value)> = vec![
        ("$1", "text".into(), json!("text")),
        ("$1", "".into(), json!("")),
        ("$1::text", None::<&str>.into(), Value::Null),
        ("$1 + 1", 41.into(), json!(42)),
        ("$1", i64::MIN.into(), json!(i64::MIN)),
        ("$1", 0.1.into(), json!(0.1)),
        ("$1 is not distinct from 'NaN'", f64::NAN.into(), json!(true)),
        ("not $1", false.into(), json!(true)),
        ("$1", vec![0u8, 255].into(), json!("\\x00ff")),
        ("$1", json!({"b": [1, "x"]}).into(), json!({"b": [1, "x"]})),
        ("$1 -> 'x'", Param::json(&Point { x: 7 }).unwrap(), json!(7)),
        ("$1", Param::array([1, 2]), json!([1, 2])),
        ("$1::text[]", Param::array(["a\"b", "\\", "NULL", ""]), json!(["a\"b", "\\", "NULL", ""])),
        ("$1::int[]", Param::array([Some(1), None]), json!([1, null])),
        ("$1::bytea[] = array['\\x01ff'::bytea]", Param::array([&[1u8, 255][..]]), json!(true)),
        ("$1", Param::array([json!({"k": "v\""})]), json!([{"k": "v\""}])),
        ("$1", Param::typed("10.0.0.1", 869), json!("10.0.0.1")),
        ("$1::int[]", Param::array(Vec::<i32>::new()), json!([])),
    ];
    for (place, param, want) in cases {
        let rows = store.query(&format!("select {place} as value"), std::slice::from_ref(&param)).await;
        let rows = rows.unwrap_or_else(|error| panic!("{place} of {param:?}: {error}"));
        assert_eq!(rows[0].to_map()["value"], want, "{place} of {param:?}");
    }
    let refused = store.query("select $1", &params!["a\0b"]).await.unwrap_err();
    assert_eq!((refused.status(), refused.sqlstate()), (Status::Invalid, Some("22021")));
}
