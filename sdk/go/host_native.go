//go:build !wasip1

package forebay

import "strconv"

var sampleConfig = map[string]string{}

// SetConfig sets what Config returns. Native tests have it alone.
func SetConfig(name, value string) { sampleConfig[name] = value }

func hostConfig(name string) (string, bool) {
	value, is := sampleConfig[name]
	return value, is
}

var sampleEntries = map[[2]string]string{}

// SetEntry sets what LookUp finds. Native tests have it alone.
func SetEntry(table, key, value string) { sampleEntries[[2]string{table, key}] = value }

func hostLookUp(table, key string) (string, bool) {
	value, is := sampleEntries[[2]string{table, key}]
	return value, is
}

func hostLog(level int32, line string) {
	println([...]string{"debug", "info", "warn", "error"}[level] + ": " + line)
}

func hostFail(why string) { println("failed: " + why) }

func hostRandom() int64 { return 4 }

func hostMetric(name string, kind int32, value float64) {
	sign := [...]string{" + ", " = "}[kind]
	println(name + sign + strconv.FormatFloat(value, 'g', -1, 64))
}
