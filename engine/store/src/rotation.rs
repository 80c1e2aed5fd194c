use crate::tables::Tables;
use fjall::Keyspace;
use log::Failure;
use log::codec::{Reader, put_varint};

/// Tables of one kind of row that follow one another, so that old rows go by dropping a table.
///
/// Each knows the bound from which on it was written; an earlier one holds nothing at or above
/// the bound of the one after it.
#[derive(Clone)]
pub struct Rotation {
    name: &'static str,
    turns: Vec<Turn>,
}

#[derive(Clone)]
pub struct Turn {
    pub number: u64,
    pub from: u64,
    pub table: Keyspace,
}

impl Rotation {
    pub fn open(tables: &Tables, name: &'static str) -> Result<Rotation, Failure> {
        let mut turns = Vec::new();
        for number in tables.numbers(name) {
            let table = tables.rows(&format!("{name}-{number}"))?;
            // A table that was made but never begun has no bound yet, and nothing in it.
            let bound = tables.meta.get(bound_key(name, number));
            let bound = bound.map_err(|err| tables.failure(err))?;
            let from = bound.and_then(|bytes| Reader::new(&bytes).varint().ok());
            match from {
                Some(from) => turns.push(Turn { number, from, table }),
                None => tables.drop_table(table)?,
            }
        }
        Ok(Rotation { name, turns })
    }

    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    pub fn open_turn(&self) -> Option<&Turn> {
        self.turns.last()
    }

    /// Begins a table for what is written from `from` on, and the row that says so: it belongs
    /// into the batch that writes the first rows.
    pub fn begin(&mut self, tables: &Tables, from: u64) -> Result<BoundRow, Failure> {
        let number = self.turns.last().map_or(0, |turn| turn.number + 1);
        let table = tables.rows(&format!("{}-{number}", self.name))?;
        self.turns.push(Turn { number, from, table });
        let mut value = Vec::new();
        put_varint(&mut value, from);
        Ok(BoundRow { key: bound_key(self.name, number), value: Some(value) })
    }

    /// Takes out the tables that hold nothing at or above `bound`.
    pub fn retire(&mut self, bound: u64) -> Vec<Turn> {
        let kept = self.turns.windows(2).position(|pair| pair[1].from > bound);
        let kept = kept.unwrap_or(self.turns.len().saturating_sub(1));
        self.turns.drain(..kept).collect()
    }

    /// The row that goes with a table that was dropped.
    pub fn ended(&self, turn: &Turn) -> BoundRow {
        BoundRow { key: bound_key(self.name, turn.number), value: None }
    }
}

/// A row for the table `meta`.
pub struct BoundRow {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

fn bound_key(name: &str, number: u64) -> Vec<u8> {
    let mut key = format!("{name}/").into_bytes();
    key.extend_from_slice(&number.to_be_bytes());
    key
}
