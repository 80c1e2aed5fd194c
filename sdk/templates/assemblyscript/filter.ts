import { Event, keep } from "./forebay-filter";

export * from "./forebay-filter/exports";

keep((event: Event): bool => event.isType("order.paid"));
