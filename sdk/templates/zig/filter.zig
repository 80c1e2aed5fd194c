const forebay = @import("forebay.zig");

fn isPaid(event: forebay.Event) bool {
    return event.is("order.paid");
}

comptime {
    forebay.filter(isPaid);
}
