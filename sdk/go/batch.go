package forebay

const (
	batchMagic       = uint32('F') | 'B'<<8 | 'B'<<16 | '1'<<24
	batchHeaderBytes = 64
	entryBytes       = 64
	// Where in the header the guest says which event it looks at.
	progressAt = 48
)

// A batch is the host's, read in place.
//
// Addresses in it are addresses of the guest's memory; `at` is that of bytes[0]. So the same code
// reads a batch in WebAssembly, where the two are one, and in a native test.
type batch struct {
	at      uint32
	bytes   []byte
	entries int
	stride  int
	count   uint32
}

// readBatch returns what is wrong with the batch, or nothing.
func readBatch(at uint32, bytes []byte) (batch, string) {
	if len(bytes) < batchHeaderBytes || word(bytes, 0) != batchMagic {
		return batch{}, "the batch does not begin with FBB1"
	}
	count, entries, stride := word(bytes, 12), word(bytes, 16), word(bytes, 20)
	first := uint64(entries) - uint64(at)
	if entries < at || stride < entryBytes ||
		first+uint64(count)*uint64(stride) > uint64(len(bytes)) {
		return batch{}, "the batch's entries lie outside of it"
	}
	return batch{at, bytes, int(first), int(stride), count}, ""
}

func (b *batch) event(index uint32) Event {
	return Event{b, b.entries + int(index)*b.stride}
}

// span is the bytes that a (ptr, len) at this place of the batch names; it panics when they lie
// outside the batch, for then the host broke the contract.
func (b *batch) span(place int) []byte {
	ptr, size := word(b.bytes, place), word(b.bytes, place+4)
	if size == 0 {
		return nil
	}
	from := uint64(ptr - b.at)
	to := from + uint64(size)
	return b.bytes[from:to:to]
}

func word(bytes []byte, at int) uint32 {
	b := bytes[at : at+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func long(bytes []byte, at int) uint64 {
	return uint64(word(bytes, at)) | uint64(word(bytes, at+4))<<32
}

func putWord(bytes []byte, at int, value uint32) {
	b := bytes[at : at+4]
	b[0], b[1], b[2], b[3] = byte(value), byte(value>>8), byte(value>>16), byte(value>>24)
}
