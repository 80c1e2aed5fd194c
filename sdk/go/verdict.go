package forebay

// A Kind is one of the five things that may become of an event.
type Kind uint8

// The numbers are the contract's.
const (
	KindDrop   Kind = 0
	KindPass   Kind = 1
	KindEmit   Kind = 2
	KindReject Kind = 3
	KindRetry  Kind = 4
)

// A Verdict is what a filter says of one event. The zero one drops it.
type Verdict struct {
	Kind    Kind
	DelayMS uint32
	Reason  string
	Outputs []Output
}

// Drop delivers nothing: the event is not wanted.
func Drop() Verdict { return Verdict{} }

// Pass delivers the event as it is.
func Pass() Verdict { return Verdict{Kind: KindPass} }

// Emit delivers these instead, in this order, at most 64. None is the same as Drop.
func Emit(outputs ...Output) Verdict {
	if len(outputs) == 0 {
		return Drop()
	}
	return Verdict{Kind: KindEmit, Outputs: outputs}
}

// Reject puts the event to the dead letters, where a person finds it with this reason.
func Reject(reason string) Verdict { return Verdict{Kind: KindReject, Reason: reason} }

// Retry has the event shown to the filter again, not before so many milliseconds.
func Retry(delayMS uint32, reason string) Verdict {
	return Verdict{Kind: KindRetry, DelayMS: delayMS, Reason: reason}
}
