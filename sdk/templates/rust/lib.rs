use forebay_filter::{Event, filter};

fn is_paid(event: Event) -> bool {
    event.event_type() == "order.paid"
}

filter!(is_paid);
