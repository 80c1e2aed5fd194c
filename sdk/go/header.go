package forebay

// A Header has a name in lower case and a value, which may be any bytes.
type Header struct {
	Name, Value string
}

// The contract's form of headers: a count, then { u16 name_len, u16 0, u32 value_len, name, value }
// for each, which starts at a multiple of 4.
type headerReader struct {
	block       []byte
	count       uint32
	left        uint32
	at          int // The end of the value.
	name, value []byte
}

func headersOf(block []byte) headerReader {
	if len(block) < 4 {
		return headerReader{}
	}
	count := word(block, 0)
	return headerReader{block: block, count: count, left: count, at: 4}
}

func (r *headerReader) next() bool {
	if r.left == 0 {
		return false
	}
	r.left--
	at := (r.at + 3) &^ 3
	lens := r.block[at : at+8]
	nameAt := at + 8
	valueAt := nameAt + (int(lens[0]) | int(lens[1])<<8)
	r.at = valueAt + int(word(lens, 4))
	r.name, r.value = r.block[nameAt:valueAt], r.block[valueAt:r.at]
	return true
}

// headerBlockBytes is the size of the block, from an address that is a multiple of 4.
func headerBlockBytes(headers []Header) int {
	size := 4
	for _, header := range headers {
		size += (8 + len(header.Name) + len(header.Value) + 3) &^ 3
	}
	return size
}

// writeHeaders fills a block of headerBlockBytes.
func writeHeaders(block []byte, headers []Header) {
	putWord(block, 0, uint32(len(headers)))
	at := 4
	for _, header := range headers {
		if len(header.Name) > 0xffff {
			panic("a header's name is longer than 65535 bytes")
		}
		putWord(block, at, uint32(len(header.Name)))
		putWord(block, at+4, uint32(len(header.Value)))
		at += 8
		at += copy(block[at:], header.Name)
		at += copy(block[at:], header.Value)
		for ; at%4 != 0; at++ {
			block[at] = 0
		}
	}
}
