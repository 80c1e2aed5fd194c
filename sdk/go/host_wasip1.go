//go:build wasip1

package forebay

import "unsafe"

//go:wasmimport forebay_v1 log
func hostLog(level int32, line string) int32

//go:wasmimport forebay_v1 fail
func hostFail(why string) int32

//go:wasmimport forebay_v1 random
func hostRandom() int64

//go:wasmimport forebay_v1 metric
func hostMetric(name string, kind int32, value float64) int32

//go:wasmimport forebay_v1 config_get
func hostConfigGet(name string, to unsafe.Pointer, room uint32) int32

//go:wasmimport forebay_v1 table_get
func hostTableGet(table, key string, to unsafe.Pointer, room uint32) int32

func hostLookUp(table, key string) (string, bool) {
	size := hostTableGet(table, key, nil, 0)
	if size <= 0 {
		return "", size == 0
	}
	value := make([]byte, size)
	hostTableGet(table, key, unsafe.Pointer(unsafe.SliceData(value)), uint32(size))
	return string(value), true
}

func hostConfig(name string) (string, bool) {
	size := hostConfigGet(name, nil, 0)
	if size <= 0 {
		return "", size == 0
	}
	value := make([]byte, size)
	hostConfigGet(name, unsafe.Pointer(unsafe.SliceData(value)), uint32(size))
	return string(value), true
}
