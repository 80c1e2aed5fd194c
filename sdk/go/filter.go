// Package forebay is for writing Forebay filters in Go.
//
// A filter is a function from an event to a verdict. The package links no fmt, no reflection and
// no JSON; a filter may.
//
//	package main
//
//	import "forebay"
//
//	func init() {
//		forebay.Keep(func(e forebay.Event) bool { return e.Type() == "order.paid" })
//	}
//
//	func main() {}
//
// It is registered in init, because the host never calls main. Tests are native: make an event of a
// Sample, call the function, look at the answer.
package forebay

import (
	"runtime"
	"strconv"
	"strings"
)

var answerOf func(Event) Verdict

// Filter makes a function the filter of this module. Call it in init.
//
// A panic of the function rejects the event, with the panic's text and place as the reason.
func Filter(answer func(Event) Verdict) {
	answerOf = answer
}

// Try is Filter for a function that may fail: an error rejects the event, with its text as the
// reason.
func Try(answer func(Event) (Verdict, error)) {
	answerOf = func(event Event) Verdict {
		verdict, err := answer(event)
		if err != nil {
			return Reject(err.Error())
		}
		return verdict
	}
}

// Keep makes a filter that passes the events for which a function is true and drops the others.
func Keep(test func(Event) bool) {
	answerOf = func(event Event) Verdict {
		if test(event) {
			return Pass()
		}
		return Drop()
	}
}

// ask returns the filter's verdict, whatever the filter does.
//
// A trap instead would cost the instance, a new start of Go's runtime and a second run of the whole
// batch; what Go can recover from leaves the instance in order.
func ask(event Event) (verdict Verdict) {
	defer func() {
		if thrown := recover(); thrown != nil {
			verdict = Reject("panic: " + panicText(thrown) + panicPlace())
		}
	}()
	return answerOf(event)
}

func panicText(thrown any) string {
	switch thrown := thrown.(type) {
	case error:
		return thrown.Error()
	case string:
		return thrown
	case interface{ String() string }:
		return thrown.String()
	}
	return "a value that is no text"
}

// panicPlace is where the panic that is being recovered from began, outside the runtime.
func panicPlace() string {
	var counters [32]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	for {
		frame, more := frames.Next()
		if frame.File != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			file := frame.File[strings.LastIndexByte(frame.File, '/')+1:]
			return " (" + file + ":" + strconv.Itoa(frame.Line) + ")"
		}
		if !more {
			return ""
		}
	}
}
