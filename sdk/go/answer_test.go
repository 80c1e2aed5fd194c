package forebay

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// answerTo lets the filter that is set answer to samples, as the module's entry does.
func answerTo(samples ...Sample) (*answer, []byte) {
	laid, wrong := readBatch(sampleAt, batchOf(samples, sampleAt))
	if wrong != "" {
		panic(wrong)
	}
	a := &answer{}
	a.begin(&laid)
	for i := range laid.count {
		a.push(i, ask(laid.event(i)))
	}
	return a, a.finish()
}

func of(types ...string) (samples []Sample) {
	for _, name := range types {
		samples = append(samples, NewSample(name, "{}").WithHeader("x", "1"))
	}
	return samples
}

// byType answers by the type of the event.
func byType(answers map[string]Verdict) {
	Filter(func(e Event) Verdict { return answers[e.Type()] })
}

func TestAllPassIsNothing(t *testing.T) {
	Keep(func(Event) bool { return true })
	if _, block := answerTo(of("a", "b")...); block != nil {
		t.Error(block)
	}
}

func TestPlainVerdictsAreCompact(t *testing.T) {
	Keep(func(e Event) bool { return e.Type() == "b" })
	if _, block := answerTo(of("a", "b")...); string(block) != "FBV1\x02\x00\x00\x00\x00\x01" {
		t.Errorf("%q", block)
	}
}

func TestRowsSayWhatIsReplaced(t *testing.T) {
	Filter(func(e Event) Verdict {
		switch e.Type() {
		case "emit":
			return Emit(
				Of(e).WithBody([]byte("new")).WithRoute(7),
				Of(e).WithHeader("y", "22").WithKey("k"),
				Output{})
		case "retry":
			return Retry(9, "later")
		case "none":
			return Emit()
		}
		return Pass()
	})
	_, block := answerTo(of("pass", "emit", "none", "retry")...)
	if string(block[:4]) != "FBR1" || word(block, 4) != 6 || word(block, 12) != 64 {
		t.Fatalf("%q", block[:32])
	}
	row := func(i int) []byte { return block[32+64*i : 32+64*(i+1)] }
	heads := [][]byte{
		{0, 0, 0, 0, 1, 0, 0, 0},
		{1, 0, 0, 0, 2, maskBody, 7, 0},
		{1, 0, 0, 0, 2, maskKey | maskHeaders, 0, 0},
		{1, 0, 0, 0, 2, 0, 0, 0},
		{2, 0, 0, 0, 0, 0, 0, 0},
		{3, 0, 0, 0, 4, 0, 0, 0},
	}
	for i, head := range heads {
		if !bytes.Equal(row(i)[:8], head) {
			t.Error(i, row(i)[:8])
		}
	}
	if word(row(1), 44) != 3 || word(row(2), 36) != 4+12+12 {
		t.Error("lengths")
	}
	if word(row(5), 8) != 9 || word(row(5), 52) != 5 {
		t.Error("the retry")
	}
}

func TestARejectionIsTheSameInAnyCompany(t *testing.T) {
	byType(map[string]Verdict{"bare": Reject(""), "drop": Drop()})
	for _, samples := range [][]Sample{of("bare"), of("drop", "bare", "drop")} {
		if _, block := answerTo(samples...); string(block[:4]) != "FBR1" {
			t.Errorf("%q", block)
		}
	}
}

func TestOnlyWhatLiesOutsideTheBatchIsCopied(t *testing.T) {
	scratch := []byte("0")
	Filter(func(e Event) Verdict {
		if e.Type() == "alias" {
			return Emit(Of(e).WithBody(e.Body()[1:]))
		}
		scratch[0]++
		return Emit(Of(e).WithBody(scratch))
	})
	a, block := answerTo(of("alias", "scratch", "scratch")...)
	if at := word(block, 32+40); at != address(a.batch.event(0).Body()[1:]) {
		t.Error("the alias was copied")
	}
	if kept := a.kept.chunks[0]; kept[0] != '1' || kept[4] != '2' {
		t.Errorf("%q", kept[:8])
	}
}

func TestErrorsAndPanicsReject(t *testing.T) {
	e := push().Event()
	Try(func(Event) (Verdict, error) { return Pass(), errors.New("why") })
	if got := ask(e); got.Kind != KindReject || got.Reason != "why" {
		t.Error(got)
	}
	Try(func(e Event) (Verdict, error) { return Retry(uint32(e.Body()[1000]), ""), nil })
	got := ask(e)
	want := "panic: runtime error: index out of range [1000] with length 25 (answer_test.go:"
	if got.Kind != KindReject || !strings.HasPrefix(got.Reason, want) {
		t.Error(got.Reason)
	}
}

func TestAnArenaKeepsLittle(t *testing.T) {
	var a arena
	first := a.place(3)
	second := a.place(chunkBytesMin)
	third := a.place(chunkBytesMax + 1)
	if len(first) != 3 || len(second) != chunkBytesMin || len(third) != chunkBytesMax+1 {
		t.Error("sizes")
	}
	a.clear()
	if len(a.chunks) != 1 || len(a.chunks[0]) > chunkBytesMax {
		t.Error(len(a.chunks))
	}
	places := [][]byte{a.place(5), a.place(1), a.place(0), a.place(2)}
	if !slices.EqualFunc(places, []int{5, 1, 0, 2}, func(p []byte, n int) bool { return len(p) == n }) {
		t.Error(places)
	}
}
