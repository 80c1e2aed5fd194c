use crate::problem::Problem;
use crate::watch::FailedCanary;
use crate::{Control, audit};
use std::rc::Rc;

impl Control {
    /// Puts in force that canaries which failed too often are over, as long as it is polled. What
    /// cannot be put in force is told: such a canary has its say again when its circuit closes.
    pub async fn end_failed_canaries(self: Rc<Control>) {
        loop {
            for failed in self.ports.watch.failed_canaries().await {
                if let Err(problem) = self.end_canary(&failed).await {
                    let filter = &*failed.filter.name;
                    tracing::error!(filter, ?problem, "its canary cannot be ended for good");
                }
            }
        }
    }

    /// Nothing where the filter or its candidate is another by now.
    async fn end_canary(&self, failed: &FailedCanary) -> Result<(), Problem> {
        let FailedCanary { filter, ended } = failed;
        let version = filter.digest();
        let changed = self.change(|snapshot| {
            let name = (&filter.tenant, &*filter.name);
            let set = snapshot.end_candidate(name, version, ended)?;
            let is_changed = !set.is_empty();
            Ok((set, is_changed))
        });
        if changed.await? {
            audit::canary_ended(self, failed);
        }
        Ok(())
    }
}
