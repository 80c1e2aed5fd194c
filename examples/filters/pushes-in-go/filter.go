// Passes a GitHub push that leaves commits on one branch and drops all else: see README.md.
package main

import (
	"encoding/json"
	"errors"

	"forebay"
)

var wanted = "refs/heads/main"

func init() {
	if branch, isSet := forebay.Config("branch"); isSet {
		wanted = "refs/heads/" + branch
	}
	forebay.Try(answer)
}

func main() {}

type push struct {
	Ref     string `json:"ref"`
	Deleted bool   `json:"deleted"`
}

func answer(e forebay.Event) (forebay.Verdict, error) {
	if e.Type() != "push" {
		return forebay.Drop(), nil
	}
	var told push
	if err := json.Unmarshal(e.Body(), &told); err != nil {
		return forebay.Verdict{}, errors.New("the body: " + err.Error())
	}
	if told.Ref == "" {
		return forebay.Verdict{}, errors.New("the body: `ref` is missing")
	}
	if told.Ref != wanted || told.Deleted {
		return forebay.Drop(), nil
	}
	return forebay.Pass(), nil
}
