use super::Choice;
use clap::Args;

/// Which endpoints a list shows.
#[derive(Args)]
pub struct EndpointChoice {
    /// Those that want this type alone; of several, one of them
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Those that want messages of this channel alone
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Those alone whose deliveries wait: somebody has disabled them, or what came of them has
    #[arg(long, conflicts_with = "enabled")]
    disabled: bool,
    /// Those alone whose deliveries do not wait
    #[arg(long)]
    enabled: bool,
    /// Those with this text in their URL, uid or description alone, in whichever case
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl Choice for EndpointChoice {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let disabled = match (self.disabled, self.enabled) {
            (true, _) => Some("true"),
            (false, true) => Some("false"),
            (false, false) => None,
        };
        let types = self.types.iter().map(|name| ("event_types", name.clone()));
        let mut all: Vec<_> = types.collect();
        all.extend(self.channel.clone().map(|name| ("channel", name)));
        all.extend(disabled.map(|text| ("disabled", text.to_owned())));
        all.extend(self.search.clone().map(|text| ("search", text)));
        all
    }
}
