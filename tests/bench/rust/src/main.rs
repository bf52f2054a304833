//! Compares `statekeep::PostgresCheckpointer` with the one of `agents-persistence` in one run on one server: saves of new
//! keys and loads of 1 KiB states, by 1, 64 and 256 tasks, both with their default pools. Each round runs both in turn,
//! and the ratio of a round is one figure; rounds alternate who goes first, so that what else the machine does falls on
//! both.
//!
//!     statekeep-bench postgres://… [rounds 5] [seconds 1] [tasks 1,64,256]
//!
//! Output: JSON, {"machine": {…}, "rows": [{"workload": "save_new", "callers": 64, "floor": 4,
//! "statekeep_per_second": [min, median, max], "agents_persistence_per_second": […], "ratio": […]}, …]}. The exit code is
//! 0 also when a floor is missed.

use agents_core::persistence::Checkpointer;
use agents_core::state::{AgentStateSnapshot, TodoItem};
use serde_json::{json, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOADED: usize = 2000;
const OURS: &str = "bench_statekeep";
const THEIRS: &str = "bench_agents_persistence";

/// The least ratios that the project promises.
fn floor(workload: &str, callers: usize) -> f64 {
    match (workload, callers) {
        (_, 1) => 1.1,
        ("save_new", _) => 4.0,
        _ => 3.0,
    }
}

#[derive(Clone)]
struct Side {
    checkpointer: Arc<dyn Checkpointer>,
    table: &'static str,
}

/// 1 KiB of state.
fn state() -> AgentStateSnapshot {
    let mut state = AgentStateSnapshot::default();
    state.todos.push(TodoItem::pending("Compare"));
    state.files.insert("notes.txt".to_owned(), "all work and no play ".repeat(42));
    state.scratchpad.insert("step".to_owned(), json!(1));
    state
}

async fn fill(client: &tokio_postgres::Client, table: &str) -> anyhow::Result<()> {
    client.batch_execute(&format!("truncate {table}")).await?;
    let document = serde_json::to_string(&state())?;
    let sql =
        format!("insert into {table} select 'loaded ' || n, $1::text::jsonb from generate_series(0, {LOADED} - 1) n");
    client.execute(&sql, &[&document]).await?;
    Ok(())
}

async fn call(side: &Side, workload: &str, turn: usize, state: &AgentStateSnapshot) -> anyhow::Result<()> {
    static SAVED: AtomicUsize = AtomicUsize::new(0);
    if workload == "save_new" {
        let thread = format!("new {}", SAVED.fetch_add(1, Ordering::Relaxed));
        return side.checkpointer.save_state(&thread, state).await;
    }
    let found = side.checkpointer.load_state(&format!("loaded {}", turn % LOADED)).await?;
    anyhow::ensure!(found.is_some_and(|found| found.files.len() == 1), "a state is missing");
    Ok(())
}

/// Calls a second.
async fn measure(side: &Side, workload: &'static str, callers: usize, length: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let side = side.clone();
            tokio::spawn(async move {
                let (mut turn, mut calls, state) = (caller, 0, state());
                while begun.elapsed() < length {
                    call(&side, workload, turn, &state).await?;
                    turn += callers;
                    calls += 1;
                }
                anyhow::Ok(calls)
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await??;
    }
    Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
}

fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let url = args.first().ok_or_else(|| anyhow::anyhow!("which server?"))?;
    let rounds: usize = args.get(1).map_or(Ok(5), |text| text.parse())?;
    let length = Duration::from_secs_f64(args.get(2).map_or(Ok(1.0), |text| text.parse())?);
    let callers: Vec<usize> =
        args.get(3).map_or("1,64,256", String::as_str).split(',').map(str::parse).collect::<Result<_, _>>()?;

    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let ours = statekeep::PostgresCheckpointer::builder().url(url).table_name(OURS).build().await?;
    let theirs = agents_persistence::PostgresCheckpointer::builder().url(url).table_name(THEIRS).build().await?;
    let sides =
        [Side { checkpointer: Arc::new(ours), table: OURS }, Side { checkpointer: Arc::new(theirs), table: THEIRS }];
    let mut rows: Vec<Value> = Vec::new();
    for workload in ["save_new", "load"] {
        for &callers in &callers {
            let mut rates = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                for which in [round % 2, 1 - round % 2] {
                    fill(&client, sides[which].table).await?;
                    rates[which].push(measure(&sides[which], workload, callers, length).await?);
                }
            }
            let ratios = rates[0].iter().zip(&rates[1]).map(|(ours, theirs)| ours / theirs).collect();
            let [ours, theirs] = rates.map(spread);
            let ratio = spread(ratios);
            eprintln!(
                "{workload:9} {callers:4} tasks  statekeep {:7.0}/s  agents-persistence {:7.0}/s  ratio {:.2}",
                ours[1], theirs[1], ratio[1]
            );
            rows.push(json!({"workload": workload, "callers": callers, "floor": floor(workload, callers),
                "statekeep_per_second": ours, "agents_persistence_per_second": theirs, "ratio": ratio}));
        }
    }
    let server: String = client.query_one("show server_version", &[]).await?.get(0);
    let cpus = std::thread::available_parallelism()?.get();
    let machine = json!({"cpus": cpus, "rounds": rounds, "seconds": length.as_secs_f64(), "server": server});
    println!("{:#}", json!({"machine": machine, "rows": rows}));
    Ok(())
}
