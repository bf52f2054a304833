//! The same random calls on ours and on the peer's checkpointer, each on a table of its own, must give the same answers
//! and leave the same rows; and each must read what the other wrote.

mod support;

use agents_core::persistence::Checkpointer;
use agents_core::state::AgentStateSnapshot;
use std::sync::Arc;
use support::{client, ours, theirs, Random};

const OPERATIONS: usize = 10_000;
const THREADS: u64 = 60;

type Answer = Result<String, String>;

/// What a caller sees of a result. Of an error that is the context; the causes are each library's own.
fn seen<T: serde::Serialize>(result: anyhow::Result<T>) -> Answer {
    result.map(|value| serde_json::to_string(&value).unwrap()).map_err(|error| error.to_string())
}

enum Operation {
    Save(String, AgentStateSnapshot),
    Load(String),
    Delete(String),
    List,
}

impl Operation {
    fn random(random: &mut Random) -> Self {
        let number = random.below(THREADS);
        let thread = match number {
            0 => String::new(),
            1 => "with a NUL \0".to_owned(),
            _ => format!("{} {number}", "thread é'\"\\".repeat(number as usize % 3)),
        };
        match random.below(20) {
            0..=8 => {
                let mut state = random.state();
                if random.below(50) == 0 {
                    state.files.insert("with a NUL".to_owned(), "\0".to_owned());
                }
                Operation::Save(thread, state)
            }
            9..=16 => Operation::Load(thread),
            17 | 18 => Operation::Delete(thread),
            _ => Operation::List,
        }
    }

    async fn run(&self, checkpointer: &Arc<dyn Checkpointer>) -> Answer {
        match self {
            Operation::Save(thread, state) => seen(checkpointer.save_state(thread, state).await),
            Operation::Load(thread) => seen(checkpointer.load_state(thread).await),
            Operation::Delete(thread) => seen(checkpointer.delete_thread(thread).await),
            Operation::List => seen(checkpointer.list_threads().await),
        }
    }
}

async fn rows(table: &str) -> Vec<(String, String)> {
    let sql = format!("select thread_id, state::text from {table} order by thread_id");
    let rows = client().await.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn ten_thousand_random_operations_are_answered_alike() {
    let (ours_table, theirs_table) = ("differential_ours", "differential_theirs");
    let (mut left, mut right) = (ours(ours_table).await, theirs(theirs_table).await);
    let (mut random, mut failed, mut swapped) = (Random(0x5EED_0001), 0, false);
    for number in 0..OPERATIONS {
        let operation = Operation::random(&mut random);
        let (mine, peers) = (operation.run(&left).await, operation.run(&right).await);
        assert_eq!(mine, peers, "operation {number}");
        failed += usize::from(mine.is_err());
        if number % 2500 == 2499 {
            // Each goes on where the other was.
            swapped = !swapped;
            let tables = if swapped { [theirs_table, ours_table] } else { [ours_table, theirs_table] };
            (left, right) = (ours(tables[0]).await, theirs(tables[1]).await);
        }
    }
    assert!(failed > 100, "{failed} refused calls are too few to have compared them");
    let (mine, peers) = (rows(ours_table).await, rows(theirs_table).await);
    assert!(mine.len() > 20);
    assert_eq!(mine, peers);
}

#[tokio::test]
async fn the_tables_are_made_alike() {
    ours("shape_ours").await;
    theirs("shape_theirs").await;
    let columns = "select column_name::text, data_type::text, is_nullable::text, column_default::text \
                   from information_schema.columns where table_name = $1 order by ordinal_position";
    let indexes = "select replace(indexdef, $1, 'shape') from pg_indexes where tablename = $1 order by 1";
    let client = client().await;
    for sql in [columns, indexes] {
        let mut shapes = Vec::new();
        for table in ["shape_ours", "shape_theirs"] {
            let rows = client.query(sql, &[&table]).await.unwrap();
            let cells =
                |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.get(at)).collect::<Vec<Option<String>>>();
            shapes.push(rows.iter().map(cells).collect::<Vec<_>>());
        }
        assert_eq!(shapes[0], shapes[1]);
        assert!(!shapes[0].is_empty());
    }
}
