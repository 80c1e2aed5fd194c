package forebay

// An Event is what happened: a view into the host's batch, as cheap to copy as two words. No field
// is read before you ask for it.
//
// A string that you get of it is yours. The body is the batch's own bytes and holds until the
// filter has answered.
type Event struct {
	batch *batch
	entry int
}

const (
	flagJSON   = 1
	flagTimer  = 2
	flagReplay = 4
	flagDryRun = 8
)

// ID is `evt_…`, unique, and the `webhook-id` under which the event is delivered.
func (e Event) ID() string { return string(e.batch.span(e.entry + 56)) }

// Type is dotted, like `order.paid`.
func (e Event) Type() string { return string(e.batch.span(e.entry + 24)) }

// Key is what keyed order goes by; empty when the event has none.
func (e Event) Key() string { return string(e.batch.span(e.entry + 16)) }

// Source is the name of the source that let the event in.
func (e Event) Source() string { return e.Header("ce-source") }

// Body is the bytes as they came in, not copied. Do not write to them, and clone what you keep
// beyond the answer.
func (e Event) Body() []byte { return e.batch.span(e.entry + 40) }

// Text is a copy of the body. Go does not mind when it is not UTF-8.
func (e Event) Text() string { return string(e.Body()) }

// Header is the first value of a header, empty when there is none; the name in lower case.
func (e Event) Header(name string) string {
	value, _ := e.LookupHeader(name)
	return value
}

// LookupHeader is Header, and tells an empty value from none.
func (e Event) LookupHeader(name string) (string, bool) {
	for left := headersOf(e.batch.span(e.entry + 32)); left.next(); {
		if string(left.name) == name {
			return string(left.value), true
		}
	}
	return "", false
}

// Headers is all headers in their order: names in lower case, CloudEvents attributes as `ce-*`, the
// source as `ce-source`. A value may be any bytes.
func (e Event) Headers() []Header {
	block := e.batch.span(e.entry + 32)
	left := headersOf(block)
	// One copy for all; names and values are parts of it.
	text := string(block)
	headers := make([]Header, 0, left.count)
	for left.next() {
		value := left.at - len(left.value)
		name := value - len(left.name)
		headers = append(headers, Header{text[name:value], text[value:left.at]})
	}
	return headers
}

// Offset is the event's place in the log.
func (e Event) Offset() uint64 { return long(e.batch.bytes, e.entry) }

// TimeNS is when the event came in, in nanoseconds since the Unix epoch. The only clock there is.
func (e Event) TimeNS() int64 { return int64(long(e.batch.bytes, e.entry+8)) }

// Partition is that of the batch; the largest uint32 in an endpoint's chain.
func (e Event) Partition() uint32 { return word(e.batch.bytes, 40) }

// Runs is how often this filter has been given the event before.
func (e Event) Runs() uint32 { return word(e.batch.bytes, e.entry+52) }

// IsJSON tells whether the body was sent as JSON.
func (e Event) IsJSON() bool { return e.is(flagJSON) }

// IsTimer tells that it is no event but a timer that the filter set and that has come due.
func (e Event) IsTimer() bool { return e.is(flagTimer) }

// IsReplay tells that the event is shown again for a replay.
func (e Event) IsReplay() bool { return e.is(flagReplay) }

// IsDryRun tells that somebody tries the filter: nothing is delivered.
func (e Event) IsDryRun() bool { return e.is(flagDryRun) }

func (e Event) is(flag uint32) bool { return word(e.batch.bytes, e.entry+48)&flag != 0 }
