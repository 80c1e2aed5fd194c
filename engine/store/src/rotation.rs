use crate::tables::{Tables, unreadable};
use fjall::Keyspace;
use log::Failure;
use log::codec::{Reader, offset_of_key, put_varint};

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
    /// The rows in `meta` say which tables there are.
    ///
    /// Errors: `Corrupt` when one of them is not there. Only the oldest may be missing: those are
    /// dropped before their rows.
    pub fn open(tables: &Tables, name: &'static str) -> Result<Rotation, Failure> {
        let bounds = bounds(tables, name)?;
        let found = tables.numbers(name);
        let mut turns: Vec<Turn> = Vec::new();
        for (number, from) in &bounds {
            if found.contains(number) {
                let table = tables.rows(&self::name(name, *number))?;
                turns.push(Turn { number: *number, from: *from, table });
            } else if !turns.is_empty() || bounds.last().is_some_and(|last| last.0 == *number) {
                return Err(unreadable(&tables.path));
            }
        }
        // Its row is gone, so it was on its way out.
        let first = bounds.first().map_or(0, |first| first.0);
        for number in found.into_iter().filter(|number| *number < first) {
            tables.drop_table(tables.rows(&self::name(name, number))?)?;
        }
        // One that was made but never begun waits for its turn: fjall gives the number of a table
        // that is dropped at once to the next one, and then forgets that one at the next start.
        Ok(Rotation { name, turns })
    }

    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    pub fn open_turn(&self) -> Option<&Turn> {
        self.turns.last()
    }

    pub fn next_number(&self) -> u64 {
        self.turns.last().map_or(0, |turn| turn.number + 1)
    }

    /// Begins a table for what is written from `from` on, and the row that says so: it belongs
    /// into the batch that writes the first rows.
    pub fn begin(&mut self, tables: &Tables, from: u64) -> Result<BoundRow, Failure> {
        let number = self.next_number();
        let table = tables.rows(&name(self.name, number))?;
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

pub fn name(kind: &str, number: u64) -> String {
    format!("{kind}-{number}")
}

/// A row for the table `meta`.
pub struct BoundRow {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

fn bounds(tables: &Tables, name: &'static str) -> Result<Vec<(u64, u64)>, Failure> {
    let prefix = format!("{name}/");
    let mut bounds = Vec::new();
    for guard in tables.meta.prefix(&prefix) {
        let (key, value) = guard.into_inner().map_err(|err| tables.failure(err))?;
        let number = offset_of_key(&key[prefix.len()..]);
        let from = Reader::new(&value).varint().ok();
        let bad = Failure::DamagedRow { table: "meta", why: "not the bound of a table" };
        let (Some(number), Some(from)) = (number, from) else { return Err(bad) };
        bounds.push((number.0, from));
    }
    Ok(bounds)
}

fn bound_key(name: &str, number: u64) -> Vec<u8> {
    let mut key = format!("{name}/").into_bytes();
    key.extend_from_slice(&number.to_be_bytes());
    key
}
