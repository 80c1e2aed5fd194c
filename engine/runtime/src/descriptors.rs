/// How many files and sockets the process may have open; `None` when there is no limit.
pub fn descriptors_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}
