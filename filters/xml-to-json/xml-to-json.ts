// Owns:    XML bodies as JSON.
// Imports: the SDK.
// Never:   expands an entity that a document declares, goes deeper than it is told to.

import { Event, filter, Output, random, Verdict } from "forebay-filter";
import { fail } from "forebay-filter/assembly/host";
import { error, Parser } from "./parser";
import { Shape } from "./shape";
import { group, Writer } from "./writer";

export * from "forebay-filter/exports";

const shape = new Shape();
const parser = new Parser();
const writer = new Writer();

/** The configuration, once and before any event. */
export function forebay_init_v1(config: usize, len: usize): i32 {
  const why = shape.read(String.UTF8.decodeUnsafe(config, len));
  if (why.length == 0) return 0;
  fail(`the configuration: ${why}`);
  return -1;
}

filter((event: Event): Verdict => {
  const body = event.body;
  parser.start(body.dataStart, body.byteLength, <u32>random(), shape.depthMax);
  if (!parser.parse()) {
    if (shape.rejects) return Verdict.reject(`the body is not XML: ${error}`);
    return shape.drops ? Verdict.drop() : Verdict.pass();
  }
  group(parser);
  const json = writer.document(parser, shape);
  return Verdict.replace(
    Output.of(event).withBody(json).withHeader("content-type", "application/json"),
  );
});
