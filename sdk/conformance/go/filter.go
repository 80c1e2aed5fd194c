// The conformance filter: see ../README.md.
package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"forebay"
)

func init() {
	forebay.Try(answer)
}

func main() {}

func answer(e forebay.Event) (forebay.Verdict, error) {
	switch e.Type() {
	case "pass":
		return forebay.Pass(), nil
	case "drop":
		return forebay.Drop(), nil
	case "reject":
		return forebay.Reject(e.Text()), nil
	case "fail":
		return forebay.Verdict{}, errors.New(e.Text())
	case "retry":
		return forebay.Retry(60_000, "later"), nil
	case "body":
		return forebay.Emit(forebay.Of(e).WithBody(between('<', e.Body(), '>'))), nil
	case "alias":
		return forebay.Emit(forebay.Of(e).WithBody(inner(e.Body()))), nil
	case "empty":
		return forebay.Emit(forebay.Of(e).WithBody(nil)), nil
	case "key":
		return forebay.Emit(forebay.Of(e).WithKey("key of " + e.Key())), nil
	case "type":
		return forebay.Emit(forebay.Of(e).WithType("renamed." + e.ID())), nil
	case "headers":
		return forebay.Emit(forebay.Of(e).WithHeaders(headers(e))), nil
	case "bare":
		return forebay.Emit(forebay.Of(e).WithHeaders(nil)), nil
	case "stamp":
		return forebay.Emit(forebay.Of(e).WithHeader("x-stamp", "1")), nil
	case "kept":
		if e.Header("x-kept") != "ok" {
			return forebay.Drop(), nil
		}
		return forebay.Pass(), nil
	case "table":
		word, isThere := forebay.LookUp("words", e.Text())
		if !isThere {
			word = "none"
		}
		return forebay.Emit(forebay.Of(e).WithText(word)), nil
	case "fan":
		return fan(e), nil
	case "copies":
		count, err := strconv.Atoi(e.Text())
		if err != nil {
			return forebay.Verdict{}, err
		}
		return forebay.Emit(make([]forebay.Output, count)...), nil
	case "none":
		return forebay.Emit(), nil
	case "dump":
		return forebay.Emit(forebay.Of(e).WithBody(dump(e))), nil
	case "config":
		greeting, isSet := forebay.Config("greeting")
		if !isSet {
			greeting = "none"
		}
		return forebay.Emit(forebay.Of(e).WithText(greeting)), nil
	case "log":
		forebay.Log(forebay.Info, e.Text())
		return forebay.Pass(), nil
	case "count":
		forebay.Count("seen", 2)
		forebay.Gauge("depth", 1.5)
		return forebay.Pass(), nil
	case "spin":
		for {
		}
	}
	return forebay.Reject("unknown type: " + e.Type()), nil
}

func between(first byte, middle []byte, last byte) []byte {
	body := make([]byte, 0, len(middle)+2)
	body = append(body, first)
	body = append(body, middle...)
	return append(body, last)
}

// inner is what a body has between its first and its last byte.
func inner(body []byte) []byte {
	if len(body) < 2 {
		return nil
	}
	return body[1 : len(body)-1]
}

func headers(e forebay.Event) []forebay.Header {
	before := e.Headers()
	after := make([]forebay.Header, 0, len(before)+1)
	for _, header := range before {
		if !strings.HasPrefix(header.Name, "x-drop-") {
			after = append(after, header)
		}
	}
	count := strconv.Itoa(len(before))
	return append(after, forebay.Header{Name: "x-conformance", Value: count})
}

func fan(e forebay.Event) forebay.Verdict {
	var outputs []forebay.Output
	for i, part := range bytes.Split(e.Body(), []byte("\n")) {
		outputs = append(outputs, forebay.Of(e).WithBody(part).WithKey(strconv.Itoa(i)))
	}
	return forebay.Emit(outputs...)
}

func dump(e forebay.Event) []byte {
	var text []byte
	line := func(name, between, value string) {
		text = append(text, name...)
		text = append(text, between...)
		text = append(text, value...)
		text = append(text, '\n')
	}
	line("id", "=", e.ID())
	line("type", "=", e.Type())
	line("key", "=", e.Key())
	line("source", "=", e.Source())
	line("offset", "=", strconv.FormatUint(e.Offset(), 10))
	line("time_ns", "=", strconv.FormatInt(e.TimeNS(), 10))
	line("is_json", "=", strconv.FormatBool(e.IsJSON()))
	line("is_replay", "=", strconv.FormatBool(e.IsReplay()))
	line("is_dry_run", "=", strconv.FormatBool(e.IsDryRun()))
	for _, header := range e.Headers() {
		line(header.Name, ": ", header.Value)
	}
	line("", "", "")
	return append(text, e.Body()...)
}
