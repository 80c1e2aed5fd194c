//go:build wasip1

package forebay

import (
	"runtime"
	"unsafe"
)

// BufferBytesMax is the largest batch, and so the largest event, that the module takes; the host
// rejects larger ones as too large for the filter. Go ends the module when there is no more memory,
// instead of saying so, hence a limit: it suits 32 MiB of memory, which a filter has by default.
var BufferBytesMax = 8 << 20

const (
	bufferBytesMin = 64 << 10
	// Up to here the buffer grows by doubling, beyond it to what is asked for.
	doublingBytesMax = 1 << 20
)

// What the host reads and writes between calls.
var (
	buffer  []byte
	current batch
	replied answer
)

//go:wasmexport forebay_buffer
func forebayBuffer(size uint32) uint32 {
	if int(size) <= len(buffer) && buffer != nil {
		return address(buffer)
	}
	if int(size) > BufferBytesMax {
		return 0
	}
	wanted := bufferBytesMin
	for wanted < int(size) && wanted < doublingBytesMax {
		wanted *= 2
	}
	if wanted < int(size) {
		// The memory for what is large should be that of what is not needed any more.
		wanted = (int(size) + bufferBytesMin - 1) &^ (bufferBytesMin - 1)
		buffer, current, replied = nil, batch{}, answer{}
		runtime.GC()
	}
	// Of this size Go gives whole pages, so its alignment is far above 16.
	buffer = make([]byte, wanted)
	return address(buffer)
}

//go:wasmexport forebay_process_v1
func forebayProcess(at, size uint32) int64 {
	if answerOf == nil {
		return failed("no filter is set: call forebay.Filter in init")
	}
	if at != address(buffer) || int(size) > len(buffer) {
		return failed("the batch lies where forebay_buffer did not say")
	}
	read, wrong := readBatch(at, buffer[:size])
	if wrong != "" {
		return failed(wrong)
	}
	current = read
	replied.begin(&current)
	for i := uint32(0); i < current.count; i++ {
		putWord(buffer, progressAt, i)
		replied.push(i, ask(current.event(i)))
	}
	block := replied.finish()
	if block == nil {
		return 0
	}
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(block))))<<32 | int64(len(block))
}

func failed(why string) int64 {
	hostFail(why)
	return -1
}
