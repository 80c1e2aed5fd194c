use crate::mark::OpenGeneration;
use crate::tables::{Tables, unreadable};
use event::{Offset, Time};
use fjall::Keyspace;
use log::Failure;
use log::codec::{Reader, put_varint};

/// A sealed run of the log, in a table of its own: nothing is ever removed from the table, it is
/// dropped whole.
#[derive(Clone)]
pub struct Sealed {
    pub number: u64,
    pub first: Offset,
    pub end: Offset,
    pub bytes: u64,
    pub newest: Time,
    /// The checksums of its events, each folded into the one of those before.
    pub checksum: u64,
    pub table: Keyspace,
}

/// The tables of the log, oldest first.
#[derive(Clone)]
pub struct Generations {
    pub sealed: Vec<Sealed>,
    /// Of the open generation.
    pub table: Keyspace,
}

impl Generations {
    /// The tables below `floor` that a drop left behind go now.
    ///
    /// Errors: `Corrupt` when a table that should be there is not.
    pub fn open(
        tables: &Tables,
        open: &OpenGeneration,
        floor: Offset,
    ) -> Result<Generations, Failure> {
        let numbers = tables.numbers("log");
        let (mut sealed, mut left): (Vec<Sealed>, Vec<Keyspace>) = Default::default();
        for number in numbers.iter().copied().filter(|number| *number < open.number) {
            let table = tables.events(&name(number))?;
            match seal(tables, number, &table)? {
                Some(seal) if seal.end > floor => sealed.push(seal),
                _ => left.push(table),
            }
        }
        let ends = sealed.iter().map(|seal| seal.end);
        let firsts = sealed.iter().skip(1).map(|seal| seal.first).chain([open.first]);
        let starts_at = sealed.first().map_or(open.first, |seal| seal.first);
        let is_dense = ends.eq(firsts.take(sealed.len())) && starts_at <= floor;
        let has_open = numbers.contains(&open.number) || open.bytes == 0;
        if !is_dense || !has_open {
            return Err(unreadable(&tables.path));
        }
        left.into_iter().try_for_each(|table| tables.drop_table(table))?;
        Ok(Generations { sealed, table: tables.events(&name(open.number))? })
    }

    /// The tables that hold events of `from..`, each with the offset where it ends.
    pub fn from(&self, from: Offset) -> impl Iterator<Item = (Offset, &Keyspace)> {
        let sealed = self.sealed.iter().map(|seal| (seal.end, &seal.table));
        sealed.chain([(Offset::MAX, &self.table)]).filter(move |(end, _)| *end > from)
    }
}

pub fn name(number: u64) -> String {
    format!("log-{number}")
}

pub fn seal_key(number: u64) -> Vec<u8> {
    let mut key = b"seal/".to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The row in `meta` that seals a generation, written with the first group of the next one.
pub fn encode_seal(open: &OpenGeneration, end: Offset) -> Vec<u8> {
    let mut value = Vec::new();
    for number in [open.first.0, end.0, open.bytes, open.newest.nanos(), open.checksum] {
        put_varint(&mut value, number);
    }
    value
}

fn seal(tables: &Tables, number: u64, table: &Keyspace) -> Result<Option<Sealed>, Failure> {
    let row = tables.meta.get(seal_key(number)).map_err(|err| tables.failure(err))?;
    let Some(row) = row else { return Ok(None) };
    let mut reader = Reader::new(&row);
    let mut next = || {
        let bad = |_| Failure::DamagedRow { table: "meta", why: "not a seal" };
        reader.varint().map_err(bad)
    };
    Ok(Some(Sealed {
        number,
        first: Offset(next()?),
        end: Offset(next()?),
        bytes: next()?,
        newest: Time::from_nanos(next()?),
        checksum: next()?,
        table: table.clone(),
    }))
}
