package forebay_test

import (
	"testing"

	"forebay"
)

func isPaid(e forebay.Event) bool { return e.Type() == "order.paid" }

// As a filter's author would write it.
func TestIsPaid(t *testing.T) {
	sample := forebay.NewSample("order.paid", `{"amount":1999}`).WithHeader("x-shop", "1")
	if !isPaid(sample.Event()) {
		t.Error("dropped")
	}
}

func TestConfigurationIsSetByTheTest(t *testing.T) {
	if _, is := forebay.Config("branch"); is {
		t.Error("set by nobody")
	}
	forebay.SetConfig("branch", "main")
	if branch, is := forebay.Config("branch"); !is || branch != "main" {
		t.Error(branch)
	}
}

func TestTablesAreSetByTheTest(t *testing.T) {
	if _, is := forebay.LookUp("countries", "DE"); is {
		t.Error("set by nobody")
	}
	forebay.SetEntry("countries", "DE", "Germany")
	if name, is := forebay.LookUp("countries", "DE"); !is || name != "Germany" {
		t.Error(name)
	}
}
