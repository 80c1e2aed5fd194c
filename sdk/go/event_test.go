package forebay

import (
	"slices"
	"testing"
)

func push() Sample {
	return NewSample("push", `{"ref":"refs/heads/main"}`).
		WithID("evt_1").
		WithKey("octo/repo").
		WithHeader("X-GitHub-Event", "push").
		WithHeader("ce-source", "github").
		WithHeader("x-empty", "").
		WithHeader("x-raw", "\xff").
		WithOffset(1 << 40).
		WithTimeNS(1_700_000_000_123_456_789)
}

func TestEveryFieldIsWhatTheHostWrote(t *testing.T) {
	e := push().Event()
	texts := [...][2]string{
		{e.ID(), "evt_1"},
		{e.Type(), "push"},
		{e.Key(), "octo/repo"},
		{e.Source(), "github"},
		{e.Text(), `{"ref":"refs/heads/main"}`},
		{e.Header("x-github-event"), "push"},
		{e.Header("x-raw"), "\xff"},
	}
	for _, text := range texts {
		if text[0] != text[1] {
			t.Errorf("%q, not %q", text[0], text[1])
		}
	}
	if e.Offset() != 1<<40 || e.TimeNS() != 1_700_000_000_123_456_789 {
		t.Error(e.Offset(), e.TimeNS())
	}
	if !e.IsJSON() || e.IsTimer() || e.IsReplay() || e.IsDryRun() || e.Runs() != 0 {
		t.Error("flags")
	}
	if e.Partition() != 1<<32-1 {
		t.Error(e.Partition())
	}
}

func TestHeadersKeepTheirOrder(t *testing.T) {
	want := []Header{
		{"x-github-event", "push"}, {"ce-source", "github"}, {"x-empty", ""}, {"x-raw", "\xff"},
	}
	if got := push().Event().Headers(); !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestWhatIsMissingIsEmpty(t *testing.T) {
	e := NewSample("x", "").Event()
	if e.Key() != "" || e.Source() != "" || len(e.Body()) != 0 || len(e.Headers()) != 0 {
		t.Error("not empty")
	}
	if _, is := e.LookupHeader("x-empty"); is {
		t.Error("a header that is not there")
	}
	if _, is := push().Event().LookupHeader("x-empty"); !is {
		t.Error("an empty header is there")
	}
}

func TestAppendingToABodyDoesNotReachTheBatch(t *testing.T) {
	e := push().Event()
	_ = append(e.Body(), "!!!!"...)
	if e.Key() != "octo/repo" || e.ID() != "evt_1" {
		t.Error(e.Key(), e.ID())
	}
}

func TestSettingAHeaderKeepsTheOthers(t *testing.T) {
	first := Of(push().Event()).WithHeader("x-github-event", "ping").WithoutHeader("x-raw")
	second := first.WithHeader("a", "1")
	third := first.WithHeader("b", "2")
	names := func(o Output) (names []string) {
		for _, header := range o.Headers {
			names = append(names, header.Name)
		}
		return names
	}
	if got := names(second); !slices.Equal(got, []string{"ce-source", "x-empty", "x-github-event", "a"}) {
		t.Error(got)
	}
	if got := names(third); !slices.Equal(got, []string{"ce-source", "x-empty", "x-github-event", "b"}) {
		t.Error(got)
	}
}

func TestABatchThatLiesIsRefused(t *testing.T) {
	whole := batchOf([]Sample{push()}, sampleAt)
	for at, value := range map[int]uint32{0: 0, 12: 1000, 16: 5, 20: 32} {
		broken := slices.Clone(whole)
		putWord(broken, at, value)
		if _, wrong := readBatch(sampleAt, broken); wrong == "" {
			t.Error("taken with", value, "at", at)
		}
	}
}
