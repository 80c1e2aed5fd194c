// Masks one member of a JSON object and keeps the values of the others: see README.md.
package main

import (
	"encoding/json"
	"errors"

	"forebay"
)

var member = "email"

func init() {
	if name, isSet := forebay.Config("member"); isSet {
		member = name
	}
	forebay.Try(answer)
}

func main() {}

func answer(e forebay.Event) (forebay.Verdict, error) {
	// What is raw is checked and not read, so a number keeps its digits.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(e.Body(), &members); err != nil {
		return forebay.Verdict{}, errors.New("the body: " + err.Error())
	}
	if _, isThere := members[member]; !isThere {
		return forebay.Pass(), nil
	}
	members[member] = json.RawMessage(`"[redacted]"`)
	body, err := json.Marshal(members)
	if err != nil {
		return forebay.Verdict{}, err
	}
	return forebay.Emit(forebay.Of(e).WithBody(body)), nil
}
