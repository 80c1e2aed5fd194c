#include "forebay.h"

forebay_verdict forebay_filter(const forebay_event *event)
{
    return forebay_keep(forebay_is(event->type, "order.paid"));
}
