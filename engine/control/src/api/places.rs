use event::TenantId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What applications have running of one kind of work.
pub(crate) struct Places {
    all: Arc<()>,
    of: BTreeMap<TenantId, Arc<()>>,
    all_max: usize,
    of_one_max: usize,
}

/// One of them. It is given back when it is dropped, wherever that is.
#[expect(dead_code, reason = "they are counted")]
pub(crate) struct Place(Arc<()>, Arc<()>);

/// Applications of which more is remembered than that they read now.
const REMEMBERED_MAX: usize = 256;

impl Places {
    /// Of the log. The node runs sixteen, so that an operator finds some.
    pub fn of_readings() -> Places {
        Places::new(12, 6)
    }

    /// Each is a connection with up to three pieces in memory, as long as it is open.
    pub fn of_tails() -> Places {
        Places::new(64, 12)
    }

    /// Each waits for its turn and holds its events meanwhile.
    pub fn of_dry_runs() -> Places {
        Places::new(8, 2)
    }

    /// Each is a table's text in memory, of up to 64 MiB.
    pub fn of_loads() -> Places {
        Places::new(2, 1)
    }

    fn new(all_max: usize, of_one_max: usize) -> Places {
        Places { all: Arc::default(), of: BTreeMap::new(), all_max, of_one_max }
    }

    pub fn take(&mut self, app: &TenantId) -> Option<Place> {
        if self.of.len() > REMEMBERED_MAX {
            self.of.retain(|_, places| taken(places) > 0);
        }
        let own = self.of.entry(app.clone()).or_default();
        let has_room = taken(&self.all) < self.all_max && taken(own) < self.of_one_max;
        has_room.then(|| Place(self.all.clone(), own.clone()))
    }
}

fn taken(places: &Arc<()>) -> usize {
    Arc::strong_count(places) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_application_leaves_places_to_others_and_all_to_the_operator() {
        let mut places = Places::of_readings();
        let mut taken = Vec::new();
        let mut fill = |app: &str| {
            let before = taken.len();
            taken.extend((0..20).map_while(|_| places.take(&TenantId::new(app))));
            taken.len() - before
        };
        assert_eq!([fill("loud"), fill("other"), fill("third")], [6, 6, 0]);
        taken.truncate(11);
        assert!(places.take(&TenantId::new("loud")).is_none());
        assert!(places.take(&TenantId::new("third")).is_some());
        for n in 0..1_000 {
            drop(places.take(&TenantId::new(&format!("app{n}"))));
        }
        assert!(
            places.of.len() <= REMEMBERED_MAX + 2 && places.of.contains_key(&TenantId::new("loud"))
        );
    }
}
