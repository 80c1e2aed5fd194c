// true passes the event, false drops it. forebay.d.ts has all that there is.
export default (event) => event.type === "order.paid";
