//! The requests of "SQL of the caller's own".

use crate::request::{params, Request};
use serde_json::{json, Value};
use statekeep::{CopyIn, Error, Lease, Row, Rows, Store};

pub async fn serve(request: &Request, store: &Store, lease: Option<&Lease>) -> Result<String, Error> {
    let params = params(request);
    match (request.what.as_str(), lease) {
        ("query", None) => store.query(&request.sql, &params).await.map(|rows| shown(&rows).to_string()),
        ("query", Some(lease)) => lease.query(&request.sql, &params).await.map(|rows| shown(&rows).to_string()),
        ("copy_in", Some(lease)) => copy_in(request, lease.copy_in(&request.sql).await?).await,
        ("copy_out", Some(lease)) => copy_out(request, lease).await,
        ("notification", Some(lease)) => {
            let heard = lease.notification().await?;
            Ok(json!({"channel": heard.channel, "payload": heard.payload, "pid": heard.pid}).to_string())
        }
        (what, _) => panic!("{what} needs a lease"),
    }
}

fn shown(rows: &Rows) -> Value {
    let mut result = json!({"command": rows.command(), "count": rows.count()});
    if !rows.columns().is_empty() {
        result["columns"] = json!(rows.columns());
        result["rows"] = rows.iter().map(|row| shown_row(row, rows.types())).collect();
    }
    if !rows.more().is_empty() {
        result["more"] = rows.more().iter().map(shown).collect();
    }
    result
}

/// Integers, booleans and floats as they are, everything else as the text it can be read into.
fn shown_row(row: &Row, types: &[u32]) -> Value {
    let cell = |(place, oid): (usize, &u32)| match oid {
        16 | 20 | 21 | 23 | 26 | 700 | 701 => row.get::<Value>(place).expect("a number or a boolean, or null"),
        _ => row.get::<Option<String>>(place).expect("text, or null").into(),
    };
    types.iter().enumerate().map(cell).collect()
}

async fn copy_in(request: &Request, mut copy: CopyIn<'_>) -> Result<String, Error> {
    for _ in 0..request.repeat.unwrap_or(1) {
        for piece in &request.data {
            copy.send(piece.as_bytes()).await?;
        }
    }
    match &request.failure {
        Some(reason) => Err(copy.fail(reason).await),
        None => copy.finish().await.map(|count| json!({ "count": count }).to_string()),
    }
}

async fn copy_out(request: &Request, lease: &Lease) -> Result<String, Error> {
    let mut copy = lease.copy_out(&request.sql).await?;
    let (mut text, mut bytes, mut pieces, mut largest) = (Vec::new(), 0, 0, 0);
    while Some(pieces) != request.stop {
        let Some(piece) = copy.next().await? else { break };
        (bytes, pieces, largest) = (bytes + piece.len(), pieces + 1, largest.max(piece.len()));
        if !request.sizes {
            text.extend(piece);
        }
    }
    Ok(if request.sizes {
        json!({"bytes": bytes, "pieces": pieces, "largest": largest}).to_string()
    } else {
        json!(String::from_utf8_lossy(&text)).to_string()
    })
}
