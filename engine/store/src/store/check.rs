use super::Store;
use crate::read::{check_rows, fold_checksums};
use log::{Failure, Log, codec};

impl Store {
    /// Reads every row. Takes as long as that takes.
    ///
    /// Errors: `DamagedRow` names the table of the first that is not what was written.
    pub fn check_rows(&self) -> Result<(), Failure> {
        let tables = &self.tables;
        let view = self.view();
        check_rows(tables, (&tables.registry, "registry"), codec::decode_registry)?;
        check_rows(tables, (&tables.lane, "lane"), codec::decode_lane)?;
        check_rows(tables, (&tables.gap, "gap"), codec::decode_gap)?;
        check_rows(tables, (&tables.retry, "retry"), codec::decode_retry)?;
        check_rows(tables, (&tables.dead, "dead"), codec::decode_dead)?;
        check_rows(tables, (&tables.parcel, "parcel"), |key, value| {
            let delivery = codec::delivery_of_key(key).ok_or(codec::BadRecord("no delivery"))?;
            codec::decode_parcel(delivery, value)
        })?;
        for turn in view.attempts.turns() {
            check_rows(tables, (&turn.table, "attempts"), codec::decode_attempt)?;
        }
        for turn in view.duplicates.turns() {
            check_rows(tables, (&turn.table, "duplicates"), codec::decode_duplicate)?;
        }
        self.watermarks().map(drop)
    }

    /// Reads every event from the floor to the head, and that each sealed generation is what was
    /// sealed. Takes as long as that takes.
    ///
    /// Errors: `Damaged` names the first event that is not what was written.
    pub fn check_events(&self) -> Result<(), Failure> {
        let end = self.head();
        let view = self.view();
        for seal in &view.log.sealed {
            let folded = fold_checksums(&self.tables, &seal.table, seal.first..seal.end)?;
            // A stub has not the checksum of what it stands for.
            if folded.is_some_and(|folded| folded != seal.checksum) {
                return Err(Failure::Damaged { offset: seal.first });
            }
        }
        let start = view.log.sealed.last().map_or(self.floor(), |seal| seal.end);
        if start < end {
            fold_checksums(&self.tables, &view.log.table, start..end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;
    use fjall::Keyspace;
    use log::contract::full_group;
    use log::{Group, Sync};

    type Of = fn(&Store) -> Keyspace;

    const TABLES: [(&str, Of); 8] = [
        ("registry", |log| log.tables.registry.clone()),
        ("lane", |log| log.tables.lane.clone()),
        ("gap", |log| log.tables.gap.clone()),
        ("retry", |log| log.tables.retry.clone()),
        ("dead", |log| log.tables.dead.clone()),
        ("parcel", |log| log.tables.parcel.clone()),
        ("attempts", |log| log.view().attempts.turns()[0].table.clone()),
        ("duplicates", |log| log.view().duplicates.turns()[0].table.clone()),
    ];

    #[test]
    fn a_row_of_any_table_that_is_not_what_was_written_is_found() {
        for (name, of) in TABLES {
            let dir = tempfile::tempdir().unwrap();
            let mut options = StoreOptions::new(dir.path());
            (options.ballast_bytes, options.disk_floor_bytes) = (0, 0);
            let (log, _) = Store::open(options).unwrap();
            let lease = log.claim().unwrap();
            let group = Group { floor: None, ..full_group() };
            log.commit(lease, &group, Sync::Now).unwrap();
            log.check_rows().unwrap();
            let table = of(&log);
            let (key, value) = table.iter().next().unwrap().into_inner().unwrap();
            let mut value = value.to_vec();
            let last = value.len() - 1;
            value[last] ^= 1;
            table.insert(key, value).unwrap();
            let found = log.check_rows();
            let is_it = |table: &str| table == name;
            assert!(
                matches!(found, Err(Failure::DamagedRow { table, .. }) if is_it(table)),
                "{name}: {found:?}"
            );
        }
    }
}
