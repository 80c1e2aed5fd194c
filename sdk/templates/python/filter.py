# True passes the event, False drops it. forebay.pyi has all that there is.
def filter(event, config):
    return event.type == "order.paid"
