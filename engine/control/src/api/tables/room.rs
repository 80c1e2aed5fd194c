use crate::api::Call;
use crate::problem::Problem;
use event::TenantId;
use registry::{Snapshot, TableContent, TableVersion};

/// What tables take beside the one that is to be replaced. Those in force are in memory, and with
/// the earlier versions that are kept they are on the disk.
pub(super) struct Room {
    /// Of the application.
    tables: usize,
    bytes: u64,
    kept_bytes: u64,
    /// Of the node.
    node_bytes: u64,
    node_kept_bytes: u64,
}

/// Of one application, by keys that are bound to it.
const TABLES_MAX: usize = 100;
const BYTES_MAX: u64 = 128 << 20;
/// Of all that are in force, whoever makes them.
const NODE_BYTES_MAX: u64 = 512 << 20;
/// Of one table, kept beside the version in force.
const EARLIER_MAX: usize = 4;
/// An earlier version is kept where all versions together stay below these, of the application
/// and of the node. So the disk never holds more than the node's, and once more what is in force.
const KEPT_BYTES_MAX: u64 = 256 << 20;
const NODE_KEPT_BYTES_MAX: u64 = 1 << 30;

impl Room {
    pub fn beside(snapshot: &Snapshot, app: &TenantId, name: &str) -> Room {
        let mut room =
            Room { tables: 0, bytes: 0, kept_bytes: 0, node_bytes: 0, node_kept_bytes: 0 };
        for table in snapshot.tables() {
            if table.tenant == *app && *table.name == *name {
                continue;
            }
            let (bytes, kept) =
                (table.content.bytes, table.contents().map(|c| c.bytes).sum::<u64>());
            room.node_bytes += bytes;
            room.node_kept_bytes += kept;
            if table.tenant == *app {
                room.tables += 1;
                room.bytes += bytes;
                room.kept_bytes += kept;
            }
        }
        room
    }

    /// Whether a content of so many bytes may come into force.
    pub fn check(&self, call: &Call, bytes: u64, is_new: bool) -> Result<(), Problem> {
        call.within(!is_new || self.tables < TABLES_MAX, "tables", TABLES_MAX)?;
        let has_room = self.bytes + bytes <= BYTES_MAX;
        call.within(has_room, "bytes in tables, or nearly so,", BYTES_MAX as usize)?;
        match self.node_bytes + bytes <= NODE_BYTES_MAX {
            true => Ok(()),
            false => {
                let text = format!("the node's tables would have more than {NODE_BYTES_MAX} bytes");
                Err(Problem::Clash(text.into()))
            }
        }
    }

    /// Which contents stay beside the one that comes into force, the latest first.
    pub fn earlier(&self, old: Option<&TableVersion>, new: &TableContent) -> Vec<TableContent> {
        let all = old.into_iter().flat_map(TableVersion::contents);
        let others = all.filter(|content| content.digest != new.digest);
        let (mut kept, mut node_kept) =
            (self.kept_bytes + new.bytes, self.node_kept_bytes + new.bytes);
        let fits = |content: &&TableContent| {
            kept += content.bytes;
            node_kept += content.bytes;
            kept <= KEPT_BYTES_MAX && node_kept <= NODE_KEPT_BYTES_MAX
        };
        others.take(EARLIER_MAX).take_while(fits).copied().collect()
    }
}
