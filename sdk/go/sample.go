package forebay

import "strings"

// A Sample is an event for tests, in the form in which the host hands one over.
type Sample struct {
	id, event, key string
	headers        []Header
	body           []byte
	offset         uint64
	timeNS         int64
	flags          uint32
}

// Where a sample's batch seems to lie.
const sampleAt = 0x10000

// NewSample makes a sample of a type and a body, with the id `evt_sample`.
func NewSample(eventType string, body string) Sample {
	sample := Sample{id: "evt_sample", event: eventType, body: []byte(body)}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		sample.flags = flagJSON
	}
	return sample
}

// WithID sets the id.
func (s Sample) WithID(id string) Sample {
	s.id = id
	return s
}

// WithKey sets the key.
func (s Sample) WithKey(key string) Sample {
	s.key = key
	return s
}

// WithHeader adds a header and lower-cases its name.
func (s Sample) WithHeader(name, value string) Sample {
	s.headers = append(s.headers[:len(s.headers):len(s.headers)], Header{strings.ToLower(name), value})
	return s
}

// WithOffset sets the place in the log.
func (s Sample) WithOffset(offset uint64) Sample {
	s.offset = offset
	return s
}

// WithTimeNS sets the time at which the event came in.
func (s Sample) WithTimeNS(timeNS int64) Sample {
	s.timeNS = timeNS
	return s
}

// Event is the sample as a filter sees it.
func (s Sample) Event() Event {
	laid, wrong := readBatch(sampleAt, batchOf([]Sample{s}, sampleAt))
	if wrong != "" {
		panic(wrong)
	}
	return laid.event(0)
}

// batchOf lays samples out as the host would at this address.
func batchOf(samples []Sample, at uint32) []byte {
	bytes := make([]byte, batchHeaderBytes+entryBytes*len(samples))
	for i, sample := range samples {
		entry := batchHeaderBytes + entryBytes*i
		putLong(bytes, entry, sample.offset)
		putLong(bytes, entry+8, uint64(sample.timeNS))
		putWord(bytes, entry+48, sample.flags)
		headers := make([]byte, headerBlockBytes(sample.headers))
		writeHeaders(headers, sample.headers)
		fields := [...]struct {
			place int
			bytes []byte
		}{
			{16, []byte(sample.key)}, {24, []byte(sample.event)}, {32, headers},
			{40, sample.body}, {56, []byte(sample.id)},
		}
		for _, field := range fields {
			putWord(bytes, entry+field.place, at+uint32(len(bytes)))
			putWord(bytes, entry+field.place+4, uint32(len(field.bytes)))
			bytes = append(bytes, field.bytes...)
			for len(bytes)%4 != 0 {
				bytes = append(bytes, 0)
			}
		}
	}
	putWord(bytes, 0, batchMagic)
	putWord(bytes, 4, 1|batchHeaderBytes<<16)
	putWord(bytes, 8, uint32(len(bytes)))
	putWord(bytes, 12, uint32(len(samples)))
	putWord(bytes, 16, at+batchHeaderBytes)
	putWord(bytes, 20, entryBytes)
	putWord(bytes, 40, 1<<32-1)
	return bytes
}

func putLong(bytes []byte, at int, value uint64) {
	putWord(bytes, at, uint32(value))
	putWord(bytes, at+4, uint32(value>>32))
}
