package forebay

// A Level is how loud a line is.
type Level int32

// The numbers are the contract's.
const (
	Debug Level = 0
	Info  Level = 1
	Warn  Level = 2
	Error Level = 3
)

// Log writes one line to the operator's log, up to a cap; to stderr in a native test. The host
// writes what is not UTF-8 as U+FFFD.
func Log(level Level, line string) { hostLog(int32(level), line) }

// Count adds to a counter of the filter's own.
func Count(name string, by float64) { hostMetric(name, 0, by) }

// Gauge sets a gauge of the filter's own.
func Gauge(name string, value float64) { hostMetric(name, 1, value) }

// Random is a number that a replay draws again: it is seeded by the module, its configuration and
// the event's offset. Always 4 in a native test.
func Random() int64 { return hostRandom() }

// Config is a member of the filter's configuration: a string's characters, of any other value its
// JSON; false when it is not there. It works in init too. In a native test it is what SetConfig set.
func Config(name string) (string, bool) { return hostConfig(name) }

// LookUp is a value of a lookup table of the filter's application; false where the table or the key
// is not there. All events of a batch see the same version; in init there are no tables yet. In a
// native test it is what SetEntry set.
func LookUp(table, key string) (string, bool) { return hostLookUp(table, key) }

// Refuse ends the module's start, for an operator to read why. It is for init.
func Refuse(why string) {
	hostFail(why)
	panic(why)
}
