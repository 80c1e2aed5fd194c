#include "forebay.hpp"

static forebay::answer is_paid(forebay::event event)
{
    return event.type() == "order.paid";
}

FOREBAY_FILTER(is_paid)
