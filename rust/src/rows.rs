//! What a statement of the caller's own gave.

use crate::cell::{value_of, Cell};
use crate::row_cells::RowCells;
use crate::{Error, Status};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The rows of a statement, a slice of them, and what else it told. All of them are in memory: for results that do not fit
/// there is [`Transaction::stream`](crate::Transaction::stream).
#[derive(Debug, Clone)]
pub struct Rows {
    command: String,
    count: Option<u64>,
    columns: Arc<Columns>,
    rows: Vec<Row>,
    more: Vec<Rows>,
}

#[derive(Debug)]
struct Columns {
    names: Vec<String>,
    oids: Vec<u32>,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<Columns>,
    cells: Vec<Value>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    command: String,
    copy: Option<String>, // it only began one: nothing was copied yet, nor ever will be
    count: Option<u64>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    types: Vec<u32>,
    #[serde(default)]
    rows: Vec<Vec<Value>>,
    #[serde(default)]
    more: Vec<Answer>,
}

impl From<Answer> for Rows {
    fn from(answer: Answer) -> Self {
        let columns = Arc::new(Columns { names: answer.columns, oids: answer.types });
        let rows = answer.rows.into_iter().map(|cells| Row { columns: columns.clone(), cells }).collect();
        let more = answer.more.into_iter().map(Rows::from).collect();
        Rows { command: answer.command, count: answer.count, columns, rows, more }
    }
}

fn unfit(message: String) -> Error {
    Error::new(Status::Invalid, "sql.query", message)
}

impl Rows {
    pub(crate) fn read(result: &[u8]) -> Result<Rows, Error> {
        let answer: Answer = serde_json::from_slice(result)
            .map_err(|error| Error::new(Status::Internal, "sql.query", format!("unreadable answer: {error}")))?;
        if answer.more.last().unwrap_or(&answer).copy.is_some() {
            return Err(unfit("a copy cannot be run as a query, but as one of the copies".to_owned()));
        }
        Ok(answer.into())
    }

    /// Such as `"SELECT 2"` or `"CREATE TABLE"`.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// How many rows were returned or changed; `None` for commands that have no such number.
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// The columns' names; none for a statement that returns no rows.
    pub fn columns(&self) -> &[String] {
        &self.columns.names
    }

    /// The OIDs of the columns' types.
    pub fn types(&self) -> &[u32] {
        &self.columns.oids
    }

    /// The results of the further statements, when the SQL held several.
    pub fn more(&self) -> &[Rows] {
        &self.more
    }

    /// All rows, converted as [`Row::to`] does.
    ///
    /// # Errors
    /// [`Status::Invalid`] for a column that does not fit.
    pub fn to<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        self.iter().map(Row::to).collect()
    }

    /// The first row, converted as [`Row::to`] does.
    ///
    /// # Errors
    /// [`Status::Absent`] when there is no row, [`Status::Invalid`] for a column that does not fit.
    pub fn one<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let row = self.first();
        row.ok_or_else(|| Error::new(Status::Absent, "sql.query", "the statement gave no row"))?.to()
    }
}

impl std::ops::Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// Names a column of a [`Row`]: by its name, or by its place from 0 on.
pub trait Column: sealed::Sealed + std::fmt::Debug + Copy {
    #[doc(hidden)]
    fn place(self, names: &[String]) -> Option<usize>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for &str {}
}

impl Column for usize {
    fn place(self, names: &[String]) -> Option<usize> {
        (self < names.len()).then_some(self)
    }
}

impl Column for &str {
    fn place(self, names: &[String]) -> Option<usize> {
        names.iter().position(|name| name == self)
    }
}

impl Row {
    fn cell(&self, place: usize) -> Cell<'_> {
        Cell::new(self.columns.oids[place], &self.cells[place])
    }

    /// The value of a column. Through serde: numbers into numeric types that hold them, `bytea` into `Vec<u8>`, arrays into
    /// vectors, `json` and `jsonb` into whatever serde_json reads them into, times in ISO 8601 into text and time types, enum
    /// labels into enums; anything into a `String` (of JSON its text); NULL into `None`.
    ///
    /// # Errors
    /// [`Status::Invalid`] when there is no such column, or when its value does not fit.
    pub fn get<T: DeserializeOwned>(&self, column: impl Column) -> Result<T, Error> {
        let place = column.place(&self.columns.names).ok_or_else(|| unfit(format!("there is no column {column:?}")))?;
        T::deserialize(self.cell(place)).map_err(|error| unfit(format!("column {column:?}: {error}")))
    }

    /// The whole row: a struct, a map and a `serde_json::Value` take columns by their names, a tuple in their order, anything
    /// else is the only column.
    ///
    /// # Errors
    /// [`Status::Invalid`] for a column that does not fit.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let cells = (0..self.cells.len()).map(|place| (self.columns.names[place].as_str(), self.cell(place)));
        T::deserialize(RowCells(cells.collect())).map_err(|error| unfit(error.to_string()))
    }

    /// The row as JSON, by column names: numbers, booleans, arrays and documents as such, everything else as text. A
    /// `numeric` is text, and no digit of it is lost.
    pub fn to_map(&self) -> Map<String, Value> {
        let columns = self.columns.names.iter().zip(&self.columns.oids).zip(&self.cells);
        columns.map(|((name, oid), cell)| (name.clone(), value_of(*oid, cell))).collect()
    }

    /// The columns' names.
    pub fn columns(&self) -> &[String] {
        &self.columns.names
    }

    /// About how many bytes the row holds.
    pub(crate) fn size(&self) -> usize {
        let size = |cell: &Value| cell.as_str().map_or(8, |text| text.len() + 8);
        self.cells.iter().map(size).sum()
    }
}
