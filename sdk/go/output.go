package forebay

// An Output is what is delivered in place of an event. It inherits what is nil.
type Output struct {
	Key  *string
	Type *string
	// All of them: what is not here is gone.
	Headers []Header
	Body    []byte
	// A pipe's declared output by number; 0 is the default one, 65535 is all.
	Route uint16

	event Event
}

// Of is the event as it is, until something is set.
func Of(event Event) Output {
	return Output{event: event}
}

// WithKey sets the key; an empty one is none.
func (o Output) WithKey(key string) Output {
	o.Key = &key
	return o
}

// WithType sets the type.
func (o Output) WithType(name string) Output {
	o.Type = &name
	return o
}

// WithBody sets the body. A part of the event's own body is not copied; anything else is, once, when
// the filter answers. Nil is a body of no bytes.
func (o Output) WithBody(body []byte) Output {
	if body == nil {
		body = []byte{}
	}
	o.Body = body
	return o
}

// WithText sets the body.
func (o Output) WithText(body string) Output {
	return o.WithBody([]byte(body))
}

// WithHeader sets one header and keeps the others; the name in lower case. The host refuses names
// that belong to the delivery: `webhook-*`, `host`, `content-length`, `transfer-encoding`.
func (o Output) WithHeader(name, value string) Output {
	o = o.WithoutHeader(name)
	o.Headers = append(o.Headers, Header{name, value})
	return o
}

// WithoutHeader takes a header away and keeps the others.
func (o Output) WithoutHeader(name string) Output {
	before := o.Headers
	if before == nil && o.event.batch != nil {
		before = o.event.Headers()
	}
	// A new list, because copies of this output share the one before.
	kept := make([]Header, 0, len(before)+1)
	for _, header := range before {
		if header.Name != name {
			kept = append(kept, header)
		}
	}
	o.Headers = kept
	return o
}

// WithHeaders sets all headers: what is not here is gone. Nil is none.
func (o Output) WithHeaders(headers []Header) Output {
	if headers == nil {
		headers = []Header{}
	}
	o.Headers = headers
	return o
}

// WithRoute sets the output of the pipe.
func (o Output) WithRoute(route uint16) Output {
	o.Route = route
	return o
}
