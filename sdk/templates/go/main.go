package main

import "forebay"

func init() {
	forebay.Keep(func(e forebay.Event) bool { return e.Type() == "order.paid" })
}

func main() {}
