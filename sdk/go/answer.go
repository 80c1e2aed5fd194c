package forebay

import "unsafe"

const (
	rowsHeaderBytes = 32
	rowBytes        = 64
	maskKey         = 1
	maskType        = 2
	maskHeaders     = 4
	maskBody        = 8
)

// An answer is that to one batch, as the host reads it. It is kept until the next batch, because the
// host reads it after the call has returned. Go's collector moves nothing, so that what a package
// variable holds stays at its address.
type answer struct {
	batch *batch
	// One byte an event: all that is needed while no answer says more than its verdict.
	compact  []byte
	rows     []byte
	kept     arena
	saysMore bool
	allPass  bool
}

func (a *answer) begin(b *batch) {
	a.batch = b
	a.compact = append(a.compact[:0], "FBV1"...)
	a.compact = append(a.compact, 0, 0, 0, 0)
	putWord(a.compact, 4, b.count)
	a.rows = a.rows[:0]
	a.kept.clear()
	a.saysMore = false
	a.allPass = true
}

// push takes the verdict of the event that follows the last one.
func (a *answer) push(source uint32, verdict Verdict) {
	kind := verdict.Kind
	if kind > KindRetry || kind == KindEmit && len(verdict.Outputs) == 0 {
		kind = KindDrop
	}
	a.allPass = a.allPass && kind == KindPass
	if kind == KindPass || kind == KindDrop {
		if a.saysMore {
			a.row(source, kind)
		} else {
			a.compact = append(a.compact, byte(kind))
		}
		return
	}
	if !a.saysMore {
		a.sayMore()
	}
	if kind == KindEmit {
		for i := range verdict.Outputs {
			a.output(source, &verdict.Outputs[i])
		}
		return
	}
	row := a.row(source, kind)
	putWord(row, 8, verdict.DelayMS)
	a.pointToText(row[48:], verdict.Reason)
}

// finish returns the block that the host shall read; none when all pass.
func (a *answer) finish() []byte {
	if a.allPass {
		return nil
	}
	if !a.saysMore {
		return a.compact
	}
	putWord(a.rows, 0, uint32('F')|'B'<<8|'R'<<16|'1'<<24)
	putWord(a.rows, 4, uint32((len(a.rows)-rowsHeaderBytes)/rowBytes))
	putWord(a.rows, 8, address(a.rows)+rowsHeaderBytes)
	putWord(a.rows, 12, rowBytes)
	return a.rows
}

// sayMore turns the verdicts up to now into rows.
func (a *answer) sayMore() {
	a.saysMore = true
	a.rows = append(a.rows[:0], make([]byte, rowsHeaderBytes)...)
	for i, kind := range a.compact[8:] {
		a.row(uint32(i), Kind(kind))
	}
}

// row is a new row, which holds until the next one is made.
func (a *answer) row(source uint32, kind Kind) []byte {
	at := len(a.rows)
	a.rows = append(a.rows, make([]byte, rowBytes)...)
	row := a.rows[at:]
	putWord(row, 0, source)
	row[4] = byte(kind)
	return row
}

func (a *answer) output(source uint32, output *Output) {
	row := a.row(source, KindEmit)
	mask := byte(0)
	if output.Key != nil {
		mask |= maskKey
		a.pointToText(row[16:], *output.Key)
	}
	if output.Type != nil {
		mask |= maskType
		a.pointToText(row[24:], *output.Type)
	}
	if output.Headers != nil {
		mask |= maskHeaders
		block := a.kept.place(headerBlockBytes(output.Headers))
		writeHeaders(block, output.Headers)
		point(row[32:], block)
	}
	if output.Body != nil {
		mask |= maskBody
		a.pointToBody(row[40:], output.Body)
	}
	row[5] = mask
	row[6], row[7] = byte(output.Route), byte(output.Route>>8)
}

func (a *answer) pointToText(place []byte, text string) {
	bytes := a.kept.place(len(text))
	copy(bytes, text)
	point(place, bytes)
}

// pointToBody copies a body that lies outside the batch: its owner may write to it before the host
// reads.
func (a *answer) pointToBody(place, body []byte) {
	if !isPart(body, a.batch.bytes) {
		copied := a.kept.place(len(body))
		copy(copied, body)
		body = copied
	}
	point(place, body)
}

func isPart(part, whole []byte) bool {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return at >= from && at+uintptr(len(part)) <= from+uintptr(len(whole))
}

func point(place, bytes []byte) {
	putWord(place, 0, address(bytes))
	putWord(place, 4, uint32(len(bytes)))
}

// address is one of the guest's memory. A native test's memory is larger; there it means nothing.
func address(bytes []byte) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes))))
}

// An arena holds what an answer points to and the batch does not hold.
type arena struct {
	chunks [][]byte
	used   int // Of the last chunk.
}

const (
	chunkBytesMin = 4 << 10
	// Of what is kept from one batch to the next.
	chunkBytesMax = 256 << 10
)

// clear forgets everything, keeps the largest chunk that is worth keeping.
func (a *arena) clear() {
	var largest []byte
	for _, chunk := range a.chunks {
		if len(chunk) > len(largest) && len(chunk) <= chunkBytesMax {
			largest = chunk
		}
	}
	clear(a.chunks)
	a.chunks = a.chunks[:0]
	if largest != nil {
		a.chunks = append(a.chunks, largest)
	}
	a.used = 0
}

// place is `size` bytes, from an address that is a multiple of 4, which hold until clear.
func (a *arena) place(size int) []byte {
	last := len(a.chunks) - 1
	if last < 0 || size > len(a.chunks[last])-a.used {
		next := chunkBytesMin
		if last >= 0 {
			next = min(2*len(a.chunks[last]), chunkBytesMax)
		}
		a.chunks = append(a.chunks, make([]byte, max(next, size)))
		a.used = 0
		last++
	}
	chunk := a.chunks[last]
	from := a.used
	a.used = min((from+size+3)&^3, len(chunk))
	return chunk[from : from+size : from+size]
}
